"""Bytes → what AMQP 0-9-1 says beside a body: its properties and tables. Pure.

The values are those that pika makes, but for three that it gets wrong or cannot take: floats stay floats, a
timestamp beyond the year 9999 stays a number, and a name that is not UTF-8 becomes text in tables too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from struct import Struct, error
from typing import Any, NamedTuple

Table = dict[str, Any]
Decode = Callable[[bytes, int, int], tuple[Any, int]]
"""Reads at an offset, so deep within tables; returns the value and the offset behind it."""

_DEEPEST = 32
_U16, _U32, _U64, _DECIMAL = Struct(">H"), Struct(">I"), Struct(">Q"), Struct(">Bi")


class MalformedFrame(Exception):
    """What the broker sent is no AMQP."""


class Properties(NamedTuple):
    """Those of a message's properties that a record has; ``timestamp_seconds`` is since 1970 UTC."""

    headers: Mapping[str, Any]
    message_id: str | None
    content_type: str | None
    content_encoding: str | None
    timestamp_seconds: int | None

    def __repr__(self) -> str:
        return f"<Properties, {len(self.headers)} headers>"


_NONE = Properties({}, None, None, None, None)


def properties_in(data: bytes, at: int, stop: int) -> Properties:
    """The properties of a content header, from its flags on.

    Raises:
        MalformedFrame: they do not end within the frame, or hold a type of value that AMQP has not.
    """
    try:
        (flags,) = _U16.unpack_from(data, at)
        at += 2
        more = flags
        while more & _MORE_FLAGS:
            (more,) = _U16.unpack_from(data, at)
            at += 2
        found: list[Any] = [*_NONE, None]
        for place, decode in _present(flags):
            found[place], at = decode(data, at, 0)
    except (error, IndexError, KeyError) as problem:
        raise MalformedFrame("properties that cannot be read") from problem
    if at > stop:
        raise MalformedFrame("properties longer than their frame")
    return Properties(*found[:-1])


@cache
def _present(flags: int) -> tuple[tuple[int, Decode], ...]:
    """Which properties follow, in their order: the place of each in ``Properties``, or behind them."""
    return tuple(
        (_PLACES.get(name, len(_PLACES)), decode)
        for number, (name, decode) in enumerate(_IN_ORDER)
        if flags & _FIRST_FLAG >> number
    )


def short_text(data: bytes, at: int, depth: int = 0) -> tuple[str, int]:
    """A short string; bytes that are not UTF-8 are shown as escapes."""
    start = at + 1
    stop = start + data[at]
    return data[start:stop].decode(errors="backslashreplace"), stop


def _skip_text(data: bytes, at: int, depth: int) -> tuple[None, int]:
    return None, at + 1 + data[at]


def _table(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    """A table; as bytes where it is nested too deep for anybody to want it."""
    start = at + 4
    stop = start + _U32.unpack_from(data, at)[0]
    if depth > _DEEPEST:
        return data[start:stop], stop
    table: Table = {}
    at = start
    while at < stop:
        value_at = at + 1 + data[at]
        name = data[at + 1 : value_at].decode(errors="backslashreplace")
        table[name], at = _VALUES[data[value_at]](data, value_at + 1, depth + 1)
    return table, _end(at, stop)


def _array(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    start = at + 4
    stop = start + _U32.unpack_from(data, at)[0]
    if depth > _DEEPEST:
        return data[start:stop], stop
    values = []
    at = start
    while at < stop:
        value, at = _VALUES[data[at]](data, at + 1, depth + 1)
        values.append(value)
    return values, _end(at, stop)


def _end(at: int, stop: int) -> int:
    if at > stop:
        raise MalformedFrame("a value longer than its table")
    return at


def _long_bytes(data: bytes, at: int, depth: int) -> tuple[bytes, int]:
    start = at + 4
    stop = start + _U32.unpack_from(data, at)[0]
    return data[start:stop], stop


def _long_text(data: bytes, at: int, depth: int) -> tuple[str | bytes, int]:
    start = at + 4
    stop = start + _U32.unpack_from(data, at)[0]
    try:
        return data[start:stop].decode(), stop
    except UnicodeDecodeError:
        return data[start:stop], stop


def _time(data: bytes, at: int, depth: int) -> tuple[datetime | int, int]:
    (seconds,) = _U64.unpack_from(data, at)
    try:
        return datetime.fromtimestamp(seconds, UTC), at + 8
    except (ValueError, OverflowError, OSError):
        return seconds, at + 8


def _decimal(data: bytes, at: int, depth: int) -> tuple[Decimal, int]:
    places, digits = _DECIMAL.unpack_from(data, at)
    return Decimal(digits).scaleb(-places), at + 5


def _fixed(form: str) -> Decode:
    packed = Struct(form)

    def decode(data: bytes, at: int, depth: int) -> tuple[Any, int]:
        return packed.unpack_from(data, at)[0], at + packed.size

    return decode


def _void(data: bytes, at: int, depth: int) -> tuple[None, int]:
    return None, at


_VALUES: dict[int, Decode] = {
    **{ord(kind): _fixed(form) for kind, form in {
        "t": ">?", "b": ">b", "B": ">B", "U": ">h", "u": ">H", "s": ">h", "I": ">i", "i": ">I",
        "L": ">q", "l": ">q", "f": ">f", "d": ">d",
    }.items()},
    **{ord(kind): decode for kind, decode in {
        "D": _decimal, "S": _long_text, "x": _long_bytes, "A": _array, "T": _time, "F": _table, "V": _void,
    }.items()},
}  # fmt: skip
"""By the types that RabbitMQ knows, which are not quite those of the specification."""

_OCTET = _fixed(">B")
_IN_ORDER: tuple[tuple[str, Decode], ...] = (
    ("content_type", short_text),
    ("content_encoding", short_text),
    ("headers", _table),
    ("delivery_mode", _OCTET),
    ("priority", _OCTET),
    ("correlation_id", _skip_text),
    ("reply_to", _skip_text),
    ("expiration", _skip_text),
    ("message_id", short_text),
    ("timestamp_seconds", _fixed(">Q")),
    ("type", _skip_text),
    ("user_id", _skip_text),
    ("app_id", _skip_text),
    ("cluster_id", _skip_text),
)
_FIRST_FLAG, _MORE_FLAGS = 1 << 15, 1
_PLACES = {name: place for place, name in enumerate(Properties._fields)}
