"""Targets of the network: HTTP responses and AMQP frames."""

from __future__ import annotations

from contextlib import suppress
from random import Random

from bridge.consumers.rabbitmq_frames import Deliveries, Delivery, Frames
from bridge.consumers.rabbitmq_properties import MalformedFrame, properties_in
from bridge.consumers.rabbitmq_records import header_bytes, header_table, record_of
from bridge.model import Stream
from bridge.record_lines import line_of, read_line
from bridge.send.http1.reply import BadReply, Reply
from tests.fuzz.harness import Target, check, told


def _pieces(data: bytes, rng: Random) -> list[bytes]:
    """The same bytes, cut anywhere."""
    ends = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randint(0, 5)))
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True) if start < end]


def _cuts(data: bytes) -> list[list[bytes]]:
    """Whole, in pieces, and a byte at a time where that is quick; cut the same way each time."""
    rng = Random(data)  # noqa: S311 - reproducible, not secret
    bytewise = [[bytes([one]) for one in data]] if len(data) < 2000 else []
    return [[data], _pieces(data, rng), _pieces(data, rng), *bytewise]


# HTTP

Heard = tuple[int, list[tuple[bytes, bytes]], bytes, bool]


def _response(data: bytes) -> None:
    """To a GET and to a HEAD: what is heard does not depend on how it comes in pieces."""
    for bodiless in (False, True):
        whole, *others = [_hear(pieces, bodiless=bodiless) for pieces in _cuts(data)]
        for other in others:
            check(other == whole or not (other[3] and whole[3]), f"{whole} in one piece, {other} in several")
            check(other[3] == whole[3] or whole[0] == 0 or not data, "whole only when cut otherwise")


def _hear(pieces: list[bytes], *, bodiless: bool) -> Heard:
    reply = Reply()
    reply.reset(bodiless=bodiless)
    try:
        for piece in pieces:
            reply.feed(memoryview(piece))
            check(reply.complete or not reply.reusable, "used again before it was whole")
            if reply.complete:
                break
    except BadReply as error:
        told(error)
    size = sum(map(len, reply.chunks))
    check(size <= sum(map(len, pieces)), "more body than came")
    check(not (bodiless and reply.chunks), "the answer to a HEAD has a body")
    check(reply.status == 0 or 200 <= reply.status <= 999, "a status there is none of")
    check(not reply.complete or reply.headed, "whole without a head")
    return reply.status, reply.headers, b"".join(reply.chunks), reply.complete


# AMQP


def _frames(data: bytes) -> None:
    """A connection's bytes: the same deliveries however they come, none after what is malformed."""
    whole, *others = [_conversation(pieces) for pieces in _cuts(data)]
    for other in others:
        shorter, longer = sorted((whole, other), key=len)
        check(longer[: len(shorter)] == shorter, "other deliveries when it comes in other pieces")
    for delivery in whole:
        if isinstance(delivery, Delivery):
            _is_a_record(delivery)


def _conversation(pieces: list[bytes]) -> list[Delivery | bytes]:
    frames, heard = Frames(), list[Delivery | bytes]()
    try:
        for piece in pieces:
            for found in frames.feed(piece):
                heard += found.in_order if isinstance(found, Deliveries) else [found]
    except MalformedFrame as error:
        told(error)
    return heard


def _is_a_record(delivery: Delivery) -> None:
    """Its record can be written as a line and as a table again, whatever its headers hold."""
    record = record_of(delivery, Stream("s", "q"), 1, lambda: "n-1")
    check(all(isinstance(value, bytes | None) for _, value in record.headers), "a header that is no bytes")
    check(record.timestamp_ms is None or -(2**63) <= record.timestamp_ms < 2**63, "a time beyond 64 bits")
    back = read_line(line_of(record)).record("s", record.offset, 1)
    check((back.value, back.headers) == (record.value, record.headers), "another record from its line")
    check(set(header_table(record.headers)) == {name for name, _ in record.headers}, "names are lost")


def _properties(data: bytes) -> None:
    """Flags and properties, and as a table of headers; whatever they hold can be shown."""
    for encoded in (data, b"\x20\x00" + len(data).to_bytes(4, "big") + data):
        with suppress(MalformedFrame):
            found = properties_in(encoded, 0, len(encoded))
            for name, value in found.headers.items():
                check(isinstance(name, str), "a name that is no text")
                check(isinstance(header_bytes(value), bytes | None), "a header that is no bytes")


_HTTP = (
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 ",
    b"Content-Length: 2\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"\r\n",
)
_MORE_HTTP = (
    b"0\r\n\r\n",
    b"2;x=y\r\nok\r\n",
    b"Connection: close\r\n",
    b"HTTP/1.1 100 C\r\n\r\n",
    b"hunter2",
)
_DELIVER = b"\x01\x00\x01\x00\x00\x00\x10\x00\x3c\x00\x3c"
_VALUES = tuple(kind + b"\x00\x00\x00\x04abcd" for kind in (b"S", b"x", b"A", b"F"))
_NUMBERS = (
    b"T" + b"\xff" * 8,
    b"D\xff\xff\xff\xff\xff",
    b"d\x7f\xf0" + b"\x00" * 6,
    b"f\x7f\xc0\x00\x00",
    b"t\x02",
    b"V",
)

WIRE = (
    Target("response", _response, _HTTP + _MORE_HTTP),
    Target("amqp_frames", _frames, (_DELIVER, b"\xce", b"\x02\x00\x01", b"\x03\x00\x01", *_NUMBERS)),
    Target("amqp_properties", _properties, _VALUES + _NUMBERS + (b"\x01a", b"\xff\xfe")),
)
