"""A letter counts only when it is confirmed; until then its record stays open."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from bridge.errors import DeadLetterError
from bridge.model import Event, Reason, Record, Stream
from bridge.settle.letters import Cause, Letter, write_letter
from bridge.settle.stores import FileStore
from bridge.settle.tickets import Ticket
from bridge.settle.undertaker import Undertaker

RECORD = Record(
    Stream("shop", "orders", 3),
    42,
    1,
    b"\xff\x00not json",
    key=b"\xfe",
    headers=(("h", b"1"), ("h", b"2"), ("n", None)),
    timestamp_ms=1_700_000_000_123,
)


class Store:
    """Fails as often as told, then takes letters."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.letters: list[Letter] = []

    async def write(self, letter: Letter) -> None:
        if self.failures:
            self.failures -= 1
            raise DeadLetterError("no leader")
        self.letters.append(letter)

    async def close(self, budget_seconds: float) -> None:
        """Nothing to close."""


class Mourner:
    def __init__(self) -> None:
        self.log: list[str] = []
        self.failed = asyncio.Event()

    def buried(self, ticket: Ticket, cause: Cause) -> None:
        self.log.append("buried")

    def unburied(self, ticket: Ticket, error: DeadLetterError) -> None:
        self.log.append("unburied")
        self.failed.set()


def bury(store: Store, ticket: Ticket, mourner: Mourner) -> None:
    async def run() -> None:
        ended = asyncio.Event()
        undertaker = Undertaker(store, mourner, lambda: -1.0, "abc")
        undertaker.bury(ticket, Cause(Reason.UNDECODABLE, "bad"), ended.set)
        async with asyncio.timeout(10):
            await ended.wait()

    asyncio.run(run())


def test_a_write_is_tried_until_it_is_confirmed() -> None:
    """Failures are told; the part ends only after the store took it."""
    store, mourner = Store(failures=3), Mourner()
    bury(store, Ticket(RECORD), mourner)

    assert mourner.log == ["unburied", "unburied", "unburied", "buried"]
    assert len(store.letters) == 1


class Moody(Store):
    """Takes letters one after the other, but refuses some of them, as often as told."""

    def __init__(self, moods: dict[int, int]) -> None:
        super().__init__(failures=0)
        self.moods = moods
        self.at_once = self.most_at_once = 0

    async def write(self, letter: Letter) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.001)
        self.at_once -= 1
        self.failures = int(self.moods.get(letter.record.offset, 0) > 0)
        if self.failures:
            self.moods[letter.record.offset] -= 1
        await super().write(letter)

    def offsets(self, stream: Stream) -> list[int]:
        return [one.record.offset for one in self.letters if one.record.stream == stream]


def bury_all(store: Store, tickets: list[Ticket], mourner: Mourner, late: list[Ticket]) -> None:
    """``late`` come while the first of the others cannot be written."""

    async def run() -> None:
        left = len(tickets) + len(late)
        ended = asyncio.Event()

        def confirmed() -> None:
            nonlocal left
            left -= 1
            if not left:
                ended.set()

        undertaker = Undertaker(store, mourner, lambda: -0.9, "abc")
        for ticket in tickets:
            undertaker.bury(ticket, Cause(Reason.UNDECODABLE, "bad"), confirmed)
        if late:
            await mourner.failed.wait()
        for ticket in late:
            undertaker.bury(ticket, Cause(Reason.UNDECODABLE, "bad"), confirmed)
        async with asyncio.timeout(20):
            await ended.wait()

    asyncio.run(run())


def tickets(stream: Stream, *offsets: int) -> list[Ticket]:
    return [Ticket(msgspec.structs.replace(RECORD, stream=stream, offset=one)) for one in offsets]


ONE, OTHER = Stream("shop", "orders", 1), Stream("shop", "orders", 2)


def test_letters_of_a_stream_keep_their_order_when_some_cannot_be_written() -> None:
    """A full queue refuses one and takes the next: what comes behind a refused one waits for it."""
    store, mourner = Moody({1: 3, 2: 1, 3: 1, 5: 2}), Mourner()
    bury_all(store, tickets(ONE, 1, 2, 3), mourner, late=tickets(ONE, 4, 5, 6))

    assert store.offsets(ONE) == [1, 2, 3, 4, 5, 6]


def test_letters_of_another_stream_wait_for_none() -> None:
    """Each partition or queue has its own order."""
    store = Moody({1: 4})
    bury_all(store, tickets(ONE, 1) + tickets(OTHER, 2, 3), Mourner(), late=[])

    assert [one.record.offset for one in store.letters] == [2, 3, 1]


def test_letters_do_not_wait_while_all_goes_well() -> None:
    """Many are on their way at once; the first that fails changes that."""
    well, ill = Moody({}), Moody({0: 1})
    bury_all(well, tickets(ONE, *range(100)), Mourner(), late=[])
    bury_all(ill, tickets(ONE, 0), Mourner(), late=tickets(ONE, *range(1, 30)))

    assert well.most_at_once == 100
    assert ill.most_at_once == 1
    assert well.offsets(ONE) == list(range(100))
    assert ill.offsets(ONE) == list(range(30))


def test_a_record_given_back_holds_up_no_other_letter() -> None:
    """Its letter is not written any more; those that waited for it are."""
    store = Moody({1: 1000})
    first, second = tickets(ONE, 1, 2)

    class Fences(Mourner):
        def unburied(self, ticket: Ticket, error: DeadLetterError) -> None:
            super().unburied(ticket, error)
            first.fenced = len(self.log) > 1

    mourner = Fences()
    bury_all(store, [first], mourner, late=[second])

    assert store.offsets(ONE) == [2]


def test_a_record_given_back_needs_no_letter() -> None:
    """Whoever reads it next writes its letter."""
    store, ticket = Store(failures=0), Ticket(RECORD)
    ticket.fenced = True
    bury(store, ticket, Mourner())

    assert store.letters == []


def test_a_letter_keeps_the_original_and_adds_why() -> None:
    """Bytes and headers untouched, in their order; ours come after."""
    event = Event("r1", "track", 1, 2, "default", "ann", None, "id-1", b"{}")
    cause = Cause(Reason.REFUSED, "refused: no", "r1", "default", event, 400, 2, 1_700_000_001_000, "id-1")
    letter = write_letter(RECORD, cause, "abc")
    headers = dict(letter.headers[3:])

    assert letter.record is RECORD
    assert letter.headers[:3] == RECORD.headers
    assert headers == {
        "bridge-reason": b"refused",
        "bridge-error": b"refused: no",
        "bridge-status": b"400",
        "bridge-rule": b"r1",
        "bridge-rules-hash": b"abc",
        "bridge-attempts": b"2",
        "bridge-first-failed-at": b"2023-11-14T22:13:21.000Z",
        "bridge-source": b"shop",
        "bridge-topic": b"orders",
        "bridge-partition": b"3",
        "bridge-offset": b"42",
        "bridge-timestamp": b"2023-11-14T22:13:20.123Z",
        "bridge-destination": b"default",
        "bridge-event-id": b"id-1",
        "bridge-event-index": b"1.2",
    }


def test_a_file_letter_is_a_line_that_can_be_read_again(tmp_path: Path) -> None:
    """JSON lines; bytes that are no text are base64."""
    path = tmp_path / "deep" / "letters.jsonl"
    letter = write_letter(RECORD, Cause(Reason.UNDECODABLE, "bad"), "abc")

    async def run() -> None:
        store = FileStore(path)
        await asyncio.gather(store.write(letter), store.write(letter))

    asyncio.run(run())
    lines = [json.loads(line) for line in path.read_text().splitlines()]

    assert len(lines) == 2
    assert lines[0]["topic"] == "orders"
    assert lines[0]["value_base64"] == "/wBub3QganNvbg=="


def test_an_unwritable_file_is_a_dead_letter_error(tmp_path: Path) -> None:
    """The caller tries again; nothing is thrown away."""
    path = tmp_path / "dir"
    path.mkdir()

    with pytest.raises(DeadLetterError, match="directory"):
        asyncio.run(FileStore(path).write(write_letter(RECORD, Cause(Reason.UNDECODABLE, "x"), "h")))
