"""A request → its bytes. Pure but for reading the request's own stream.

Sources: RFC 9110 (fields, methods), RFC 9112 (message framing).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable

import httpx

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BREAKS = re.compile(rb"[\x00\r\n]")


async def body_of(request: httpx.Request) -> bytes:
    """The whole body: what is sent here is small, and a body at hand can be framed and sent at once."""
    stream = request.stream
    if isinstance(stream, httpx.ByteStream):
        return b"".join(stream)
    if not isinstance(stream, AsyncIterable):
        raise httpx.LocalProtocolError("the body of an async request must be an async stream")
    return b"".join([chunk async for chunk in stream])


def encoded(request: httpx.Request, body: bytes) -> bytes:
    """Head and body, ready to be written.

    Raises:
        LocalProtocolError: what would not arrive as it was meant: a line break in a header, a body that is
            not as long as it says.
    """
    headers = request.headers.raw
    lines = [b"%s %s HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [b"%s: %s" % header for header in headers]
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(headers) or head.count(b"\r") != len(headers) or b"\x00" in head:
        raise _unfit(lines)
    return b"%s\r\n\r\n%s" % (head, _framed(headers, body))


def _unfit(lines: list[bytes]) -> httpx.LocalProtocolError:
    """Which line holds the break; never its value, which may be a secret."""
    broken = next(line for line in lines if _BREAKS.search(line))
    name = broken.partition(b":")[0]
    shown = name.decode() if _TOKEN.fullmatch(name) else "the request line or a header's name"
    return httpx.LocalProtocolError(f"illegal character in {shown}")


def _framed(headers: list[tuple[bytes, bytes]], body: bytes) -> bytes:
    length: bytes | None = None
    for name, value in headers:
        lowered = name.lower()
        if lowered == b"content-length":
            length = value
        elif lowered == b"transfer-encoding" and value.lower() == b"chunked":
            return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    said = int(length or b"0")
    if said != len(body):
        raise httpx.LocalProtocolError(f"Content-Length is {said}, the body has {len(body)} bytes")
    return body
