"""The ``tests:`` of a rule file, or of the ``X.cases.yaml`` beside it: what is given, what is expected."""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from bridge.config_words import nearest
from bridge.located_yaml import KeyPath, Located, read_yaml
from bridge.model import Record, Scope, Stream
from bridge.rules.meta import FIELDS
from bridge.rules.reader import Reader
from bridge.rules.rule import From
from bridge.rules.times import NoTime, instant, milliseconds
from bridge.rules.words import TEST_KEYS

BodyKind = Literal["json", "text"]

_GIVEN = "write `given: {event: {…}}`"
SCOPE_KEYS = ("event", "before", "op", "source", "cloudevent")
BODY_KEYS = ("value", "value_base64")
OF_BODY_KEYS = ("decode", "content_type", "content_encoding")


@dataclass(frozen=True, slots=True)
class Case:
    """One test; ``expect`` is a list of payloads or ``{"error": text}``."""

    name: str
    located: Located
    keypath: KeyPath
    given: dict[str, Any]
    expect: Any
    rule: str | None = None

    @property
    def body_kind(self) -> BodyKind:
        """How a given body is read: what the source's ``decode`` says in production."""
        kind: BodyKind = self.given.get("decode", "json")
        return kind

    @property
    def meta(self) -> dict[str, Any]:
        """What the test says about its record."""
        return self.given.get("meta") or {}

    def stream(self, default: From) -> tuple[str, bool]:
        """The topic or queue, and whether it is a queue; by default the first that the rules read."""
        if "queue" in self.meta:
            return self.meta["queue"], True
        if "topic" in self.meta:
            return self.meta["topic"], False
        return (default.topics[0], False) if default.topics else (default.queues[0], True)

    def record(self, default: From) -> Record:
        """The record that the test is about; its body is that of ``value`` or ``value_base64``, else none."""
        meta = self.meta
        name, queue = self.stream(default)
        headers = tuple((key, _bytes(value)) for key, value in meta.get("headers", {}).items())
        return Record(
            Stream(meta.get("source", default.source or "test"), name, meta.get("partition", 0)),
            meta.get("offset", 0),
            0,
            _body(self.given),
            key=_bytes(meta.get("key")),
            headers=headers,
            timestamp_ms=_milliseconds(meta.get("timestamp")),
            queue=queue,
            routing_key=meta.get("routing_key"),
            message_id=meta.get("message_id"),
            content_type=self.given.get("content_type"),
            content_encoding=self.given.get("content_encoding"),
        )

    def scope(self) -> Scope | None:
        """The variables that ``given`` binds, or None when it gives a body to decode."""
        given = self.given
        if any(body in given for body in BODY_KEYS):
            return None
        before, cloudevent = given.get("before"), given.get("cloudevent")
        time = cloudevent.get("time") if isinstance(cloudevent, dict) else None
        event = given.get("event", before if given.get("op") == "d" else None)
        return Scope(event, before, given.get("op"), given.get("source"), cloudevent, time)


def cases_file(path: Path) -> Path:
    """``orders.yaml`` → ``orders.cases.yaml`` beside it."""
    return path.with_name(f"{path.stem}.cases.yaml")


def read_cases(path: Path, rules: list[str]) -> tuple[list[Case], Reader]:
    """The tests of a ``*.cases.yaml`` file.

    Raises:
        ConfigError: it is no YAML.
    """
    reader = Reader(read_yaml(path))
    reader.mapping(reader.located.value, (), ("tests",))
    return parse_cases(reader, rules), reader


def parse_cases(reader: Reader, rules: list[str]) -> list[Case]:
    """The tests of a file; what is wrong with them goes to the reader.

    Args:
        reader: of the file.
        rules: the names that ``rule`` may name.
    """
    value = reader.located.value
    if not isinstance(value, dict) or "tests" not in value:
        return []
    items = reader.sequence(value["tests"], ("tests",), "begin each test with a dash: `- name: …`")
    cases = [_case(reader, item, ("tests", index), rules) for index, item in enumerate(items)]
    return [case for case in cases if case is not None]


def _case(reader: Reader, value: Any, keypath: KeyPath, rules: list[str]) -> Case | None:
    known = len(reader.errors)
    if isinstance(value, dict) and "event" in value and "given" not in value:
        reader.fault((*keypath, "event"), "the record of a test stands under `given`", _GIVEN, key=True)
        return None
    item = reader.mapping(value, keypath, ("name", "rule", "given", "expect"), meant=TEST_KEYS)
    hints = {"given": _GIVEN, "expect": "`expect: []` where nothing is to be sent"}
    for key, hint in hints.items():
        if isinstance(value, dict) and key not in item:
            reader.fault(keypath, f"a test needs `{key}`", hint)
    given = _given(reader, item.get("given", {}), (*keypath, "given"))
    _check_expect(reader, item.get("expect", []), (*keypath, "expect"))
    rule = item.get("rule")
    if rule is not None and rule not in rules:
        hint = nearest(str(rule), rules)
        reader.fault((*keypath, "rule"), f"no rule `{rule}` in this file", hint)
    name = str(item.get("name") or f"test {int(keypath[-1]) + 1}")
    if len(reader.errors) > known:
        return None
    return Case(name, reader.located, keypath, given, item["expect"], rule)


def _given(reader: Reader, value: Any, keypath: KeyPath) -> dict[str, Any]:
    known = (*SCOPE_KEYS, "meta", *BODY_KEYS, *OF_BODY_KEYS)
    if isinstance(value, dict) and value and not any(_near(key, known) for key in value):
        first = next(iter(value))
        reader.fault((*keypath, first), "the record's body goes under `event`", _GIVEN, key=True)
        return {}
    given = reader.mapping(value, keypath, known, meant={"headers": "meta"}, hint=_GIVEN)
    bodies = [name for name in BODY_KEYS if name in given]
    if bodies and any(name in given for name in SCOPE_KEYS):
        reader.fault((*keypath, bodies[0]), f"give either `{bodies[0]}` or the variables of scope", key=True)
    if len(bodies) > 1:
        reader.fault((*keypath, bodies[1]), "give either `value` or `value_base64`", key=True)
    for name in OF_BODY_KEYS:
        if name in given and not bodies:
            reader.fault((*keypath, name), f"`{name}` is said of a body: give `value`", key=True)
    _check_body(reader, given, keypath)
    if "meta" in given:
        _check_meta(reader, given["meta"], (*keypath, "meta"))
    return given


def _check_body(reader: Reader, given: dict[str, Any], keypath: KeyPath) -> None:
    if given.get("decode", "json") not in ("json", "text"):
        reader.fault((*keypath, "decode"), "must be `json` or `text`")
    for name in ("content_type", "content_encoding"):
        if not isinstance(given.get(name, ""), str):
            reader.fault((*keypath, name), "must be text", "put it in quotes")
    try:
        b64decode(given.get("value_base64", ""), validate=True)
    except (binascii.Error, ValueError, TypeError):
        reader.fault((*keypath, "value_base64"), "must be base64")


def _near(key: Any, known: tuple[str, ...]) -> bool:
    return key in ("headers", "key") or nearest(str(key), known).startswith("did")


def _check_meta(reader: Reader, value: Any, keypath: KeyPath) -> None:
    meta = reader.mapping(value, keypath, FIELDS)
    for key, item in meta.items():
        path = (*keypath, key)
        if key == "headers":
            for name, text in reader.mapping(item, path).items():
                if not isinstance(text, str | None):
                    reader.fault((*path, name), "a header is text", "put it in quotes")
        elif key in ("partition", "offset"):
            if not isinstance(item, int) or isinstance(item, bool):
                reader.fault(path, "must be a whole number")
        elif key == "timestamp":
            _check_timestamp(reader, item, path)
        elif not isinstance(item, str):
            reader.misfit(item, path, "must be text", "put it in quotes")


def _check_timestamp(reader: Reader, value: Any, keypath: KeyPath) -> None:
    try:
        _milliseconds(value)
    except (NoTime, TypeError):
        reader.fault(keypath, "must be an ISO time with offset, or ms since 1970 UTC")


def _check_expect(reader: Reader, value: Any, keypath: KeyPath) -> None:
    if isinstance(value, list):
        for index, payload in enumerate(value):
            _check_payload(reader, payload, (*keypath, index))
    elif not (isinstance(value, dict) and value.keys() == {"error"} and isinstance(value["error"], str)):
        hint = "begin each payload with a dash; `[]` where nothing is to be sent"
        hint = "write {error: 'a part of its text'}" if isinstance(value, str) else hint
        if isinstance(value, dict) and "error" in value:
            hint = "leave the other keys out, the error is text"
        reader.misfit(value, keypath, "must be a list of payloads, or {error: TEXT}", hint)


PAYLOAD_KEYS = (
    *("event_type", "event_name", "user_id", "anonymous_id", "timestamp", "context", "event_params"),
    "event_id",
)


def _check_payload(reader: Reader, value: Any, keypath: KeyPath) -> None:
    """A payload in wire form: a mistyped key would be told as a difference only."""
    payload = reader.mapping(value, keypath, PAYLOAD_KEYS, hint="a payload begins with `- event_type: …`")
    params = payload.get("event_params", [])
    if not isinstance(params, list):
        reader.misfit(params, (*keypath, "event_params"), "must be a list, as it is sent", _WIRE)
        return
    for index, param in enumerate(params):
        path = (*keypath, "event_params", index)
        if not isinstance(param, dict) or param.keys() != {"key", "value"}:
            reader.fault(path, "a parameter has a `key` and a `value`", _WIRE)
        elif not isinstance(param["value"], dict) or len(param["value"]) != 1:
            reader.misfit(param["value"], (*path, "value"), "must say its kind", _WIRE)
        elif not param["value"].keys() & WIRE_KINDS:
            wrong = str(next(iter(param["value"])))
            hint = nearest(wrong, WIRE_KINDS)
            reader.fault((*path, "value", wrong), f"unknown kind `{wrong}`", hint, key=True)


_WIRE = "write {key: Total, value: {double_value: 1.5}}"
WIRE_KINDS = frozenset({"string_value", "int_value", "double_value", "datetime_value"})


def _milliseconds(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if not isinstance(value, str):
        raise TypeError
    return milliseconds(instant(value, None))


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else value.encode()


def _body(given: dict[str, Any]) -> bytes | None:
    if "value_base64" in given:
        return b64decode(given["value_base64"], validate=True)
    value = given.get("value")
    if value is None:
        return None
    return value.encode() if isinstance(value, str) else msgspec.json.encode(value)
