"""The same bytes to our transport and to httpx's own: the same comes out, or the table says why not."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.send.http1.cases import CASES, LATE, Case
from tests.send.http1.conftest import Play
from tests.send.http1.harness import OK, Got, Peer, Script, Server, get, lean, outcome, plain_httpx, prepared

TRANSPORTS: dict[str, Callable[[], httpx.AsyncBaseTransport]] = {
    "lean": lean,
    "prepared": prepared,
    "httpx": plain_httpx,
}
BY_NAME = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def playing(case: Case, *, slowly: bool = False) -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        await (peer.send_slowly if slowly else peer.send)(case.wire)
        if case.hangs_up:
            return
        await peer.request()
        await peer.send(OK)
        await peer.gone()

    return script


async def answering(peer: Peer) -> None:
    await peer.request()
    await peer.send(OK)
    await peer.gone()


async def answers(
    case: Case, make: httpx.AsyncBaseTransport, *, slowly: bool = False, alone: bool = False
) -> tuple[Got | str, bool]:
    """What the client made of it, and whether the connection served a second request."""
    async with Server(playing(case, slowly=slowly), answering) as server, make as transport:
        read = 0.1 if LATE in (case.want, case.httpx_want) else 10.0
        first = await outcome(transport, get(server.url(), case.method, read=read))
        if alone:
            return first, case.reused
        second = await outcome(transport, get(server.url()))
        assert isinstance(second, Got), "the transport does not work any more"
        assert second.body == b"ok", "a response of another request"
        return first, server.connections == 1


def bare(found: Got | str) -> tuple[int, bytes] | str:
    return found if isinstance(found, str) else (found.status, found.body)


@BY_NAME
@pytest.mark.parametrize("kind", TRANSPORTS)
def test_a_response_is_understood_as_the_table_says(play: Play, kind: str, case: Case) -> None:
    """Status, body or class of error, and whether the connection is used again."""

    async def main() -> None:
        differs = kind == "httpx"
        found, reused = await answers(case, TRANSPORTS[kind](), alone=differs and case.surplus)
        want = case.httpx_want if differs and case.httpx_want is not None else case.want
        again = case.httpx_reused if differs and case.httpx_reused is not None else case.reused
        assert (bare(found), reused) == (want, again)

    play(main)


@pytest.mark.parametrize(
    "case", [case for case in CASES if len(case.wire) < 1000], ids=lambda case: case.name
)
@pytest.mark.parametrize("kind", ["lean", "prepared"])
def test_it_makes_no_difference_where_packets_end(play: Play, kind: str, case: Case) -> None:
    """A byte at a time gives what the whole gave."""

    async def main() -> None:
        found, _ = await answers(case, TRANSPORTS[kind](), slowly=True, alone=case.surplus)
        assert bare(found) == case.want

    play(main)


def test_headers_are_those_of_the_other_transport(play: Play) -> None:
    """Names in the order they came, repeated ones apart, values without blanks around them."""
    wire = b"HTTP/1.1 200 OK\r\nB: 1\r\na:  x y \r\nB:2\r\nE:\r\nContent-Length: 2\r\n\r\nok"

    async def main() -> None:
        case = Case("headers", wire, (200, b"ok"))
        ours, prepared_too, theirs = [(await answers(case, make()))[0] for make in TRANSPORTS.values()]
        assert ours == prepared_too == theirs
        assert isinstance(ours, Got)
        assert ours.headers[:4] == [("b", "1"), ("a", "x y"), ("b", "2"), ("e", "")]

    play(main)


def test_every_difference_has_its_reason() -> None:
    """And nothing is called a difference that is none."""
    for case in CASES:
        differs = case.httpx_want is not None or case.httpx_reused is not None
        assert not differs or case.reason, case.name
        assert case.httpx_want != case.want or case.httpx_want is None, case.name
