"""The JSON Schemas of rule files and of ``*.cases.yaml``, for editors. Of shape only: expressions are text.

Put together from the words that the parser itself knows, so that a new key is missed in neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from bridge.model import OnError
from bridge.rules.cases import BODY_KEYS, OF_BODY_KEYS, PAYLOAD_KEYS, SCOPE_KEYS, WIRE_KINDS, BodyKind
from bridge.rules.meta import FIELDS
from bridge.rules.parse import CEL_WORDS, FILE_KEYS, RULE_KEYS
from bridge.rules.parse_emit import EMIT_KEYS
from bridge.rules.rule import ENVELOPES, SCOPE, Kind

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_Schema = dict[str, Any]

_ABOUT = {
    "from": "What the rules read: {topics: [...]} or {queues: [...]}; a topic that begins with ^ is a regex.",
    "timezone": "IANA name such as Asia/Ho_Chi_Minh, of times that carry no offset.",
    "envelope": "How the body is wrapped; auto recognises CloudEvents, Debezium must be said.",
    "destination": "A name under `destinations` of the configuration; default: default.",
    "on_error": "What becomes of a record when a rule of it is at fault; default: dead_letter.",
    "maps": "Tables: maps.region[?event.currency].orValue('other').",
    "secrets": "Keys of pii.hmac, by where they are found; never the text itself.",
    "rules": "All rules that match a record apply, in this order.",
    "tests": "Run by `filum-bridge test`, and before a changed file is taken.",
    "name": "Unique over all files; a label of metrics.",
    "when": "A condition, in CEL; left out: every record.",
    "let": "Names for parts of expressions, computed at first use; one may use those above it.",
    "emit": "What to send: one event each, or one for each element of for_each.",
    "event_type": "identify sets the profile, track tells what happened.",
    "event_name": "Plain text such as Order Completed; identify has none.",
    "user_id": "Who it is about, in CEL: text or a whole number.",
    "anonymous_id": "A device or session, in CEL, where the user is not known.",
    "timestamp": "When it happened, in CEL: ISO text or a time; left out: the broker's time. none: no time.",
    "context": "Further properties of the event: key: expression.",
    "event_params": "Parameters, a line each: a bare expression is text, other kinds are declared.",
    "for_each": "One event for each element of a list; the element is called item.",
    "given": "The record: the variables of scope, or `value`, a body to decode.",
    "expect": "Payloads in wire form, [] for none, or {error: a part of its text}.",
    "rule": "Run this rule alone; left out: all rules of the topic or queue.",
}


def rules_schema() -> _Schema:
    """Of a rule file."""
    needs_from = {"required": ["from"]}
    return {
        "$schema": _DIALECT,
        "title": "Filum Bridge rules",
        "description": "Turns records of Kafka and RabbitMQ into identify and track calls.",
        **_object(FILE_KEYS, {**_shared(), **_file_parts()}, ["rules"]),
        "if": {"not": needs_from},
        "then": {"properties": {"rules": {"items": needs_from}}},
        "$defs": {**_values(), "rule": _rule(), "emit": _emit(), "param": _param(), **_test_parts()},
    }


def cases_schema() -> _Schema:
    """Of an ``X.cases.yaml`` beside ``X.yaml``."""
    return {
        "$schema": _DIALECT,
        "title": "Filum Bridge tests of rules",
        "description": "Tests of the rule file beside it, which has this name without .cases.",
        **_object(("tests",), {"tests": _list("test")}, []),
        "$defs": _test_parts(),
    }


def _object(keys: Sequence[str], properties: _Schema, required: Sequence[str]) -> _Schema:
    """An object of just these keys, each with its description."""
    known = {}
    for key in keys:
        about = {"description": _ABOUT[key]} if key in _ABOUT else {}
        known[key] = {**about, **properties.get(key, {})}
    return {
        "type": "object",
        "properties": known,
        "required": list(required),
        "additionalProperties": False,
    }


def _list(name: str) -> _Schema:
    return {"type": "array", "items": {"$ref": f"#/$defs/{name}"}}


def _values() -> _Schema:
    text = {"type": "string", "pattern": r"\S"}
    taken = {"enum": [*SCOPE, *CEL_WORDS]}
    return {
        "text": text,
        "expression": {**text, "description": "An expression in CEL, in double quotes."},
        "identifier": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "not": taken},
    }


def _shared() -> _Schema:
    """What may stand at the top and in a rule."""
    names = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/text"}}
    queues = {**names, "items": {"type": "string", "pattern": r"^(?!\^).*\S"}}
    reads = _object(
        ("topics", "queues", "source"),
        {"topics": names, "queues": queues, "source": {"$ref": "#/$defs/text"}},
        [],
    )
    return {
        "from": {**reads, "anyOf": [{"required": ["topics"]}, {"required": ["queues"]}]},
        "timezone": {"$ref": "#/$defs/text"},
        "envelope": {"enum": list(ENVELOPES)},
        "destination": {"$ref": "#/$defs/text"},
        "on_error": {"enum": [choice.value for choice in OnError]},
    }


def _file_parts() -> _Schema:
    place = {"type": "string", "minLength": 1}
    secret = {"oneOf": [_object((key,), {key: place}, [key]) for key in ("env", "file")]}
    return {
        "maps": {"type": "object", "additionalProperties": {"type": "object"}},
        "secrets": {"type": "object", "additionalProperties": secret},
        "rules": {**_list("rule"), "minItems": 1},
        "tests": _list("test"),
    }


def _rule() -> _Schema:
    lets = {
        "type": "object",
        "propertyNames": {"$ref": "#/$defs/identifier"},
        "additionalProperties": {"$ref": "#/$defs/expression"},
    }
    parts = {
        "name": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"},
        "when": {"$ref": "#/$defs/expression"},
        "let": lets,
        "emit": {**_list("emit"), "minItems": 1},
    }
    return _object(RULE_KEYS, {**_shared(), **parts}, ["name", "emit"])


def _emit() -> _Schema:
    expression = {"$ref": "#/$defs/expression"}
    each = _object(("item", "index"), {"item": expression, "index": {"$ref": "#/$defs/identifier"}}, ["item"])
    parts: _Schema = {
        "event_type": {"enum": ["identify", "track"]},
        "event_name": {"$ref": "#/$defs/text"},
        **dict.fromkeys(("user_id", "anonymous_id", "timestamp"), expression),
        "context": {"type": "object", "additionalProperties": expression},
        "event_params": {
            "type": "object",
            "propertyNames": {"pattern": r"\S"},
            "additionalProperties": {"$ref": "#/$defs/param"},
        },
        "for_each": each,
    }
    named = {"required": ["event_name"]}
    return {
        **_object(EMIT_KEYS, parts, ["event_type"]),
        "anyOf": [{"required": ["user_id"]}, {"required": ["anonymous_id"]}],
        "if": {"properties": {"event_type": {"const": "identify"}}},
        "then": {"not": named},
        "else": named,
    }


def _param() -> _Schema:
    """A bare expression, or one under its kind."""
    text: _Schema = {"type": "string"}
    whole = {"type": ["integer", "boolean"], "minimum": -(2**63), "maximum": 2**63 - 1}
    defaults = {
        Kind.STRING: text,
        Kind.INT: whole,
        Kind.DOUBLE: {"type": "number"},
        Kind.DATETIME: {
            **text,
            "pattern": r"^\s*\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*([Zz]|[+-]\d\d(:?\d\d)?)\s*$",
        },
    }
    about = "A literal, sent where the value is missing or null."
    kinds = [
        _object(
            (kind.value, "default"),
            {kind.value: {"$ref": "#/$defs/expression"}, "default": {"description": about, **defaults[kind]}},
            [kind.value],
        )
        for kind in Kind
    ]
    return {"anyOf": [{"$ref": "#/$defs/expression"}, *kinds]}


def _test_parts() -> _Schema:
    return {"test": _test(), "given": _given(), "payload": _payload()}


def _test() -> _Schema:
    error = _object(("error",), {"error": {"type": "string"}}, ["error"])
    parts = {
        "name": {"description": "What is tested, for people.", "type": ["string", "number", "null"]},
        "rule": {"type": ["string", "null"]},
        "given": {"$ref": "#/$defs/given"},
        "expect": {"anyOf": [_list("payload"), error]},
    }
    return _object(("name", "rule", "given", "expect"), parts, ["given", "expect"])


def _given() -> _Schema:
    text: _Schema = {"type": "string"}
    meta = _object(
        FIELDS,
        {
            **dict.fromkeys(FIELDS, text),
            "headers": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
            **{key: {"type": "integer"} for key in ("partition", "offset")},
            "timestamp": {"type": ["string", "integer", "null"]},
        },
        [],
    )
    bodies: list[_Schema] = [{"required": [name]} for name in BODY_KEYS]
    parts = {
        "meta": {**meta, "type": ["object", "null"]},
        "value_base64": {**text, "contentEncoding": "base64"},
        "decode": {"enum": list(get_args(BodyKind))},
        "content_type": text,
        "content_encoding": text,
    }
    return {
        **_object((*SCOPE_KEYS, "meta", *BODY_KEYS, *OF_BODY_KEYS), parts, []),
        "allOf": [
            {"not": {"anyOf": bodies, "allOf": [{"anyOf": [{"required": [name]} for name in SCOPE_KEYS]}]}},
            {"not": {"required": list(BODY_KEYS)}},
        ],
        "dependentSchemas": {name: {"anyOf": bodies} for name in OF_BODY_KEYS},
    }


def _payload() -> _Schema:
    value = {
        "type": "object",
        "properties": {kind: {} for kind in sorted(WIRE_KINDS)},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    param = _object(("key", "value"), {"value": value}, ["key", "value"])
    params = {"event_params": {"description": "In wire form.", "type": "array", "items": param}}
    plain = {key: {"description": "As it is sent."} for key in PAYLOAD_KEYS if key != "event_params"}
    return _object(PAYLOAD_KEYS, {**plain, **params}, [])
