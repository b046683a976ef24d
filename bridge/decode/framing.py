"""Confluent's wire format: which schema a body was written with, and where its data begin.

In the body: magic byte 0 and four bytes of id, or magic byte 1 and sixteen bytes of GUID. Newer clients
put the same into a header and leave the body bare. Protobuf adds the place of its message in the file
(``message_path``). Source: Confluent, "Formats, Serializers, and Deserializers", wire format.
"""

from __future__ import annotations

import uuid
from typing import NamedTuple

from bridge.decode.json_body import Undecodable
from bridge.model import Headers

SchemaKey = int | str
"""An id, or a GUID as text."""

_HEADER = "__value_schema_id"
_ID, _GUID = 0, 1
_ID_END, _GUID_END = 5, 17
_MAX_VARINT_BYTES = 5
_MAX_PATH = 100


class Frame(NamedTuple):
    """One body taken apart; ``data`` begins with the message path where there is one."""

    key: SchemaKey
    data: bytes

    def __repr__(self) -> str:
        return f"<Frame of schema {self.key}, {len(self.data)} bytes>"


def unframe(body: bytes, headers: Headers) -> Frame:
    """Which schema, and what was written with it.

    Raises:
        Undecodable: not in the wire format.
    """
    for name, value in headers:
        if name == _HEADER and value is not None:
            key, end = _key(value)
            return Frame(key, value[end:] + body)
    key, end = _key(body)
    return Frame(key, body[end:])


def _key(framed: bytes) -> tuple[SchemaKey, int]:
    if len(framed) < _ID_END:
        raise Undecodable(f"{len(framed)} bytes are too short for the schema registry's wire format")
    if framed[0] == _ID:
        return int.from_bytes(framed[1:_ID_END], "big"), _ID_END
    if framed[0] == _GUID and len(framed) >= _GUID_END:
        return str(uuid.UUID(bytes=framed[1:_GUID_END])), _GUID_END
    raise Undecodable(f"magic byte {framed[0]}, not 0: not in the schema registry's wire format")


def message_path(data: bytes) -> tuple[tuple[int, ...], int]:
    """Where in its file a Protobuf message is declared, and where the message itself begins.

    A count and that many indexes, zigzag varints; a single 0 stands for the first message.

    Raises:
        Undecodable: cut off, negative, or longer than any nesting.
    """
    if data[:1] == b"\x00":
        return (0,), 1
    count, at = _varint(data, 0)
    if not 0 < count <= _MAX_PATH:
        raise Undecodable("the list of message indexes is broken")
    path = []
    for _ in range(count):
        index, at = _varint(data, at)
        path.append(index)
    return tuple(path), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift, byte in enumerate(data[at : at + _MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return (value >> 1) ^ -(value & 1), at + shift + 1
    raise Undecodable("the list of message indexes is cut off")
