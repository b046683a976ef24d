"""Names, addresses, and which of them is taken."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from bridge.send.http1 import LeanTransport
from bridge.send.http1.dialer import Address, interleaved
from bridge.send.http1.pool import Bounds
from tests.send.http1.conftest import Play
from tests.send.http1.harness import Server, answering, fetch, get, lean, outcome, plain_httpx, turns, until
from tests.send.http1.test_timeouts import deaf

V4, V6 = socket.AF_INET, socket.AF_INET6


def knowing(*addresses: Address) -> Callable[[str, int], Awaitable[list[Address]]]:
    async def resolve(host: str, port: int) -> list[Address]:
        return list(addresses)

    return resolve


def refused() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_families_take_turns() -> None:
    """The first one's first; RFC 8305 §4."""
    one, two, three = (V6, "a"), (V6, "b"), (V6, "c")
    four = (V4, "d")
    assert interleaved([one, two, three, four]) == [one, four, two, three]
    assert interleaved([four, one]) == [four, one]
    assert interleaved([]) == []


@pytest.mark.parametrize("make", [lean, plain_httpx], ids=["lean", "httpx"])
def test_an_ipv6_address_is_a_host(play: Play, make: type) -> None:
    """In brackets, as URLs have it."""

    async def main() -> None:
        async with Server(answering(), host="::1") as server, make() as transport:
            assert (await fetch(transport, get(server.url(host="[::1]")))).body == b"ok"

    play(main)


def test_the_systems_resolver_knows_localhost(play: Play) -> None:
    """By name, whatever families it has."""

    async def main() -> None:
        async with Server(answering()) as server, lean() as transport:
            assert (await fetch(transport, get(server.url(host="localhost")))).body == b"ok"

    play(main)


def test_an_address_that_refuses_is_passed_over_at_once(play: Play) -> None:
    """No quarter of a second for each."""

    async def main() -> None:
        dead = [(V6, ("::1", refused(), 0, 0)), *[(V4, ("127.0.0.1", refused())) for _ in range(8)]]
        async with Server(answering()) as server:
            resolve = knowing(*dead, (V4, ("127.0.0.1", server.port)))
            async with LeanTransport(resolve=resolve) as transport:
                assert (await fetch(transport, get("http://name.test/", connect=1.0))).body == b"ok"

    play(main)


def test_an_address_that_is_silent_does_not_hold_the_others_up(play: Play) -> None:
    """The next begins after a quarter of a second; the silent one's socket is closed."""

    async def main() -> None:
        with deaf() as url:
            silent = (V4, ("127.0.0.1", int(url.rpartition(":")[2].strip("/"))))
            async with Server(answering(), host="::1") as server:
                resolve = knowing(silent, (V6, ("::1", server.port, 0, 0)))
                async with LeanTransport(resolve=resolve) as transport:
                    start = asyncio.get_running_loop().time()
                    assert (await fetch(transport, get("http://name.test/"))).body == b"ok"
                    assert asyncio.get_running_loop().time() - start < 2

    play(main)


def test_when_every_address_refuses_the_connection_does(play: Play) -> None:
    """One error for all."""

    async def main() -> None:
        resolve = knowing(*[(V4, ("127.0.0.1", refused())) for _ in range(3)])
        async with LeanTransport(resolve=resolve) as transport:
            assert await outcome(transport, get("http://name.test/")) == "ConnectError"

    play(main)


def test_a_name_is_looked_up_for_every_connection(play: Play) -> None:
    """It may have moved."""

    async def main() -> None:
        asked: list[tuple[str, int]] = []
        async with Server(answering()) as first, Server(answering()) as second:
            ports = iter([first.port, second.port])

            async def resolve(host: str, port: int) -> list[Address]:
                asked.append((host, port))
                return [(V4, ("127.0.0.1", next(ports)))]

            async with LeanTransport(bounds=Bounds(age_seconds=-1.0), resolve=resolve) as transport:
                await fetch(transport, get("http://name.test/"))
                await fetch(transport, get("http://name.test/"))
            assert (first.connections, second.connections) == (1, 1)
            assert asked == [("name.test", 80)] * 2

    play(main)


def test_connections_opened_at_once_share_a_look_up(play: Play) -> None:
    """Sixty-four threads for one name would be too many."""

    async def main() -> None:
        asked = 0
        async with Server(answering()) as server:

            async def resolve(host: str, port: int) -> list[Address]:
                nonlocal asked
                asked += 1
                await turns()
                return [(V4, ("127.0.0.1", server.port))]

            async with LeanTransport(resolve=resolve) as transport:
                await asyncio.gather(*[fetch(transport, get("http://name.test/")) for _ in range(8)])
            assert (asked, server.connections) == (1, 8)

    play(main)


def test_one_who_gives_up_on_a_look_up_does_not_end_it_for_the_others(play: Play) -> None:
    """They share it; each has a timeout of its own."""

    async def main() -> None:
        found = asyncio.Event()
        asked = 0
        async with Server(answering()) as server:

            async def resolve(host: str, port: int) -> list[Address]:
                nonlocal asked
                asked += 1
                await found.wait()
                return [(V4, ("127.0.0.1", server.port))]

            async with LeanTransport(resolve=resolve) as transport:
                leaving = asyncio.create_task(fetch(transport, get("http://name.test/")))
                staying = asyncio.create_task(fetch(transport, get("http://name.test/")))
                await turns()
                leaving.cancel()
                assert await outcome(transport, get("http://name.test/", connect=0.02)) == "ConnectTimeout"
                found.set()
                assert (await staying).body == b"ok"
                assert asked == 1

    play(main)


def test_a_look_up_that_fails_is_tried_again(play: Play) -> None:
    """For the next request."""

    async def main() -> None:
        async with Server(answering()) as server:
            answers = iter([socket.gaierror(-2, "Name or service not known"), None])

            async def resolve(host: str, port: int) -> list[Address]:
                if error := next(answers):
                    raise error
                return [(V4, ("127.0.0.1", server.port))]

            async with LeanTransport(resolve=resolve) as transport:
                assert await outcome(transport, get("http://name.test/")) == "ConnectError"
                assert (await fetch(transport, get("http://name.test/"))).body == b"ok"

    play(main)


@pytest.mark.parametrize("host", ["name.invalid", "x" * 70 + ".test", "127.0.0.1:99999", "no_such.invalid"])
def test_a_name_that_does_not_resolve_is_a_connect_error(play: Play, host: str) -> None:
    """Unknown, too long for a name server, no port; never another exception."""

    async def main() -> None:
        async with lean() as transport:
            assert await outcome(transport, get(f"http://{host}/", connect=10.0)) in (
                "ConnectError",
                "ConnectTimeout",
            )

    play(main)


def test_the_socket_of_who_gave_up_is_closed(play: Play) -> None:
    """While it was connecting."""

    async def main() -> None:
        with deaf() as url:
            async with lean(connections=1) as transport:
                for _ in range(3):
                    asked = asyncio.create_task(fetch(transport, get(url)))
                    await asyncio.sleep(0.01)
                    asked.cancel()
                    await asyncio.wait([asked])
                assert asked.cancelled()
                async with Server(answering()) as server:
                    await fetch(transport, get(server.url()))
                    await until(lambda: server.open == 1, "other origins are not concerned")

    play(main)


def test_a_connection_that_opens_after_closing_is_closed(play: Play) -> None:
    """The transport was closed while a name was looked up."""

    async def main() -> None:
        found = asyncio.Event()
        async with Server(answering()) as server:

            async def resolve(host: str, port: int) -> list[Address]:
                await found.wait()
                return [(V4, ("127.0.0.1", server.port))]

            transport = LeanTransport(resolve=resolve)
            asked = asyncio.create_task(outcome(transport, get("http://name.test/")))
            await turns()
            await transport.aclose()
            found.set()
            assert await asked == "ConnectError"
            await until(lambda: server.connections == 1 and server.open == 0, "its socket was closed")

    play(main)
