"""AMQP as brokers send it: Hypothesis strategies for tables and deliveries, encoded by hand or by pika.

pika encodes fewer types of value than it decodes, so values are drawn together with their bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from struct import pack

import pika
from hypothesis import strategies as st
from pika import frame, spec

FLAGS = {
    "content_type": 15, "content_encoding": 14, "headers": 13, "delivery_mode": 12, "priority": 11,
    "correlation_id": 10, "reply_to": 9, "expiration": 8, "message_id": 7, "timestamp": 6, "type": 5,
    "user_id": 4, "app_id": 3, "cluster_id": 2,
}  # fmt: skip
_LAST_SECOND = 253_402_300_799  # of the year 9999


def short(raw: bytes) -> bytes:
    """A short string."""
    return bytes([len(raw)]) + raw


def long(raw: bytes) -> bytes:
    """A long string, a table or an array: its length, then what it holds."""
    return pack(">I", len(raw)) + raw


def table(*pairs: tuple[str, bytes]) -> bytes:
    """A table of encoded values."""
    return long(b"".join(short(name.encode()) + value for name, value in pairs))


class Raw(pika.BasicProperties):
    """Properties as they are: flags and bytes, for what pika cannot encode."""

    def __init__(self, encoded: bytes) -> None:
        super().__init__()
        self._encoded = encoded

    def encode(self) -> list[bytes]:
        return [self._encoded]


def headers_only(encoded_table: bytes) -> Raw:
    """Properties that hold nothing but these headers."""
    return Raw(pack(">H", 1 << FLAGS["headers"]) + encoded_table)


def _number(kind: bytes, form: str, low: int, high: int) -> st.SearchStrategy[bytes]:
    return st.integers(low, high).map(lambda value: kind + pack(form, value))


def _signed(kind: bytes, form: str, bits: int) -> st.SearchStrategy[bytes]:
    return _number(kind, form, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


_any_bytes = st.binary(max_size=30) | st.text(max_size=20).map(str.encode)
_names = st.binary(max_size=12) | st.text(max_size=6).map(str.encode)
_scalars = st.one_of(
    st.booleans().map(lambda value: b"t" + bytes([value])),
    _signed(b"b", ">b", 8),
    _number(b"B", ">B", 0, 255),
    _signed(b"U", ">h", 16),
    _signed(b"s", ">h", 16),
    _number(b"u", ">H", 0, 2**16 - 1),
    _signed(b"I", ">i", 32),
    _number(b"i", ">I", 0, 2**32 - 1),
    _signed(b"L", ">q", 64),
    _signed(b"l", ">q", 64),
    st.floats(width=32, allow_nan=False, allow_infinity=False).map(lambda value: b"f" + pack(">f", value)),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda value: b"d" + pack(">d", value)),
    st.tuples(st.integers(0, 255), st.integers(-(2**31), 2**31 - 1)).map(
        lambda both: b"D" + pack(">Bi", *both)
    ),
    _any_bytes.map(lambda raw: b"S" + long(raw)),
    _any_bytes.map(lambda raw: b"x" + long(raw)),
    _number(b"T", ">Q", 0, _LAST_SECOND),
    st.just(b"V"),
)


def _tables(values: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    pairs = st.lists(st.tuples(_names.map(short), values), max_size=4)
    return pairs.map(lambda found: long(b"".join(name + value for name, value in found)))


def _nested(values: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    arrays = st.lists(values, max_size=4).map(lambda found: b"A" + long(b"".join(found)))
    return arrays | _tables(values).map(lambda found: b"F" + found)


values = st.recursive(_scalars, _nested, max_leaves=6)
tables = _tables(values)

_shorts = (_any_bytes | st.just(b"x" * 255)).map(short)
_octets = st.integers(0, 255).map(lambda value: bytes([value]))
_parts: dict[str, st.SearchStrategy[bytes]] = dict.fromkeys(FLAGS, _shorts) | {
    "headers": tables,
    "delivery_mode": _octets,
    "priority": _octets,
    "timestamp": st.integers(0, 2**63 - 1).map(lambda value: pack(">Q", value)),
}


@st.composite
def properties(draw: st.DrawFn) -> bytes:
    """Flags and properties, any of the fourteen present; a second word of flags, which says nothing."""
    present = draw(st.sets(st.sampled_from(sorted(FLAGS))))
    flags = sum(1 << FLAGS[name] for name in present)
    words = pack(">H", flags) if draw(st.booleans()) else pack(">HH", flags | 1, 0)
    return words + b"".join(draw(_parts[name]) for name in FLAGS if name in present)


def framed(kind: int, channel: int, payload: bytes) -> bytes:
    """One frame."""
    return pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def content(channel: int, encoded: bytes, body: bytes, most: int) -> list[bytes]:
    """Header and body frames of at most so many bytes of payload each."""
    count = math.ceil(len(body) / most)
    header = framed(2, channel, pack(">HHQ", 60, 0, len(body)) + encoded)
    return [header, *(framed(3, channel, body[n * most : (n + 1) * most]) for n in range(count))]


def _method(channel: int, method: spec.amqp_object.Method) -> bytes:  # type: ignore[name-defined]
    return frame.Method(channel, method).marshal()


_OTHERS: Sequence[Callable[[int], bytes]] = (
    lambda channel: _method(channel, spec.Basic.Cancel("tag")),
    lambda channel: _method(channel, spec.Queue.DeclareOk("q", 1, 2)),
    lambda channel: _method(channel, spec.Basic.Ack(7)),
    lambda _: framed(8, 0, b""),
    lambda _: _method(0, spec.Connection.Blocked("low on memory")),
)


@st.composite
def deliveries(draw: st.DrawFn, channel: int) -> list[bytes]:
    """The frames of one message."""
    method = spec.Basic.Deliver(
        draw(st.sampled_from(["ctag1.a", ""])),
        draw(st.integers(1, 2**63)),
        draw(st.booleans()),
        draw(st.sampled_from(["", "amq.topic"])),
        draw(st.text(max_size=20)),
    )
    body = draw(st.binary(max_size=60))
    return [_method(channel, method), *content(channel, draw(properties()), body, draw(st.integers(1, 70)))]


@st.composite
def returns(draw: st.DrawFn, channel: int) -> list[bytes]:
    """A content that is no delivery."""
    method = spec.Basic.Return(312, "NO_ROUTE", "", "q")
    return [_method(channel, method), *content(channel, draw(properties()), draw(st.binary(max_size=20)), 9)]


@st.composite
def conversations(draw: st.DrawFn) -> list[bytes]:
    """The frames of a connection with three channels, in the order of each, mingled."""
    lines = []
    for channel in (1, 2, 65_535):
        one = deliveries(channel) | deliveries(channel) | returns(channel)
        other = st.sampled_from([[make(channel)] for make in _OTHERS])
        lines.append([part for parts in draw(st.lists(one | other, max_size=3)) for part in parts])
    turns = draw(st.permutations([number for number, line in enumerate(lines) for _ in line]))
    return [lines[number].pop(0) for number in turns]


@st.composite
def chunks(draw: st.DrawFn, whole: bytes) -> list[bytes]:
    """The same bytes, cut anywhere."""
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    return [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
