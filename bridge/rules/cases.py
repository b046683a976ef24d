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

BodyKind = Literal["json", "text"]

_SCOPE = ("event", "before", "op", "source", "cloudevent")
_BODIES = ("value", "value_base64")
_OF_BODIES = ("decode", "content_type", "content_encoding")


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
        if any(body in given for body in _BODIES):
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
    items = reader.sequence(value["tests"], ("tests",))
    cases = [_case(reader, item, ("tests", index), rules) for index, item in enumerate(items)]
    return [case for case in cases if case is not None]


def _case(reader: Reader, value: Any, keypath: KeyPath, rules: list[str]) -> Case | None:
    known = len(reader.errors)
    item = reader.mapping(value, keypath, ("name", "rule", "given", "expect"))
    for key in ("given", "expect"):
        if isinstance(value, dict) and key not in item:
            reader.fault(keypath, f"a test needs `{key}`")
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
    given = reader.mapping(value, keypath, (*_SCOPE, "meta", *_BODIES, *_OF_BODIES))
    bodies = [name for name in _BODIES if name in given]
    if bodies and any(name in given for name in _SCOPE):
        reader.fault((*keypath, bodies[0]), f"give either `{bodies[0]}` or the variables of scope", key=True)
    if len(bodies) > 1:
        reader.fault((*keypath, bodies[1]), "give either `value` or `value_base64`", key=True)
    for name in _OF_BODIES:
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
            reader.fault(path, "must be text", "put it in quotes")


def _check_timestamp(reader: Reader, value: Any, keypath: KeyPath) -> None:
    try:
        _milliseconds(value)
    except (NoTime, TypeError):
        reader.fault(keypath, "must be an ISO time with offset, or ms since 1970 UTC")


def _check_expect(reader: Reader, value: Any, keypath: KeyPath) -> None:
    if isinstance(value, list):
        for index, payload in enumerate(value):
            reader.mapping(payload, (*keypath, index))
    elif not (isinstance(value, dict) and value.keys() == {"error"} and isinstance(value["error"], str)):
        reader.fault(keypath, "must be a list of payloads, or {error: TEXT}")


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
