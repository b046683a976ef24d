"""A request → its bytes. Pure but for reading the request's own stream.

Sources: RFC 9110 (fields, methods), RFC 9112 (message framing).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable

import httpx

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# A tab is the one control character that a value may hold (RFC 9110 §5.5).
_CONTROLS = bytes({*range(32), 127} - {9})
_BREAK = b"\r\n"
_KNOWN_NAMES = 256


async def body_of(request: httpx.Request) -> bytes:
    """The whole body: what is sent here is small, and a body at hand can be framed and sent at once."""
    stream = request.stream
    if isinstance(stream, httpx.ByteStream):
        return b"".join(stream)
    if not isinstance(stream, AsyncIterable):
        raise httpx.LocalProtocolError("the body of an async request must be an async stream")
    return b"".join([chunk async for chunk in stream])


def encoded(request: httpx.Request, body: bytes) -> tuple[bytes, bool]:
    """Head and body, ready to be written; and whether the request says that it is the connection's last.

    Raises:
        LocalProtocolError: what would not arrive as it was meant: a line break in a header, a body that is
            not as long as it says. The message never holds a value, which may be a secret.
    """
    headers = request.headers.raw
    method, target = request.method.encode("ascii", "replace"), request.url.raw_path
    lines = [b"%s %s HTTP/1.1" % (method, target), *[b"%s: %s" % header for header in headers]]
    head = _BREAK.join(lines)
    if len(head) - len(head.translate(None, _CONTROLS)) != len(_BREAK) * len(headers):
        raise _illegal(lines)
    if not _is_token(method) or method == b"CONNECT" or b" " in target:
        raise httpx.LocalProtocolError("illegal method or target")
    content, is_last = _framed(headers, body)
    return b"%s\r\n\r\n%s" % (head, content), is_last


def _illegal(lines: list[bytes]) -> httpx.LocalProtocolError:
    """Which line holds the character."""
    broken = next((line for line in lines if len(line) != len(line.translate(None, _CONTROLS))), b"")
    name = broken.partition(b":")[0]
    shown = name.decode() if _TOKEN.fullmatch(name) else "the request line or a header's name"
    return httpx.LocalProtocolError(f"illegal character in {shown}")


def _framed(headers: list[tuple[bytes, bytes]], body: bytes) -> tuple[bytes, bool]:
    """The body as the headers announce it."""
    said: dict[bytes, bytes] = {}
    for name, value in headers:
        role = _ROLES.get(name)
        if role is None:
            role = _role(name)
        if role and said.setdefault(role, value) != value:
            raise httpx.LocalProtocolError(f"two different values of {role.decode()}")
    if b"host" not in said:
        raise httpx.LocalProtocolError("the request has no Host")
    is_last = b"connection" in said and b"close" in said[b"connection"].lower()
    coding = said.get(b"transfer-encoding")
    if coding is None:
        _check_length(said.get(b"content-length", b"0"), len(body))
        return body, is_last
    if coding.lower() != b"chunked" or b"content-length" in said:
        raise httpx.LocalProtocolError("a body has a Content-Length or is chunked, nothing else")
    return (b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"), is_last


def _check_length(said: bytes, length_bytes: int) -> None:
    if not said.isdigit() or int(said) != length_bytes:
        raise httpx.LocalProtocolError(f"Content-Length is wrong, the body has {length_bytes} bytes")


# Name as written → its lower case where it matters here, else empty.
_ROLES: dict[bytes, bytes] = {}
_MATTERS = {b"host", b"connection", b"content-length", b"transfer-encoding"}


def _role(name: bytes) -> bytes:
    """Judged once for each spelling, as requests repeat theirs."""
    if not _is_token(name):
        raise httpx.LocalProtocolError("illegal character in a header's name")
    role = lowered if (lowered := name.lower()) in _MATTERS else b""
    if len(_ROLES) < _KNOWN_NAMES:
        _ROLES[name] = role
    return role


def _is_token(text: bytes) -> bool:
    return _TOKEN.fullmatch(text) is not None
