"""Deliveries out of bytes: pika's own decoder is the judge of what they say."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from struct import pack
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pika import frame, spec
from pika.channel import ContentFrameAssembler

from bridge.consumers.rabbitmq_frames import Deliveries, Frames, ack_frames
from bridge.consumers.rabbitmq_properties import MalformedFrame, properties_in
from bridge.consumers.rabbitmq_records import header_bytes
from bridge.consumers.rabbitmq_tags import Ack
from tests.consumers import amqp

Heard = list[tuple[Any, ...]]


def _as_ours(value: Any) -> Any:
    """What pika says, with names and short strings as text."""
    if isinstance(value, dict):
        return {_text(name): _as_ours(one) for name, one in value.items()}
    return [_as_ours(one) for one in value] if isinstance(value, list) else value


def _text(value: Any) -> Any:
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value


def _as_pika(value: Any) -> Any:
    """What we say, with floats cut to whole numbers, as pika does."""
    if isinstance(value, dict):
        return {name: _as_pika(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_as_pika(one) for one in value]
    return int(value) if isinstance(value, float) else value


def _pika(whole: bytes) -> Heard:
    """Every event of a conversation, in the order in which it is complete, by pika."""
    heard: Heard = []
    assemblers: dict[int, ContentFrameAssembler] = {}
    kinds: dict[int, type] = {}
    while whole:
        size, one = frame.decode_frame(whole)
        raw, whole = whole[:size], whole[size:]
        assert isinstance(one, frame.Frame)
        channel = one.channel_number
        if isinstance(one, frame.Method) and spec.has_content(one.method.INDEX):
            kinds[channel] = type(one.method)
        elif not isinstance(one, frame.Header | frame.Body):
            heard.append((raw,))
            continue
        if kinds[channel] is not spec.Basic.Deliver:
            heard.append((raw,))
        elif found := assemblers.setdefault(channel, ContentFrameAssembler()).process(one):
            heard.append((channel, *_delivery(*found)))
    return heard


def _delivery(method: Any, header: Any, body: bytes) -> tuple[Any, ...]:
    said, known = method.method, header.properties
    texts = (known.message_id, known.content_type, known.content_encoding)
    headers = _as_ours(known.headers or {})
    return (
        said.delivery_tag,
        said.redelivered,
        _text(said.routing_key),
        body,
        headers,
        *map(_text, texts),
        known.timestamp,
    )


def _ours(pieces: list[bytes]) -> Heard:
    frames, heard = Frames(), Heard()
    for piece in pieces:
        for found in frames.feed(piece):
            if isinstance(found, Deliveries):
                heard += [
                    (found.channel, *one._replace(headers=_as_pika(one.headers))) for one in found.in_order
                ]
            else:
                heard.append((found,))
    return heard


_unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A conversation is a large value to draw, and says more than many small ones."""


@_unhurried
@given(st.data(), amqp.conversations())
def test_pika_hears_the_same(data: st.DataObject, conversation: list[bytes]) -> None:
    """Deliveries on several channels and all that comes between them, cut at any byte."""
    whole = b"".join(conversation)
    assert _ours(data.draw(amqp.chunks(whole))) == _pika(whole)


@_unhurried
@given(amqp.conversations())
def test_the_cuts_make_no_difference(conversation: list[bytes]) -> None:
    """All in one piece, frame by frame, and byte by byte."""
    whole = b"".join(conversation)
    expected = _ours([whole])
    assert _ours(conversation) == expected
    assert _ours([whole[n : n + 1] for n in range(len(whole))]) == expected


@_unhurried
@given(amqp.properties())
def test_properties_say_what_pika_says(encoded: bytes) -> None:
    """All fourteen, and headers of all types; behind them something else, as in a stream."""
    ours = properties_in(b"?" + encoded + b"\xce", 1, 1 + len(encoded))
    theirs: Any = spec.BasicProperties().decode(encoded)
    assert _as_pika(ours.headers) == _as_ours(theirs.headers or {})
    assert [str(value) for value in ours[1:]] == [
        str(_text(value))
        for value in (theirs.message_id, theirs.content_type, theirs.content_encoding, theirs.timestamp)
    ]


@_unhurried
@given(amqp.tables)
def test_every_header_has_a_text(encoded: bytes) -> None:
    """Whatever a publisher sends, a rule can read it."""
    flags = pack(">H", 1 << amqp.FLAGS["headers"])
    found = properties_in(flags + encoded, 0, 2 + len(encoded))
    assert all(value is None or isinstance(header_bytes(value), bytes) for value in found.headers.values())


def _header_of(value: bytes) -> Any:
    encoded = pack(">H", 1 << amqp.FLAGS["headers"]) + amqp.table(("h", value))
    return properties_in(encoded, 0, len(encoded)).headers["h"]


@given(st.floats(allow_nan=False), st.floats(width=32, allow_nan=False))
def test_floats_stay_floats(double: float, single: float) -> None:
    """Where pika cuts them to whole numbers, or fails at infinity."""
    assert _header_of(b"d" + pack(">d", double)) == double
    assert _header_of(b"f" + pack(">f", single)) == single


def test_a_timestamp_in_ms_by_mistake_is_a_number() -> None:
    """It lies beyond the year 9999, and pika loses the connection over it each time."""
    assert _header_of(b"T" + pack(">Q", 1_764_000_000_000)) == 1_764_000_000_000
    assert _header_of(b"T" + pack(">Q", 1_764_000_000)) == datetime(2025, 11, 24, 16, 0, tzinfo=UTC)


def test_what_is_nested_beyond_reason_stays_bytes() -> None:
    """No publisher can end the thread by depth."""
    value = b"V"
    for _ in range(5000):
        value = b"F" + amqp.table(("t", value))
    inner = _header_of(value)
    for _ in range(32):
        inner = inner["t"]
    assert isinstance(inner, bytes)


def _deliver(channel: int = 1, tag: int = 1) -> bytes:
    return frame.Method(channel, spec.Basic.Deliver("c", tag, False, "", "q")).marshal()


_HEADER_5 = amqp.framed(2, 1, pack(">HHQH", 60, 0, 5, 0))
_CLOSE = frame.Method(1, spec.Channel.Close(404, "gone", 0, 0)).marshal()


@pytest.mark.parametrize(
    "wrong",
    [
        _deliver()[:-1] + b"\xcd",
        _deliver() + _HEADER_5[:-1] + b"\x00",
        _deliver() + _HEADER_5[:-1] + b"\x00" + amqp.framed(3, 1, b"12345"),
        _deliver() + _HEADER_5 + amqp.framed(3, 1, b"12345")[:-1] + b"\x00",
        _deliver() + amqp.framed(2, 2, pack(">HHQH", 60, 0, 5, 0)) + amqp.framed(3, 1, b"12345"),
        _deliver() + _HEADER_5 + amqp.framed(3, 1, b"123456"),
        _deliver() + _HEADER_5 + amqp.framed(3, 1, b"123") + amqp.framed(3, 1, b"456"),
        _deliver() + amqp.framed(3, 1, b"12345"),
        _deliver() + _HEADER_5 + _HEADER_5,
        _deliver() + _deliver(),
        _deliver() + amqp.framed(2, 1, b"\x00\x3c"),
        _deliver() + amqp.framed(2, 1, pack(">HHQH", 60, 0, 0, 1 << 15) + b"\x09abc"),
        _deliver() + amqp.framed(2, 1, pack(">HHQH", 60, 0, 0, 1 << 13) + amqp.table(("n", b"?"))),
        _deliver() + amqp.framed(2, 1, pack(">HHQH", 60, 0, 0, 1 << 13) + amqp.long(b"\x01nI") + bytes(4)),
        amqp.framed(1, 1, pack(">HHB", 60, 60, 1) + b"c"),
        amqp.framed(1, 1, pack(">HHB", 60, 60, 1) + b"c" + pack(">QB", 1, 0) + b"\x00\x05ab"),
    ],
)  # fmt: skip
def test_what_is_no_amqp_is_refused(wrong: bytes) -> None:
    """In one piece and byte by byte: read wrongly it would be a message that nobody sent."""
    with pytest.raises(MalformedFrame):
        _ours([wrong + b"\x08" * 8])
    with pytest.raises(MalformedFrame):
        _ours([(wrong + b"\x08" * 8)[n : n + 1] for n in range(len(wrong) + 8)])


@_unhurried
@given(st.data(), amqp.conversations())
def test_damage_is_refused_or_handed_on(data: st.DataObject, conversation: list[bytes]) -> None:
    """Nothing but ``MalformedFrame`` is raised, whatever the bytes: anything else would end the thread."""
    whole = bytearray(b"".join(conversation))
    if whole:
        for _ in range(data.draw(st.integers(1, 3))):
            whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with suppress(MalformedFrame):
        Frames().feed(bytes(whole))


def test_a_closed_channel_forgets_half_a_delivery() -> None:
    """Its number is used again, for a channel that knows nothing of it."""
    whole = _deliver() + _HEADER_5 + _deliver(2, 9)
    again = _deliver(tag=1) + _HEADER_5 + amqp.framed(3, 1, b"12345")
    rest = amqp.framed(2, 2, pack(">HHQH", 60, 0, 0, 0))
    heard = _ours([whole, _CLOSE, again, rest])
    assert heard == [
        (_CLOSE,),
        (1, 1, False, "q", b"12345", {}, None, None, None, None),
        (2, 9, False, "q", b"", {}, None, None, None, None),
    ]


def test_deliveries_read_together_are_one_batch() -> None:
    """One hand-over for each read, split only where another frame or channel lies between."""
    empty = amqp.framed(2, 1, pack(">HHQH", 60, 0, 0, 0))
    run = b"".join(_deliver(tag=tag) + empty for tag in range(1, 6))
    found = Frames().feed(run + amqp.framed(8, 0, b"") + run)
    assert [len(one.in_order) if isinstance(one, Deliveries) else one for one in found] == [
        5,
        amqp.framed(8, 0, b""),
        5,
    ]


@given(st.integers(1, 65_535), st.lists(st.tuples(st.integers(1, 2**64 - 1), st.booleans()), max_size=5))
def test_acks_are_those_of_pika(channel: int, acks: list[tuple[int, bool]]) -> None:
    """Byte by byte."""
    theirs = b"".join(frame.Method(channel, spec.Basic.Ack(*one)).marshal() for one in acks)
    assert ack_frames(channel, [Ack(*one) for one in acks]) == theirs


def test_a_frame_beyond_all_measure_is_not_waited_for() -> None:
    """A damaged length would else collect up to 4 GiB, and no delivery would come any more."""
    assert Frames().feed(pack(">BHI", 3, 1, 2**24)) == []
    with pytest.raises(MalformedFrame, match="more than"):
        Frames().feed(pack(">BHI", 3, 1, 2**24 + 1) + b"x")
