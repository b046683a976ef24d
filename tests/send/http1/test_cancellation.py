"""Cancelled anywhere, or treated badly at random: no socket stays, no turn is lost, no answer goes astray."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import ssl
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any

import httpx
import pytest

from bridge.send.http1 import LeanTransport
from bridge.send.http1.pool import Bounds
from tests.send.http1.cases import CASES
from tests.send.http1.certificates import Authority, Pair, client_context, server_context
from tests.send.http1.conftest import Play
from tests.send.http1.harness import (
    OK,
    Got,
    Peer,
    Server,
    answering,
    echo,
    fetch,
    get,
    lean,
    outcome,
    post,
    turns,
    until,
)
from tests.send.http1.test_reply import cut, mutated

ROUNDS = int(os.environ.get("STRESS_ROUNDS", "40"))


def seed_of(name: str) -> random.Random:
    """Printed, so that a failure can be played again."""
    seed = int(os.environ.get(name, random.randrange(2**32)))  # noqa: S311 - no secret
    print(f"{name}={seed}")  # noqa: T201 - pytest shows it when the test fails
    return random.Random(seed)  # noqa: S311 - no secret


class Steps:
    """Counts how often a coroutine waits, and cancels it at the n-th time."""

    def __init__(self, inner: Awaitable[Any], cancel_at: int) -> None:
        self._inner = inner
        self._cancel_at = cancel_at
        self.count = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._inner.__await__()
        value: Any = None
        while True:
            try:
                waited = steps.send(value)
            except StopIteration as end:
                return end.value
            self.count += 1
            if self.count == self._cancel_at:
                task = asyncio.current_task()
                assert task is not None
                asyncio.get_running_loop().call_soon(task.cancel)
            try:
                value = yield waited
            except BaseException as error:  # noqa: BLE001 - handed in, whatever it is
                try:
                    steps.throw(error)
                except StopIteration as end:
                    return end.value


async def at_every_step(server: Server, make: Callable[[], LeanTransport], request: httpx.Request) -> int:
    """Cancel a first request at its first wait, its second … until it ends by itself."""
    for step in range(1, 200):
        async with make() as transport:
            steps = Steps(fetch(transport, request), step)

            async def run(steps: Steps = steps) -> None:
                await steps

            task = asyncio.create_task(run())
            await asyncio.wait([task])
            # With one connection at most, room that was lost would show as a pool timeout.
            assert isinstance(await outcome(transport, post(server.url(), b"next", pool=2.0)), Got)
        await until(lambda: server.open == 0, "all sockets were closed")
        if not task.cancelled():
            await task
            return step
    raise AssertionError("it waits for ever")


async def slow_echo(peer: Peer) -> None:
    """In parts, so that there is something to wait for."""
    while True:
        body = (await peer.request()).body
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        for at in range(0, len(body), 100_000):
            await turns(3)
            await peer.send(body[at : at + 100_000])


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("size", [10, 500_000])
def test_cancelled_at_every_wait(
    play: Play, authority: Authority, pair: Pair, secure: bool, size: int
) -> None:
    """Looking up, connecting, shaking hands, waiting for the head, reading the body."""
    client = client_context(authority)

    async def main() -> None:
        tls = server_context(pair) if secure else None
        async with Server(slow_echo, tls=tls) as server:
            request = post(server.url(), b"x" * size)
            steps = await at_every_step(server, lambda: lean(client, connections=1), request)
            assert steps > 3 + 2 * secure

    play(main)


def _one(server: Server) -> bool:
    return server.connections == 1


def test_cancelled_while_waiting_for_a_turn(play: Play) -> None:
    """At every moment of it, also when the turn has come in the same instant."""

    async def main() -> None:
        for gap in range(12):
            release = asyncio.Event()

            async def held(peer: Peer, release: asyncio.Event = release) -> None:
                await peer.request()
                await release.wait()
                await peer.send(OK)
                await answering()(peer)

            async with Server(held) as server, lean(connections=1) as transport:
                first = asyncio.create_task(fetch(transport, get(server.url())))
                await until(partial(_one, server), "the first is under way")
                leaving = [asyncio.create_task(fetch(transport, get(server.url()))) for _ in range(3)]
                staying = asyncio.create_task(fetch(transport, get(server.url())))
                await turns()
                leaving[1].cancel()
                release.set()
                await first
                await turns(gap)
                leaving[0].cancel()
                await asyncio.wait(leaving)
                assert (await staying).body == b"ok"
                assert server.most_open == 1

    play(main)


def test_a_turn_given_to_who_has_left_goes_on(play: Play) -> None:
    """The connection is handed over, and its new owner cancelled, in one instant."""

    async def main() -> None:
        async with Server(echo) as server, lean(connections=1) as transport:
            first = asyncio.create_task(fetch(transport, post(server.url(), b"1")))
            second = asyncio.create_task(fetch(transport, post(server.url(), b"2")))
            third = asyncio.create_task(fetch(transport, post(server.url(), b"3")))
            first.add_done_callback(lambda _: second.cancel())
            await asyncio.wait([first, second, third])
            assert (await third).body == b"3"
            assert server.connections <= 2

    play(main)


@pytest.mark.parametrize("ending", ["cancel", "error"])
def test_the_room_of_a_failed_dial_goes_to_the_next(play: Play, ending: str) -> None:
    """Who waits for a turn gets it, and dials itself."""

    async def main() -> None:
        async with Server(answering()) as server:
            release = asyncio.Event()
            calls = 0

            async def resolve(host: str, port: int) -> list[Any]:
                nonlocal calls
                calls += 1
                if calls == 1:
                    await release.wait()
                    if ending == "error":
                        raise OSError("no name")
                return [(socket.AF_INET, ("127.0.0.1", server.port))]

            async with LeanTransport(bounds=Bounds(1), resolve=resolve) as transport:
                first = asyncio.create_task(outcome(transport, get("http://name.test/")))
                second = asyncio.create_task(fetch(transport, get("http://name.test/", pool=5.0)))
                await turns()
                if ending == "cancel":
                    first.cancel()
                    await asyncio.wait([first])
                release.set()
                assert (await second).body == b"ok"

    play(main)


def misbehaving(rng: random.Random) -> Callable[[Peer], Awaitable[None]]:
    """Answers with the request's own body, mostly."""

    async def script(peer: Peer) -> None:
        while True:
            body = (await peer.request()).body
            wire = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            for _ in range(rng.choice([0, 0, 1, 3, 10])):
                await asyncio.sleep(0)
            if rng.random() < 0.05:
                await asyncio.sleep(0.05)  # beyond the client's shortest timeout
            deed = rng.random()
            if deed < 0.04:
                return
            if deed < 0.08:
                peer.reset()
                return
            if deed < 0.12:
                await peer.send(wire[: rng.randrange(len(wire))])
                return
            if deed < 0.3:
                for piece in cut(wire, rng):
                    await peer.send(piece)
                    await asyncio.sleep(0)
            else:
                await peer.send(wire)
            if deed > 0.95:
                return

    return script


async def one_client(
    number: int, rng: random.Random, transport: LeanTransport, url: str, counts: dict[str, int]
) -> None:
    for turn in range(ROUNDS):
        body = b"%d-%d-" % (number, turn) + b"x" * rng.choice([0, 10, 3_000, 100_000])
        request = post(url, body, read=rng.choice([0.03, 5.0]), pool=rng.choice([0.05, 10.0]), write=5.0)
        asked = asyncio.create_task(outcome(transport, request))
        if rng.random() < 0.2:
            for _ in range(rng.randrange(12)):
                await asyncio.sleep(0)
            asked.cancel()
        await asyncio.wait([asked])
        found = "cancelled" if asked.cancelled() else asked.result()
        if isinstance(found, Got):
            assert found.body == body, "an answer to another request"
            found = "answered"
        counts[found] = counts.get(found, 0) + 1


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_stress(play: Play, authority: Authority, pair: Pair, secure: bool) -> None:
    """Clients that give up, a server that misbehaves: each answer belongs to its request, nothing is left."""
    rng = seed_of("STRESS_SEED")
    client: ssl.SSLContext = client_context(authority)

    async def main() -> None:
        counts: dict[str, int] = {}
        tls = server_context(pair) if secure else None
        async with Server(misbehaving(rng), tls=tls) as server:
            async with lean(client, connections=5) as transport:
                await asyncio.gather(
                    *[one_client(number, rng, transport, server.url(), counts) for number in range(12)]
                )
                # All room is there again: five at once, none waits for ever.
                assert sum(counts.values()) == 12 * ROUNDS
                assert counts["answered"] > 3 * ROUNDS
            await until(lambda: server.open == 0, "all sockets were closed")

    play(main)


def test_fuzz_over_the_wire(play: Play) -> None:
    """Any bytes, cut anywhere: a response or an error of the network, in time, and then all is well again."""
    rng = seed_of("FUZZ_SEED")
    small = [case for case in CASES if len(case.wire) < 1000]
    wire = b""

    async def babbling(peer: Peer) -> None:
        await peer.request()
        for piece in cut(wire, rng):
            await peer.send(piece)
            await asyncio.sleep(0)
        if rng.random() < 0.3:
            await peer.gone()

    async def main() -> None:
        nonlocal wire
        async with Server(babbling) as server, lean(connections=2) as transport:
            for _ in range(ROUNDS * 4):
                case = rng.choice(small)
                wire = mutated(case.wire, rng)
                request = post(server.url(), b"", read=0.02)
                request.method = case.method
                async with asyncio.timeout(5):
                    await outcome(transport, request)
                # What came behind, or half a response, must not reach the next request.
                await until(lambda: server.open <= 1, "spoilt connections were closed")
        async with Server(echo) as server, lean() as transport:
            assert (await fetch(transport, post(server.url(), b"sane"))).body == b"sane"

    play(main)
