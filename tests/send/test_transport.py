"""A destination's settings → its network, and what is told when it cannot be."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from bridge.config import Destination
from bridge.config_file import absolute_paths
from bridge.errors import ConfigError
from bridge.send.http1 import LeanTransport
from bridge.send.transport import OneEach, default_transport
from tests.send.http1.certificates import Authority, server_context
from tests.send.http1.harness import Got, Server, answering, echo, fetch, get, outcome, post


def destination(max_in_flight: int = 64, **transport: Any) -> Destination:
    return Destination.model_validate(
        {
            "url": "https://event.test/events",
            "write_key": {"env": "KEY"},
            "max_in_flight": max_in_flight,
            "transport": transport,
        }
    )


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


def test_the_own_transport_is_the_default() -> None:
    """And httpx's is there when it is asked for."""
    assert isinstance(default_transport(destination()), LeanTransport)
    assert isinstance(default_transport(destination(kind="httpx")), OneEach)


@pytest.mark.parametrize(("settings", "most"), [({"max_in_flight": 5}, 5), ({"connections": 2}, 2)])
def test_there_are_as_many_connections_as_requests_in_flight(settings: dict[str, int], most: int) -> None:
    """Unless the settings say otherwise."""

    async def main() -> None:
        async with Server(echo) as server, default_transport(destination(**settings)) as transport:
            await asyncio.gather(*[fetch(transport, post(server.url())) for _ in range(12)])
            assert server.most_open == most

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["lean", "httpx"])
@pytest.mark.parametrize("shown", [True, False])
def test_authority_and_client_certificate_are_used(own: Authority, kind: str, shown: bool) -> None:
    """A server that only they open up is spoken to."""
    pair, client = own.issue("server"), own.issue("client")
    files: dict[str, Any] = {"ca": own.cert}
    if shown:
        files |= {"cert": client.cert, "key": client.key}

    async def main() -> None:
        context = server_context(pair, clients_of=own.cert)
        async with (
            Server(answering(), tls=context) as server,
            default_transport(destination(kind=kind, **files)) as transport,
        ):
            assert isinstance(await outcome(transport, get(server.url())), Got) is shown

    asyncio.run(main())


def test_the_protocol_is_named_in_the_handshake(own: Authority) -> None:
    """Some servers ask for it."""
    context = server_context(own.issue("server"))
    context.set_alpn_protocols(["h2", "http/1.1"])
    spoken: list[str | None] = []

    async def main() -> None:
        async with (
            Server(answering(), tls=context) as server,
            default_transport(destination(ca=own.cert)) as transport,
        ):
            response = await transport.handle_async_request(get(server.url()))
            spoken.append(response.extensions["http_version"].decode())
            await response.aclose()

    asyncio.run(main())
    assert spoken == ["HTTP/1.1"]


def _encrypted(own: Authority, folder: Path) -> dict[str, Path]:
    key = folder / "locked.key"
    key.write_text(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIBvTBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0BBQwwHAQI\n"
        "-----END ENCRYPTED PRIVATE KEY-----\n"
    )
    return {"cert": own.cert, "key": key}


BAD: dict[str, Callable[[Authority, Path], dict[str, Any]]] = {
    "no such authority": lambda _, folder: {"ca": folder / "missing.pem"},
    "an authority that is none": lambda own, _: {"ca": own.pair.key},
    "no such certificate": lambda own, folder: {"cert": folder / "missing.pem", "key": own.pair.key},
    "no such key": lambda own, folder: {"cert": own.cert, "key": folder / "missing.key"},
    "a certificate that is a key": lambda own, _: {"cert": own.pair.key, "key": own.pair.key},
    "another's key": lambda own, _: {"cert": own.cert, "key": own.issue("another").key},
    "a key with a password": _encrypted,
}


@pytest.mark.parametrize("bad", BAD)
def test_a_file_that_cannot_be_used_is_told_at_start(own: Authority, tmp_path: Path, bad: str) -> None:
    """Which one, why, and what should be in it; nobody is asked for a password."""
    with pytest.raises(ConfigError, match="cannot be used") as caught:
        default_transport(destination(**BAD[bad](own, tmp_path)))
    assert "PEM" in caught.value.hint
    assert caught.value.where.startswith("transport.")


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"http2": True}, "kind: httpx"),
        ({"proxy": "http://proxy:3128"}, "kind: httpx"),
        ({"cert": "a.pem"}, "go together"),
        ({"key": "a.key"}, "go together"),
        ({"kind": "curl"}, "lean"),
        ({"kind": "httpx", "proxy": "proxy:3128"}, "proxy"),
        ({"connections": 0}, "connections"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, Any], problem: str) -> None:
    """When the file is read."""
    with pytest.raises(ValidationError, match=problem):
        destination(**settings)


@pytest.mark.skipif(importlib.util.find_spec("h2") is not None, reason="h2 is installed")
def test_http2_without_its_library_says_what_to_install() -> None:
    """At start, not at the first request."""
    with pytest.raises(ConfigError, match="not installed") as caught:
        default_transport(destination(kind="httpx", http2=True))
    assert "httpx[http2]" in caught.value.hint


def test_files_lie_beside_the_configuration(tmp_path: Path) -> None:
    """Like every relative path."""
    settings = absolute_paths(destination(ca="ca.pem", cert="c.pem", key="c.key"), tmp_path)
    assert settings.transport.ca == tmp_path / "ca.pem"
    assert settings.transport.key == tmp_path / "c.key"


def test_a_proxy_is_asked() -> None:
    """With the whole URL in the request line."""
    seen: list[bytes] = []

    async def main() -> None:
        async def proxy(peer: Any) -> None:
            seen.append((await peer.request()).head)
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        async with Server(proxy) as server:
            settings = destination(kind="httpx", proxy=server.url().rstrip("/"))
            async with default_transport(settings) as transport:
                request = httpx.Request("GET", "http://event.test/x")
                assert (await fetch(transport, request)).status == 200

    asyncio.run(main())
    assert seen[0].startswith(b"GET http://event.test/x HTTP/1.1\r\n")
