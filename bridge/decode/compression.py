"""Compressed bodies: gzip, deflate and zstd, opened up to the limit of a record and not a byte further.

Who says that a body is compressed: AMQP's property ``content_encoding`` is believed (RFC 9110 §8.4 names the
codings; many clients put a charset there, which is none). Kafka has no such property, and a gateway that
copies HTTP headers writes ``content-encoding`` beside a body it has opened already: a header counts only
where the body begins as gzip or zstd do, which no JSON and no UTF-8 text does.
Sources: RFC 1950, RFC 1952, RFC 8878 (§3.1.1.1.2: windows up to 8 MiB are to be supported).
"""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Callable

from bridge.decode.json_body import Undecodable
from bridge.model import Record

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_PLAIN = frozenset(("", "identity", "utf-8", "utf8", "us-ascii", "ascii", "binary", "7bit", "8bit"))
_TOKEN = re.compile(r"[a-z0-9._-]{1,20}")
_GZIP_MAGIC, _ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
FIRST_BYTES = frozenset((_GZIP_MAGIC[0], _ZSTD_MAGIC[0]))
"""A body that begins otherwise, of a record without ``content_encoding``, is as it is."""
_GZIP_WINDOW, _ZLIB_WINDOW = zlib.MAX_WBITS | 16, zlib.MAX_WBITS
_ZSTD_WINDOW: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 23}


class TooLarge(ValueError):
    """More comes out of a body than a record may have; the message is safe to show."""


def open_body(record: Record, body: bytes, max_bytes: int) -> bytes:
    """The body without its content encoding.

    Args:
        record: says what encoding that is.
        body: its bytes.
        max_bytes: no more is ever decompressed.

    Raises:
        Undecodable: an encoding that is not known, or a body that contradicts it.
        TooLarge: ``max_bytes`` is not enough.
    """
    coding = _coding(record.content_encoding) if record.content_encoding else _coding_by_header(record, body)
    if not coding:
        return body
    opened = _OPENERS[coding](body, max_bytes)
    if not opened:
        raise Undecodable("empty body")
    return opened


def doubt(record: Record, body: bytes) -> str:
    """What to add where a body cannot be read that a header called encoded, and was not believed."""
    if record.content_encoding or _header(record) in _PLAIN or _coding_by_header(record, body):
        return ""
    return "; a header calls it encoded, which counts only for what begins as gzip or zstd"


def _coding(said: str) -> str:
    names = [name for part in said.split(",") if (name := part.strip().lower()) not in _PLAIN]
    if len(names) > 1:
        raise Undecodable("several content encodings on one body are not supported")
    if names and names[0] not in _OPENERS:
        shown = f" `{names[0]}`" if _TOKEN.fullmatch(names[0]) else ""
        raise Undecodable(f"the content encoding{shown} is not known; gzip, deflate and zstd are")
    return names[0] if names else ""


def _coding_by_header(record: Record, body: bytes) -> str:
    if body.startswith(_GZIP_MAGIC):
        return "gzip" if _header(record) in ("gzip", "x-gzip") else ""
    if body.startswith(_ZSTD_MAGIC):
        return "zstd" if _header(record) == "zstd" else ""
    return ""


def _header(record: Record) -> str:
    for name, value in record.headers:
        if value is not None and name.lower() == "content-encoding":
            return value.decode("utf-8", "replace").strip().lower()
    return ""


def _gzip(body: bytes, max_bytes: int) -> bytes:
    return _inflate("gzip", _GZIP_WINDOW, body, max_bytes)


def _deflate(body: bytes, max_bytes: int) -> bytes:
    """RFC 9110 means the zlib format; raw deflate, which some send under this name, is refused."""
    return _inflate("deflate", _ZLIB_WINDOW, body, max_bytes)


def _inflate(coding: str, window: int, body: bytes, max_bytes: int) -> bytes:
    stream = zlib.decompressobj(window)
    try:
        opened = stream.decompress(body, max_bytes + 1)
    except zlib.error:
        raise Undecodable(f"the body is not {coding}, or damaged") from None
    _check(coding, len(opened), max_bytes, ended=stream.eof, rest=stream.unused_data)
    return opened


def _unzstd(body: bytes, max_bytes: int) -> bytes:
    try:
        if (zstd.get_frame_info(body).decompressed_size or 0) > max_bytes:
            raise _too_large("zstd", max_bytes)
        stream = zstd.ZstdDecompressor(options=_ZSTD_WINDOW)
        opened = stream.decompress(body, max_bytes + 1)
    except zstd.ZstdError:
        raise Undecodable("the body is not zstd, damaged, or its window is beyond 8 MiB") from None
    _check("zstd", len(opened), max_bytes, ended=stream.eof, rest=stream.unused_data)
    return opened


def _check(coding: str, size: int, max_bytes: int, *, ended: bool, rest: bytes) -> None:
    if size > max_bytes:
        raise _too_large(coding, max_bytes)
    if not ended:
        raise Undecodable(f"the {coding} body is cut short")
    if rest.startswith((_GZIP_MAGIC, _ZSTD_MAGIC)):
        raise Undecodable(f"the {coding} body has more than one member; one record is one")
    if rest:
        raise Undecodable(f"something follows the {coding} body")


def _too_large(coding: str, max_bytes: int) -> TooLarge:
    return TooLarge(f"the {coding} body has more than limits.record ({max_bytes} bytes) when decompressed")


_OPENERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zstd": _unzstd,
}
