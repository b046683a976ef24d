"""A request's bytes, and requests that must not leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from bridge.send.http1.request import body_of, encoded

URL = "http://example.test/events?x=1"
HOST = (b"Host", b"example.test")


def request_with(
    *headers: tuple[bytes, bytes], body: bytes = b"", method: str = "POST", host: bool = True
) -> httpx.Request:
    named = [HOST, *headers] if host else list(headers)
    return httpx.Request(method, URL, headers=named, stream=httpx.ByteStream(body))


def test_the_bytes_are_head_and_body() -> None:
    """Names as written, in order, and the target with its query."""
    request = request_with((b"X-Key", b"v"), (b"Content-Length", b"5"), body=b"hello")
    data, is_last = encoded(request, b"hello")
    assert data == (
        b"POST /events?x=1 HTTP/1.1\r\nHost: example.test\r\nX-Key: v\r\nContent-Length: 5\r\n\r\nhello"
    )
    assert not is_last


@pytest.mark.parametrize("value", [b"close", b"Close", b"foo, close"])
def test_the_last_request_is_known(value: bytes) -> None:
    """The connection must not be used after it."""
    assert encoded(request_with((b"Connection", value)), b"")[1]


def test_a_chunked_request_is_one_chunk() -> None:
    """And nothing but the last one when it is empty."""
    request = request_with((b"Transfer-Encoding", b"chunked"))
    assert encoded(request, b"hello")[0].endswith(b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    assert encoded(request, b"")[0].endswith(b"chunked\r\n\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    "value", [b"a\r\nX: y", b"a\ny", b"a\ry", b"a\x00y", b"a\x0by", b"a\x7f", b"a\r\n\r\nPOST"]
)
def test_a_break_in_a_value_is_refused_and_not_told(value: bytes) -> None:
    """The message names the header and never its value."""
    with pytest.raises(httpx.LocalProtocolError) as caught:
        encoded(request_with((b"Authorization", b"hunter2" + value)), b"")
    assert "hunter2" not in str(caught.value)
    assert "Authorization" in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [b"A\r\nX", b"A\nX", b"A\x00", b"A: b\r\nX", b"A b", b"A:", b"", b" A", "é".encode(), b"hunter2\r\nX"],
)
def test_a_name_that_is_no_token_is_refused(name: bytes) -> None:
    """However it was smuggled in; twice, because names are remembered."""
    for _ in range(2):
        with pytest.raises(httpx.LocalProtocolError) as caught:
            encoded(request_with((name, b"v")), b"")
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("method", ["GET /x", "G\r\nX: y", "", "GÉT", "CONNECT", "GET\x00"])
def test_a_method_that_is_none_is_refused(method: str) -> None:
    """It stands before the target."""
    with pytest.raises(httpx.LocalProtocolError):
        encoded(request_with(method=method), b"")


def test_a_tab_may_stand_in_a_value() -> None:
    """The one control character that may."""
    assert b"A: b\tc\r\n" in encoded(request_with((b"A", b"b\tc")), b"")[0]


@pytest.mark.parametrize(
    "said", [b"4", b"6", b"-5", b"+5", b"5_", b"0x5", b"five", b"", b"5, 5", "٥".encode()]
)
def test_a_length_that_is_not_the_bodys_is_refused(said: bytes) -> None:
    """The server would wait for the rest, or take it for the next request."""
    with pytest.raises(httpx.LocalProtocolError):
        encoded(request_with((b"Content-Length", said)), b"hello")


def test_a_body_without_a_length_is_refused() -> None:
    """Nothing says how far it goes."""
    with pytest.raises(httpx.LocalProtocolError):
        encoded(request_with(), b"hello")


@pytest.mark.parametrize(
    "headers",
    [
        [(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")],
        [(b"Content-Length", b"5"), (b"content-length", b"6")],
        [(b"Transfer-Encoding", b"gzip, chunked")],
        [(b"Transfer-Encoding", b"gzip")],
    ],
)
def test_framing_that_can_be_read_twice_is_refused(headers: list[tuple[bytes, bytes]]) -> None:
    """Length beside chunks, two lengths, other codings."""
    with pytest.raises(httpx.LocalProtocolError):
        encoded(request_with(*headers), b"hello")


def test_a_request_without_a_host_is_refused() -> None:
    """A server must refuse it, so it need not go."""
    with pytest.raises(httpx.LocalProtocolError, match="Host"):
        encoded(request_with(host=False), b"")


def test_a_streamed_body_is_read_whole() -> None:
    """Its parts in order."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"bc"

    request = httpx.Request("POST", URL, content=parts())
    assert asyncio.run(body_of(request)) == b"abc"
    assert encoded(request, b"abc")[0].endswith(b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n")


def test_a_blocking_stream_is_refused() -> None:
    """It would stop the loop."""
    request = httpx.Request("POST", URL, content=iter([b"a"]))
    with pytest.raises(httpx.LocalProtocolError):
        asyncio.run(body_of(request))
