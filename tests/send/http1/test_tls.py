"""TLS on bare sockets: who is trusted, and that no byte stays in a buffer that nobody looks at."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from bridge.send.http1 import LeanTransport
from bridge.send.http1.dialer import getaddrinfo
from tests.send.http1.cases import CASES, Case, head
from tests.send.http1.certificates import Authority, Pair, client_context, server_context
from tests.send.http1.conftest import Play
from tests.send.http1.harness import (
    BOTH,
    OK,
    WHOLE,
    Got,
    Peer,
    Server,
    answering,
    body_of,
    echo,
    fetch,
    get,
    lean,
    once,
    outcome,
    post,
    until,
)

VERSIONS = pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"]
)
MEGABYTE = 2**20
SHORT = 0.1


def only(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    context.minimum_version = context.maximum_version = version
    return context


def resolving_to_loopback(context: ssl.SSLContext) -> LeanTransport:
    """For names that no name server knows."""
    return LeanTransport(context, resolve=lambda _, port: getaddrinfo("127.0.0.1", port))


@VERSIONS
@WHOLE
def test_requests_go_over_tls(
    play: Play,
    authority: Authority,
    pair: Pair,
    make: Callable[..., httpx.AsyncHTTPTransport],
    version: ssl.TLSVersion,
) -> None:
    """Large both ways, over one connection."""
    body = bytes(range(256)) * 8192

    async def main() -> None:
        context = only(server_context(pair), version)
        async with Server(echo, tls=context) as server, make(client_context(authority)) as transport:
            for sent in (b"", b"hello", body, b"x"):
                assert (await fetch(transport, post(server.url(), sent))).body == sent
            assert server.connections == 1

    play(main)


@pytest.mark.parametrize("bad", ["self-signed", "wrong name", "expired", "another authority"])
@BOTH
def test_a_server_that_is_not_trusted_gets_no_request(
    play: Play, authority: Authority, tmp_path: Path, make: Callable[..., httpx.AsyncHTTPTransport], bad: str
) -> None:
    """The handshake fails, and the error says why."""
    presented = {
        "self-signed": lambda: authority.self_signed("self"),
        "wrong name": lambda: authority.issue("wrong", "subjectAltName=DNS:other.test"),
        "expired": lambda: authority.issue("old", expired=True),
        "another authority": lambda: Authority(tmp_path, "other").issue("foreign"),
    }[bad]()
    seen: list[bytes] = []

    async def listening(peer: Peer) -> None:
        seen.append((await peer.request()).head)

    async def main() -> None:
        context = server_context(presented)
        async with Server(listening, tls=context) as server, make(client_context(authority)) as transport:
            with pytest.raises(httpx.ConnectError, match="certificate"):
                await transport.handle_async_request(get(server.url()))
            assert not seen

    play(main)


def test_by_default_the_systems_authorities_are_asked(play: Play, pair: Pair) -> None:
    """Verification is on without being asked for."""

    async def main() -> None:
        async with Server(answering(), tls=server_context(pair)) as server, LeanTransport() as transport:
            with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
                await transport.handle_async_request(get(server.url()))

    play(main)


@VERSIONS
@pytest.mark.parametrize("client", ["ours", "missing", "foreign"])
@BOTH
def test_a_server_may_ask_who_we_are(
    play: Play,
    authority: Authority,
    pair: Pair,
    tmp_path: Path,
    make: Callable[..., httpx.AsyncHTTPTransport],
    client: str,
    version: ssl.TLSVersion,
) -> None:
    """With TLS 1.3 its refusal comes only with the response."""
    own = {
        "ours": lambda: authority.issue("client"),
        "missing": lambda: None,
        "foreign": lambda: Authority(tmp_path, "stranger").issue("stranger-client"),
    }[client]()  # type: ignore[no-untyped-call]

    async def main() -> None:
        context = only(server_context(pair, clients_of=authority.cert), version)
        async with (
            Server(answering(), tls=context) as server,
            make(client_context(authority, own)) as transport,
        ):
            found = await outcome(transport, get(server.url()))
            if client == "ours":
                assert isinstance(found, Got)
            elif version == ssl.TLSVersion.TLSv1_2:
                assert found == "ConnectError"
            else:
                assert found in ("ReadError", "WriteError", "RemoteProtocolError")

    play(main)


def test_the_server_hears_the_name_that_was_asked_for(play: Play, authority: Authority, pair: Pair) -> None:
    """And its certificate is compared with that name."""
    names: list[str | None] = []
    context = server_context(pair)
    context.sni_callback = lambda _, name, __: names.append(name)

    async def main() -> None:
        async with (
            Server(answering(), tls=context) as server,
            resolving_to_loopback(client_context(authority)) as transport,
        ):
            assert (await fetch(transport, get(server.url(host="good.test")))).status == 200
            with pytest.raises(httpx.ConnectError, match="Hostname mismatch"):
                await transport.handle_async_request(get(server.url(host="bad.test")))
        assert names == ["good.test", "bad.test"]

    play(main)


def test_a_handshake_that_stalls_is_a_connect_timeout(play: Play, authority: Authority) -> None:
    """And the loop goes round meanwhile."""
    rounds = 0

    async def counting() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0.001)

    async def mute(peer: Peer) -> None:
        await peer.gone()

    async def main() -> None:
        counter = asyncio.create_task(counting())
        async with Server(mute) as server, lean(client_context(authority)) as transport:
            url = server.url().replace("http:", "https:")
            assert await outcome(transport, get(url, connect=SHORT)) == "ConnectTimeout"
            await until(lambda: server.open == 0, "the socket was closed")
        counter.cancel()
        assert rounds > 10

    play(main)


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x16\x03\x03\x00\x02zz", b"\x15"]
)
def test_a_handshake_with_something_else_is_a_connect_error(
    play: Play, authority: Authority, answer: bytes
) -> None:
    """A plain server, an alert, half an alert, nothing."""

    async def talking(peer: Peer) -> None:
        await peer.reader.read(1)
        await peer.send(answer)

    async def main() -> None:
        async with Server(talking) as server, lean(client_context(authority)) as transport:
            url = server.url().replace("http:", "https:")
            assert await outcome(transport, get(url)) == "ConnectError"

    play(main)


def test_a_plain_request_to_a_tls_server_is_an_error(play: Play, pair: Pair) -> None:
    """It answers with an alert, or not at all."""

    async def main() -> None:
        async with Server(answering(), tls=server_context(pair)) as server, lean() as transport:
            url = server.url().replace("https:", "http:")
            assert await outcome(transport, get(url)) in ("RemoteProtocolError", "ReadError")

    play(main)


@pytest.mark.parametrize(
    "case", [case for case in CASES if len(case.wire) < 1000][::3], ids=lambda case: case.name
)
def test_responses_are_understood_as_over_plain_tcp(
    play: Play, authority: Authority, pair: Pair, case: Case
) -> None:
    """A record for each byte."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send_slowly(case.wire)
        if not case.hangs_up:
            await peer.gone()

    async def main() -> None:
        async with (
            Server(script, tls=server_context(pair)) as server,
            lean(client_context(authority)) as transport,
        ):
            read = SHORT if case.want == "ReadTimeout" else 10.0
            found = await outcome(transport, get(server.url(), case.method, read=read))
            assert (found if isinstance(found, str) else (found.status, found.body)) == case.want

    play(main)


@pytest.mark.parametrize(
    "wire", [head(), head("Content-Length: 9"), head("Transfer-Encoding: chunked") + b"2\r\n"]
)
def test_an_end_without_farewell_may_be_a_cut(
    play: Play, authority: Authority, pair: Pair, wire: bytes
) -> None:
    """An attacker can close TCP, but not say TLS's farewell."""

    async def cut(peer: Peer) -> None:
        await peer.request()
        await peer.send(wire + b"ok")
        await began.wait()
        peer.abort()

    began = asyncio.Event()

    async def main() -> None:
        async with (
            Server(cut, tls=server_context(pair)) as server,
            lean(client_context(authority)) as transport,
        ):
            response = await transport.handle_async_request(get(server.url()))
            began.set()
            with pytest.raises(httpx.RemoteProtocolError):
                await body_of(response)

    play(main)


def test_an_end_with_farewell_is_an_end(play: Play, authority: Authority, pair: Pair) -> None:
    """Of a body that ends with the connection."""

    async def main() -> None:
        async with (
            Server(once(head() + b"ok"), tls=server_context(pair)) as server,
            lean(client_context(authority)) as transport,
        ):
            assert (await fetch(transport, get(server.url()))).body == b"ok"

    play(main)


@VERSIONS
def test_a_second_connection_resumes_the_session(
    play: Play, authority: Authority, pair: Pair, version: ssl.TLSVersion
) -> None:
    """The server sees it, on the second and on the third."""
    reused: list[bool] = []

    async def noting(peer: Peer) -> None:
        await peer.request()
        reused.append(peer.writer.get_extra_info("ssl_object").session_reused)
        await peer.send(OK)

    async def main() -> None:
        context = only(server_context(pair), version)
        async with Server(noting, tls=context) as server, lean(client_context(authority)) as transport:
            for _ in range(3):
                await fetch(transport, get(server.url()))
                await until(lambda: server.open == 0, "the server closed")
        assert reused == [False, True, True]

    play(main)


def test_a_session_that_a_handshake_failed_with_is_forgotten(
    play: Play, authority: Authority, pair: Pair
) -> None:
    """The next connection begins from nothing."""
    reused: list[bool] = []

    async def noting(peer: Peer) -> None:
        await peer.request()
        reused.append(peer.writer.get_extra_info("ssl_object").session_reused)
        await peer.send(OK)

    async def main() -> None:
        context = server_context(pair)
        refusing = False

        def named(_: object, name: str | None, __: object) -> int | None:
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR if refusing else None

        context.sni_callback = named
        async with (
            Server(noting, tls=context) as server,
            resolving_to_loopback(client_context(authority)) as transport,
        ):
            url = server.url(host="good.test")
            for number in range(3):
                refusing = number == 1
                await outcome(transport, get(url))
                await until(lambda: server.open == 0, "the server closed")
        assert reused == [False, False]

    play(main)


def test_a_farewell_on_an_idle_connection_is_noticed(play: Play, authority: Authority, pair: Pair) -> None:
    """TLS ends before TCP does; the next request takes a new connection."""

    async def main() -> None:
        async with (
            Server(once(OK), answering(), tls=server_context(pair)) as server,
            lean(client_context(authority)) as transport,
        ):
            await fetch(transport, get(server.url()))
            await until(lambda: server.open == 0, "the server closed")
            assert (await fetch(transport, get(server.url()))).body == b"ok"
            assert server.connections == 2

    play(main)


def test_an_early_refusal_over_tls_is_heard(play: Play, authority: Authority, pair: Pair) -> None:
    """While the request is still being written."""

    async def refusing(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        await heard.wait()

    heard = asyncio.Event()

    async def main() -> None:
        async with (
            Server(refusing, tls=server_context(pair)) as server,
            lean(client_context(authority)) as transport,
        ):
            found = await outcome(transport, post(server.url(), b"x" * 8 * MEGABYTE))
            heard.set()
            assert isinstance(found, Got)
            assert found.status == 413

    play(main)
