"""Records as JSON lines: what a file source reads and what a file of dead letters holds. Pure.

One object a line: ``topic`` or ``queue``, ``key``, ``headers``, ``timestamp_ms``, and the body as exactly
one of ``value`` (text, or null for a tombstone), ``value_base64`` or ``json`` (an inline document, whose
bytes are taken as they stand). ``headers`` is an object, or a list of ``[name, value]`` when a name
repeats; a header value or ``key`` that is not UTF-8 is ``{"base64": "…"}``. Queue lines may carry
``routing_key message_id content_type content_encoding`` as well. Any other key is an error, so that a
misspelt one is not read as nothing.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from difflib import get_close_matches
from typing import Annotated, Any

import msgspec

from bridge.model import Headers, Quiet, Record, Stream


class Base64(Quiet, frozen=True, gc=True, forbid_unknown_fields=True):
    """Bytes that are not UTF-8."""

    base64: str


_Text = str | Base64 | None
_Milliseconds = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Names = dict[str, _Text] | list[tuple[str, _Text]]


class _Shape(Quiet, frozen=True, gc=True, forbid_unknown_fields=True):
    topic: str | None = None
    queue: str | None = None
    key: _Text = None
    headers: _Names | None = None
    timestamp_ms: _Milliseconds | None = None
    value: str | msgspec.UnsetType | None = msgspec.UNSET
    value_base64: str | msgspec.UnsetType = msgspec.UNSET
    json: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    routing_key: str | None = None
    message_id: str | None = None
    content_type: str | None = None
    content_encoding: str | None = None


class Line(Quiet, frozen=True, gc=True):
    """One line, read: ``name`` is the topic, or the queue where ``queue`` is true."""

    name: str
    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    timestamp_ms: int | None = None
    queue: bool = False
    routing_key: str | None = None
    message_id: str | None = None
    content_type: str | None = None
    content_encoding: str | None = None

    def record(self, source: str, offset: int, epoch: int) -> Record:
        """The record that a source of this name makes of the line."""
        return Record(
            Stream(source, self.name),
            offset,
            epoch,
            self.value,
            key=self.key,
            headers=self.headers,
            timestamp_ms=self.timestamp_ms,
            queue=self.queue,
            routing_key=self.routing_key,
            message_id=self.message_id,
            content_type=self.content_type,
            content_encoding=self.content_encoding,
        )


_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`\Z", re.DOTALL)
_DECODER = msgspec.json.Decoder(_Shape)


def read_line(text: bytes) -> Line:
    """The record that a line describes.

    Args:
        text: one line without its line end.

    Raises:
        ValueError: not such a line; the message is one line for a person, without the line's content.
    """
    try:
        shape = _DECODER.decode(text)
    except UnicodeDecodeError:
        raise ValueError("no record line: not UTF-8") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"no record line: {_problem(str(error))}") from None
    if (shape.topic is None) == (shape.queue is None):
        raise ValueError("no record line: exactly one of `topic` and `queue` is needed")
    return Line(
        name=shape.topic or shape.queue or "",
        value=_body(shape),
        key=_bytes(shape.key),
        headers=_headers(shape.headers),
        timestamp_ms=shape.timestamp_ms,
        queue=shape.queue is not None,
        routing_key=shape.routing_key,
        message_id=shape.message_id,
        content_type=shape.content_type,
        content_encoding=shape.content_encoding,
    )


def _problem(problem: str) -> str:
    """What the decoder says, without the name of an unknown key, unless it may be a known one misspelt."""
    match = _UNKNOWN.match(problem)
    if match is None:
        return problem
    near = get_close_matches(match[1], _Shape.__struct_fields__, n=1)
    return "an unknown key" + (f" (did you mean `{near[0]}`?)" if near else "")


def line_of(record: Record, headers: Headers | None = None) -> bytes:
    """A record as one line, without line end; ``read_line`` gives the same bytes back.

    Args:
        record: whose body, key, name and time are written.
        headers: written in place of the record's own.
    """
    line: dict[str, Any] = {"queue" if record.queue else "topic": record.stream.name}
    if record.key is not None:
        line["key"] = _text(record.key)
    if names := _written_headers(record.headers if headers is None else headers):
        line["headers"] = names
    for name in ("timestamp_ms", "routing_key", "message_id", "content_type", "content_encoding"):
        if (given := getattr(record, name)) is not None:
            line[name] = given
    return msgspec.json.encode(line | _written_body(record.value))


def _body(shape: _Shape) -> bytes | None:
    bodies = [one for one in (shape.value, shape.value_base64, shape.json) if one is not msgspec.UNSET]
    if len(bodies) != 1:
        raise ValueError("no record line: exactly one of `value`, `value_base64` and `json` is needed")
    if isinstance(shape.value_base64, str):
        return _unpack(shape.value_base64)
    if isinstance(shape.json, msgspec.Raw):
        return bytes(shape.json)
    return shape.value.encode() if isinstance(shape.value, str) else None


def _unpack(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("no record line: base64 that is none") from None


def _bytes(text: _Text) -> bytes | None:
    if isinstance(text, Base64):
        return _unpack(text.base64)
    return None if text is None else text.encode()


def _headers(names: _Names | None) -> Headers:
    pairs = names.items() if isinstance(names, dict) else names or ()
    return tuple((name, _bytes(value)) for name, value in pairs)


def _text(data: bytes | None) -> str | dict[str, str] | None:
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode()}


def _written_headers(headers: Headers) -> dict[str, Any] | list[tuple[str, Any]]:
    pairs = [(name, _text(value)) for name, value in headers]
    by_name = dict(pairs)
    return by_name if len(by_name) == len(pairs) else pairs


def _written_body(value: bytes | None) -> dict[str, Any]:
    text = _text(value)
    return {"value_base64": text["base64"]} if isinstance(text, dict) else {"value": text}
