"""Confluent's wire format, byte by byte."""

from __future__ import annotations

import uuid

import pytest

from bridge.decode.framing import message_path, unframe
from bridge.decode.json_body import Undecodable

GUID = uuid.UUID("89791762-2336-42a8-9ac9-3d9a1c4f6b0e")


def test_an_id_is_four_bytes_behind_a_zero() -> None:
    """Big-endian, and the data begin behind it."""
    assert unframe(b"\x00\x00\x00\x01\x02rest", ()) == (258, b"rest")


def test_a_guid_is_sixteen_bytes_behind_a_one() -> None:
    """The newer form."""
    assert unframe(b"\x01" + GUID.bytes + b"rest", ()) == (str(GUID), b"rest")


def test_a_header_wins_and_the_body_is_bare() -> None:
    """What the header has behind the GUID belongs before the data: Protobuf's message path."""
    header = ("__value_schema_id", b"\x01" + GUID.bytes + b"\x00")

    assert unframe(b"bare", (("other", None), header)) == (str(GUID), b"\x00bare")


@pytest.mark.parametrize(
    "body", [b"\x00", b"\x00\x00\x00\x01", b'{"a": 1}', b"\x01short", b"\x02\x00\x00\x00\x00"]
)
def test_other_bytes_are_undecodable(body: bytes) -> None:
    """Too short, another magic byte, or plain JSON."""
    with pytest.raises(Undecodable, match="wire format"):
        unframe(body, ())


def test_the_first_message_is_a_single_zero() -> None:
    """The short form of the list [0]."""
    assert message_path(b"\x00\x08\x01") == ((0,), 1)


@pytest.mark.parametrize(
    ("data", "path", "start"),
    [(b"\x02\x02x", (1,), 2), (b"\x04\x00\x04x", (0, 2), 3), (b"\x02\x80\x02", (128,), 3)],
)
def test_a_path_is_a_count_and_zigzag_varints(data: bytes, path: tuple[int, ...], start: int) -> None:
    """As Confluent's serializers write it."""
    assert message_path(data) == (path, start)


@pytest.mark.parametrize(
    "data", [b"", b"\x04\x00", b"\x01", b"\xff\xff\xff\xff\xff\xff", b"\xfe\xff\x03" + b"\x00" * 9]
)
def test_a_broken_path_is_undecodable(data: bytes) -> None:
    """Cut off, negative, endless, or absurdly long."""
    with pytest.raises(Undecodable, match="message indexes"):
        message_path(data)
