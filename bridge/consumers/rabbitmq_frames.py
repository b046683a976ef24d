"""AMQP 0-9-1 deliveries out of a stream of bytes, and acks into it. Pure.

A delivery is three frames or more: ``basic.deliver``, the content header, its body in pieces. They are put
together here, at a twentieth of what frame objects cost; every other frame is handed on as it came, in its
place, to whoever speaks the rest of the protocol.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import Struct, error
from typing import Any, NamedTuple

from bridge.consumers.rabbitmq_properties import MalformedFrame, Properties, properties_in, short_text
from bridge.consumers.rabbitmq_tags import Ack

_START = Struct(">BHI")
"""Of each frame: type, channel, bytes of the payload; behind the payload comes one octet."""
_MOST_BYTES = 16 * 2**20
"""Of a payload; brokers and pika agree on 128 KiB, and no more is waited for because of a damaged length."""
_METHOD, _HEADER, _BODY = 1, 2, 3
_END = 0xCE
_AROUND = _START.size + 1
_DELIVER, _CHANNEL_CLASS = b"\x00\x3c\x00\x3c", b"\x00\x14"
_TAG = Struct(">QB")
_CONTENT = Struct(">HHQ")
"""Of a content header: class, weight, bytes of the body; flags and properties follow."""
_CONTENT_FRAME = Struct(">BHIHHQ")
_ACK = Struct(">BHIIQBB")
_ACK_BYTES, _ACK_METHOD = 13, 0x003C0050


class Delivery(NamedTuple):
    """One message, whole; ``timestamp_seconds`` is since 1970 UTC."""

    tag: int
    redelivered: bool
    routing_key: str
    body: bytes
    headers: Mapping[str, Any]
    message_id: str | None
    content_type: str | None
    content_encoding: str | None
    timestamp_seconds: int | None

    def __repr__(self) -> str:
        return f"<Delivery {self.tag}, {len(self.body)} bytes>"


class Deliveries(NamedTuple):
    """Those that came one after the other on one channel."""

    channel: int
    in_order: list[Delivery]


class _Content:
    """A delivery that is not whole yet; ``properties`` is None before its header."""

    __slots__ = ("left", "pieces", "properties", "redelivered", "routing_key", "tag")

    def __init__(self, tag: int, redelivered: bool, routing_key: str) -> None:
        self.tag = tag
        self.redelivered = redelivered
        self.routing_key = routing_key
        self.properties: Properties | None = None
        self.left = 0
        self.pieces: list[bytes] = []


class Frames:
    """The bytes of one connection, from the broker; starts at the beginning of a frame."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._have = 0
        self._need = _AROUND
        self._open: dict[int, _Content] = {}
        self._found: list[Deliveries | bytes] = []
        self._names, self._routing_key = b"", ""

    def feed(self, data: bytes) -> list[Deliveries | bytes]:
        """What is whole now: deliveries, and other frames as bytes, in the order they came.

        Raises:
            MalformedFrame: this is no AMQP; nothing can be read any more.
        """
        self._chunks.append(data)
        self._have += len(data)
        if self._have < self._need:
            return []
        whole = data if len(self._chunks) == 1 else b"".join(self._chunks)
        self._found = []
        try:
            at = self._read(whole)
        except (error, IndexError) as problem:
            raise MalformedFrame("a frame that cannot be read") from problem
        rest = whole[at:]
        self._chunks, self._have = [rest], len(rest)
        return self._found

    def _read(self, data: bytes) -> int:
        """Take all whole frames; returns where the first that is not whole begins."""
        at, size = 0, len(data)
        while size - at >= _AROUND:
            kind, channel, length = _START.unpack_from(data, at)
            first = at + _START.size
            end = first + length
            if end >= size:
                if length > _MOST_BYTES:
                    raise MalformedFrame(f"a frame of more than {_MOST_BYTES} bytes")
                self._need = length + _AROUND
                return at
            if data[end] != _END:
                raise MalformedFrame("a frame does not end where it should")
            if kind == _METHOD and data.startswith(_DELIVER, first):
                at = self._deliver(channel, data, first, end)
                continue
            if not self._take(kind, channel, data, first, end):
                self._found.append(data[at : end + 1])
            at = end + 1
        self._need = _AROUND
        return at

    def _deliver(self, channel: int, data: bytes, first: int, end: int) -> int:
        """A ``basic.deliver``, and what belongs to it if all of that is there; returns how far it read."""
        at = first + 5 + data[first + 4]  # behind the consumer tag: a channel has one consumer
        tag, redelivered = _TAG.unpack_from(data, at)
        names = data[at + _TAG.size : end]
        if names != self._names:
            self._routing_key, self._names = _routing_key(names), names
        if not names or channel in self._open:
            raise MalformedFrame("a basic.deliver that is cut short, or comes within another delivery")
        content = _Content(tag, redelivered != 0, self._routing_key)
        done = self._at_once(channel, content, data, end + 1)
        if done:
            return done
        self._open[channel] = content
        return end + 1

    def _at_once(self, channel: int, content: _Content, data: bytes, at: int) -> int:
        """Header and body in one piece, if they follow at once and whole, as nearly always.

        Returns:
            Where they end; 0 when they are read frame by frame.
        """
        size = len(data)
        if size - at < _CONTENT_FRAME.size:
            return 0
        kind, other, length, _, _, body_bytes = _CONTENT_FRAME.unpack_from(data, at)
        header_end = at + _START.size + length
        first = header_end + _AROUND
        end: int = first + body_bytes
        if kind != _HEADER or other != channel or end >= size or not data[header_end] == data[end] == _END:
            return 0
        if _START.unpack_from(data, header_end + 1) != (_BODY, channel, body_bytes):
            return 0
        content.properties = properties_in(data, at + _CONTENT_FRAME.size, header_end)
        content.pieces = [data[first:end]]
        self._whole(channel, content)
        return end + 1

    def _take(self, kind: int, channel: int, data: bytes, first: int, end: int) -> bool:
        """Take a frame if it belongs to a delivery; its payload is ``data[first:end]``."""
        content = self._open.get(channel)
        if content is None:
            return False
        if kind == _HEADER:
            self._header(content, data, first, end)
        elif kind == _BODY:
            content.pieces.append(data[first:end])
            content.left -= end - first
        else:
            if data.startswith(_CHANNEL_CLASS, first):
                del self._open[channel]  # the channel ends: what was under way never comes
            return False
        if content.left <= 0:
            del self._open[channel]
            self._whole(channel, content)
        return True

    def _header(self, content: _Content, data: bytes, first: int, end: int) -> None:
        if content.properties is not None:
            raise MalformedFrame("a second content header")
        _, _, content.left = _CONTENT.unpack_from(data, first)
        content.properties = properties_in(data, first + _CONTENT.size, end)

    def _whole(self, channel: int, content: _Content) -> None:
        if content.left < 0 or content.properties is None:
            raise MalformedFrame("a body other than its header says")
        pieces = content.pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        delivery = Delivery(content.tag, content.redelivered, content.routing_key, body, *content.properties)
        last = self._found[-1] if self._found else None
        if isinstance(last, Deliveries) and last.channel == channel:
            last.in_order.append(delivery)
        else:
            self._found.append(Deliveries(channel, [delivery]))


def _routing_key(names: bytes) -> str:
    """The second of two short strings, behind the exchange."""
    routing_key, end = short_text(names, 1 + names[0])
    if end > len(names):
        raise MalformedFrame("a basic.deliver longer than its frame")
    return routing_key


def ack_frames(channel: int, acks: Iterable[Ack]) -> bytes:
    """The frames of these acks, to be written at once."""
    return b"".join(
        _ACK.pack(_METHOD, channel, _ACK_BYTES, _ACK_METHOD, ack.tag, ack.multiple, _END) for ack in acks
    )
