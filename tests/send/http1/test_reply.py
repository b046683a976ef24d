"""The response parser alone: fed in any pieces it says the same, and nothing it is fed escapes it."""

from __future__ import annotations

import os
import random
from typing import NamedTuple

import pytest

from bridge.send.http1.reply import BadReply, Reply
from tests.send.http1.cases import BAD, CASES, Case

SMALL = [case for case in CASES if len(case.wire) < 1000]
ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "3000"))


class Heard(NamedTuple):
    """How far a reply came."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    complete: bool
    reusable: bool
    bad: bool


def hear(pieces: list[bytes], method: str = "GET") -> Heard:
    reply = Reply()
    reply.reset(bodiless=method == "HEAD")
    bad = False
    try:
        for piece in pieces:
            reply.feed(memoryview(piece))
    except BadReply:
        bad = True
    return Heard(reply.status, reply.headers, b"".join(reply.chunks), reply.complete, reply.reusable, bad)


def after_the_end(heard: Heard) -> Heard:
    """Without what may differ: a response is handed over before bytes behind it are seen."""
    return heard._replace(reusable=False, bad=False) if heard.complete else heard


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_every_split_in_two_gives_the_same(case: Case) -> None:
    """Wherever the packet ends."""
    whole = hear([case.wire], case.method)
    for at in range(1, len(case.wire)):
        halves = hear([case.wire[:at], case.wire[at:]], case.method)
        if case.want == BAD:
            assert halves.bad == whole.bad or not halves.complete
        elif case.surplus:
            assert after_the_end(halves) == after_the_end(whole)
        else:
            assert halves == whole


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_a_byte_at_a_time_gives_the_same(case: Case) -> None:
    """The longest way to say it."""
    whole = hear([case.wire], case.method)
    bytewise = hear([bytes([one]) for one in case.wire], case.method)
    assert after_the_end(bytewise) == after_the_end(whole)


def test_a_reset_forgets_the_response_before() -> None:
    """Headers, status, body and the HEAD."""
    reply = Reply()
    reply.feed(memoryview(b"HTTP/1.1 404 N\r\nA: b\r\nContent-Length: 1\r\n\r\nx"))
    reply.reset(bodiless=True)
    reply.feed(memoryview(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"))
    assert (reply.complete, reply.reusable, reply.chunks) == (True, True, [])
    reply.reset()
    reply.feed(memoryview(b"HTTP/1.1 201 C\r\nContent-Length: 1\r\n\r\ny"))
    assert (reply.status, reply.headers, reply.chunks) == (201, [(b"Content-Length", b"1")], [b"y"])


def test_nothing_of_a_herald_stays() -> None:
    """Neither its fields nor its framing: the body of the response ends with the connection."""
    reply = Reply()
    reply.feed(memoryview(b"HTTP/1.1 103 E\r\nLink: a\r\nTransfer-Encoding: chunked\r\n\r\n"))
    reply.feed(memoryview(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nok"))
    assert reply.headers == [(b"A", b"b")]
    assert reply.end()


def test_a_long_body_in_small_parts_is_no_long_head() -> None:
    """The bound is on what is no body."""
    reply = Reply()
    reply.feed(memoryview(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))
    for _ in range(40_000):
        reply.feed(memoryview(b"1;x\r\ny\r\n"))
    reply.feed(memoryview(b"0\r\n\r\n"))
    assert reply.complete
    assert sum(map(len, reply.chunks)) == 40_000


@pytest.mark.parametrize("opening", [b"HTTP/1.1 200 OK\r\nA: ", b"HTTP/1.1 200 ", b"HTTP/1.1 200 OK\r\nA"])
def test_an_endless_head_ends(opening: bytes) -> None:
    """In a value, a reason, a name."""
    reply = Reply()
    reply.feed(memoryview(opening))
    for _ in range(64):
        reply.feed(memoryview(b"x" * 1000))
    with pytest.raises(BadReply):
        reply.feed(memoryview(b"x" * 2000))


def test_a_message_of_error_holds_nothing_of_the_response() -> None:
    """It may be a secret that came back."""
    with pytest.raises(BadReply) as caught:
        Reply().feed(memoryview(b"HTTP/1.1 200 OK\r\nhunter2 : hunter2\r\n\r\n"))
    assert "hunter2" not in str(caught.value)


def mutated(wire: bytes, rng: random.Random) -> bytes:
    """A few bytes changed, cut out, doubled or put in."""
    for _ in range(rng.randint(1, 4)):
        at, length = rng.randrange(len(wire) + 1), rng.randint(0, 6)
        middle = rng.choice(
            [b"", rng.randbytes(length), wire[at : at + length] * 2, b"\r\n", b"0", b"\x00", b":"]
        )
        wire = wire[:at] + middle + wire[at + rng.choice([0, length]) :]
    return wire


def cut(wire: bytes, rng: random.Random) -> list[bytes]:
    """In pieces anywhere."""
    ends = sorted(rng.randrange(len(wire) + 1) for _ in range(rng.randint(0, 5)))
    return [wire[start:end] for start, end in zip([0, *ends], [*ends, len(wire)], strict=True) if start < end]


def test_mutated_responses_are_bad_or_something() -> None:
    """Never another exception, never more body than bytes, never reusable without being whole."""
    seed = int(os.environ.get("FUZZ_SEED", random.randrange(2**32)))  # noqa: S311 - no secret
    print(f"FUZZ_SEED={seed}")  # noqa: T201 - pytest shows it when the test fails
    rng = random.Random(seed)  # noqa: S311 - no secret
    for _ in range(ROUNDS):
        case = rng.choice(SMALL)
        wire = mutated(case.wire, rng)
        heard = hear(cut(wire, rng), case.method)
        assert heard.complete or not heard.reusable
        assert len(heard.body) <= len(wire)
        assert heard.status == 0 or 200 <= heard.status <= 999


@pytest.mark.parametrize("between", [None, b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"])
def test_the_same_bytes_again_say_the_same(between: bytes | None) -> None:
    """Also with another response in between; and the parser is none the worse for what it was spared."""
    wire = b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\n\r\n{}"
    reply = Reply()
    for piece in [wire, *([between] if between else []), wire, wire[:20], wire[20:], wire]:
        if piece is not wire[20:] and not (reply.started and not reply.complete):
            reply.reset()
        reply.feed(memoryview(piece))
    assert (reply.status, reply.headers, reply.chunks) == (
        200,
        [(b"A", b"b"), (b"Content-Length", b"2")],
        [b"{}"],
    )
    assert (reply.headed, reply.complete, reply.reusable) == (True, True, True)


def test_the_same_bytes_as_the_answer_to_a_head_are_another_response() -> None:
    """A HEAD has no body: what looks like one spoils the connection."""
    wire = memoryview(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    reply = Reply()
    reply.reset()
    reply.feed(wire)
    reply.reset(bodiless=True)
    reply.feed(wire)
    assert (reply.complete, reply.chunks, reply.reusable) == (True, [], False)


def test_two_responses_at_once_are_never_taken_for_one() -> None:
    """Whatever came before: more than was asked for spoils the connection."""
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    reply = Reply()
    for piece in (wire, wire + wire):
        reply.reset()
        reply.feed(memoryview(piece))
    assert (reply.complete, reply.reusable) == (True, False)
