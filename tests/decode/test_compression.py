"""Compressed bodies: what is opened, what is poison, and what a bomb may cost."""

import gzip
import json
import tracemalloc
import zlib
from typing import Any

import pytest
from backports import zstd

from bridge.config import Limits
from bridge.decode import Document, decode
from bridge.model import Filtered, Headers, Poison, Reason, Record, Stream

LIMITS = Limits()
BODY = json.dumps({"name": "Hà Nội", "n": list(range(50))}).encode()


def made_of(
    body: bytes | None, encoding: str | None = None, headers: Headers = (), *, kind: Any = "json"
) -> Document | Poison | Filtered:
    record = Record(Stream("s", "t"), 1, 1, body, headers=headers, content_encoding=encoding)
    return decode(record, kind, LIMITS)


def value_of(body: bytes, encoding: str | None = None, headers: Headers = ()) -> Any:
    made = made_of(body, encoding, headers)
    assert isinstance(made, Document), made
    return made.value


def poison_of(body: bytes, encoding: str | None = None, headers: Headers = ()) -> Poison:
    made = made_of(body, encoding, headers)
    assert isinstance(made, Poison), made
    return made


PACKED = {
    "gzip": gzip.compress(BODY),
    "x-gzip": gzip.compress(BODY),
    "deflate": zlib.compress(BODY),
    "zstd": zstd.compress(BODY),
}


@pytest.mark.parametrize("coding", PACKED)
def test_a_compressed_body_is_read_as_if_it_were_plain(coding: str) -> None:
    """Whatever the case of the name; the record keeps its own bytes for a dead letter."""
    for said in (coding, coding.upper(), f" {coding} ", f"utf-8, {coding}"):
        assert value_of(PACKED[coding], said) == json.loads(BODY)
    made = made_of(PACKED[coding], coding)
    assert isinstance(made, Document)
    assert (made.record.value, made.record.content_encoding) == (PACKED[coding], coding)


def test_text_may_be_compressed_too() -> None:
    """The encoding is opened before the source's `decode` is asked."""
    made = made_of(gzip.compress("Hà".encode()), "gzip", kind="text")
    assert isinstance(made, Document)
    assert made.value == "Hà"


@pytest.mark.parametrize("said", ["utf-8", "UTF8", "identity", "", "us-ascii", "binary", "identity, utf-8"])
def test_charsets_and_identity_are_no_compression(said: str) -> None:
    """Many AMQP clients write a charset there."""
    assert value_of(BODY, said) == json.loads(BODY)


@pytest.mark.parametrize("said", ["gzip, zstd", "gzip,gzip"])
def test_several_encodings_are_refused(said: str) -> None:
    """Each would multiply what a body may cost."""
    assert poison_of(gzip.compress(PACKED["zstd"]), said).error.startswith("several content encodings")


def test_an_unknown_encoding_is_named_where_it_can_be_one() -> None:
    """A name is short and plain; anything else might be a payload."""
    assert "`br`" in poison_of(BODY, "br").error
    long = poison_of(BODY, "br " + "secret " * 10)
    assert (long.reason, "secret" in long.error) == (Reason.UNDECODABLE, False)


@pytest.mark.parametrize("coding", PACKED)
def test_a_body_cut_short_is_undecodable_at_every_length(coding: str) -> None:
    """No prefix is taken for the whole."""
    whole = PACKED[coding]
    for size in range(1, len(whole)):
        assert poison_of(whole[:size], coding).reason is Reason.UNDECODABLE
    assert "cut short" in poison_of(whole[:-1], coding).error


@pytest.mark.parametrize("coding", PACKED)
def test_what_follows_a_body_makes_it_undecodable(coding: str) -> None:
    """A second member is no part of the record, and neither is anything else."""
    assert "something follows" in poison_of(PACKED[coding] + b"x", coding).error
    if coding != "deflate":
        assert "more than one member" in poison_of(PACKED[coding] * 2, coding).error


@pytest.mark.parametrize("coding", PACKED)
@pytest.mark.parametrize("body", [b"{}", b"garbage", BODY, b"\x00" * 40])
def test_garbage_is_undecodable(coding: str, body: bytes) -> None:
    """A plain body that is called compressed is not guessed at."""
    assert poison_of(body, coding).reason is Reason.UNDECODABLE


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_damaged_body_is_undecodable(coding: str) -> None:
    """Checksums are verified."""
    options: dict[int, int] = {zstd.CompressionParameter.checksum_flag: 1}
    whole = PACKED["gzip"] if coding == "gzip" else zstd.compress(BODY, options=options)
    assert value_of(whole, coding) == json.loads(BODY)
    damaged = bytes([*whole[:-5], whole[-5] ^ 1, *whole[-4:]])
    assert "damaged" in poison_of(damaged, coding).error


def test_an_empty_body_is_empty_however_it_is_packed() -> None:
    """As a plain empty body is."""
    assert poison_of(gzip.compress(b""), "gzip").error == "empty body"
    assert poison_of(zstd.compress(b""), "zstd").error == "empty body"


def test_a_null_body_with_an_encoding_is_a_tombstone() -> None:
    """There is nothing to open."""
    assert made_of(None, "gzip") == Filtered("tombstone")


def _stream(data: bytes) -> bytes:
    """A zstd frame that does not say its size."""
    packer = zstd.ZstdCompressor()
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstd.compress), ("zstd", _stream)],
)
def test_a_bomb_costs_next_to_nothing(coding: str, pack: Any) -> None:
    """No more than the limit ever comes out, whether the body says its size or not."""
    bomb = pack(b"\x00" * 50 * 2**20)
    assert len(bomb) < 100_000
    tracemalloc.start()
    try:
        poison = poison_of(bomb, coding)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert poison.reason is Reason.TOO_LARGE
    assert "limits.record" in poison.error
    assert peak < 4 * LIMITS.record


@pytest.mark.parametrize(
    ("coding", "pack"), [("gzip", gzip.compress), ("zstd", zstd.compress), ("zstd", _stream)]
)
def test_the_limit_itself_is_allowed(coding: str, pack: Any) -> None:
    """One byte more is not."""
    just = b'"' + b"a" * (LIMITS.record - 2) + b'"'
    assert len(value_of(pack(just), coding)) == LIMITS.record - 2
    assert poison_of(pack(just + b" "), coding).reason is Reason.TOO_LARGE


def test_a_zstd_window_beyond_eight_mib_is_refused() -> None:
    """It is memory that the sender asks for."""
    options: dict[int, int] = {zstd.CompressionParameter.window_log: 27}
    packer = zstd.ZstdCompressor(options=options)
    body = packer.compress(BODY) + packer.flush()
    assert "window" in poison_of(body, "zstd").error


@pytest.mark.parametrize(("coding", "said"), [("gzip", b"gzip"), ("gzip", b"X-GZip"), ("zstd", b"zstd")])
def test_a_header_is_believed_where_the_body_begins_so(coding: str, said: bytes) -> None:
    """Kafka has no property for it."""
    assert value_of(PACKED[coding], headers=(("Content-Encoding", said),)) == json.loads(BODY)


@pytest.mark.parametrize("said", [b"gzip", b"zstd", b"br", b"\xff"])
def test_a_header_copied_from_http_does_no_harm(said: bytes) -> None:
    """Gateways copy it beside a body that they have opened."""
    headers: Headers = (("content-encoding", said), ("content-encoding", None))
    assert value_of(BODY, headers=headers) == json.loads(BODY)
    assert "a header calls it encoded" in poison_of(b"\x01{", headers=headers).error


def test_without_a_header_nothing_is_opened() -> None:
    """Bytes alone do not say that they are compressed; AMQP's property goes before a header."""
    assert "not UTF-8" in poison_of(PACKED["gzip"]).error
    headers: Headers = (("content-encoding", b"gzip"),)
    assert "not UTF-8" in poison_of(PACKED["gzip"], "utf-8", headers).error
    assert "cut short" in poison_of(PACKED["gzip"][:-3], headers=headers).error
