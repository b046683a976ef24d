"""What goes over the wire, and that no network failure becomes an exception."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from bridge.config import Destination, Secret
from bridge.secrets import SecretSource
from bridge.send.client import Client
from bridge.send.verdict import Answer

BODY = '{"event_type":"track","event_params":[{"key":"N","value":{"string_value":"Hà Nội"}}]}'.encode()


def client_of(handler: Callable[[httpx.Request], httpx.Response], key_file: Path | None = None) -> Client:
    secret = Secret(file=key_file) if key_file else Secret(env="KEY")
    settings = Destination.model_validate(
        {"url": "https://event.example/events?x=1", "write_key": {"env": "KEY"}}
    )
    source = SecretSource(secret, base=Path(), environ={"KEY": "k3y"})
    return Client(settings, source, httpx.MockTransport(handler), "filum-bridge/test")


async def posted(client: Client, body: bytes = BODY) -> Answer:
    answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    client.post(body, answer.set_result)
    return await answer


def post(handler: Callable[[httpx.Request], httpx.Response]) -> Answer:
    return asyncio.run(posted(client_of(handler)))


def test_the_request_is_the_seeds() -> None:
    """POST to the configured URL, JSON, ``Bearer`` and the key, the body byte for byte."""
    seen: list[httpx.Request] = []

    def api(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    answer = post(api)

    assert answer.status == 200
    (request,) = seen
    assert (request.method, str(request.url)) == ("POST", "https://event.example/events?x=1")
    assert request.content == BODY
    assert request.headers["authorization"] == "Bearer k3y"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["content-length"] == str(len(BODY))
    assert request.headers["host"] == "event.example"
    assert request.headers["user-agent"] == "filum-bridge/test"


def test_a_redirect_is_not_followed() -> None:
    """The write key goes to no other address."""
    asked: list[str] = []

    def api(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(307, headers={"location": "https://elsewhere.example/"})

    assert post(api).status == 307
    assert asked == ["event.example"]


def _subclasses(kind: type[httpx.TransportError]) -> list[type[httpx.TransportError]]:
    return [kind, *(deep for sub in kind.__subclasses__() for deep in _subclasses(sub))]


@pytest.mark.parametrize("kind", _subclasses(httpx.TransportError), ids=lambda kind: kind.__name__)
def test_every_network_failure_is_an_answer(kind: type[httpx.TransportError]) -> None:
    """No error of httpx is left unmapped, and the reason is one of a closed set."""

    def api(request: httpx.Request) -> httpx.Response:
        raise kind("boom")

    answer = post(api)

    assert answer.status == 0
    assert answer.failure in {"connect_timeout", "pool_timeout", "timeout", "connect", "network"}


def test_an_endless_body_is_not_read() -> None:
    """A body beyond the bound is cut, however long it would go on."""
    chunks = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal chunks
        while True:
            chunks += 1
            yield b"x" * 1024

    answer = post(lambda request: httpx.Response(400, content=endless()))

    assert len(answer.body) == 16 * 1024
    assert chunks < 20


def test_a_body_that_breaks_off_is_a_network_failure() -> None:
    """Headers said 200, the connection died: not accepted as far as we know."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"{"
        raise httpx.ReadError("reset")

    assert post(lambda request: httpx.Response(200, content=broken())).status == 0


def test_a_rotated_key_is_used(tmp_path: Path) -> None:
    """After ``refresh_key`` requests carry the file's new content, and it says whether it changed."""
    file = tmp_path / "key"
    file.write_text("old\n")
    seen: list[str] = []

    def api(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(200)

    async def run() -> None:
        client = client_of(api, file)
        await posted(client)
        assert not client.refresh_key()
        file.write_text("newer\n")
        assert client.refresh_key()
        await posted(client)

    asyncio.run(run())

    assert seen == ["Bearer old", "Bearer newer"]
