"""What is held for too long goes back to its broker, once, and comes again when it can be taken."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from bridge.config import SourceSettings
from bridge.consumers.base import Consumer, Inbox, Link, Settles
from bridge.consumers.memory import MemorySettings
from bridge.model import Position, Record, Stream
from bridge.returns import overdue
from tests.inprocess import World

A, B = Stream("desk", "a"), Stream("desk", "b")
RULES = """
from: {topics: [a, b]}
rules:
  - name: order
    on_error: ON_ERROR
    emit:
      - event_type: track
        event_name: Order Completed
        user_id: "event.user"
        event_params: {Seq: {int: "event.seq"}}
"""


@pytest.mark.parametrize(
    ("since", "known", "is_overdue"),
    [(90.0, {}, True), (90.1, {}, False), (90.0, {A: 90.0}, False), (90.0, {A: 89.0}, True)],
)
def test_overdue_is_what_was_held_so_long_and_not_given_back(
    since: float, known: dict[Stream, float], is_overdue: bool
) -> None:
    """The consumer may tell of the old hold for a moment after it ended."""
    assert overdue({A: since, B: 99.0}, known, 10.0, now=100.0) == ({A} if is_overdue else set())


class Desk(Consumer):
    """Queues as RabbitMQ has them, but a message keeps its tag; the test says how long it is held."""

    Settings: ClassVar[type[MemorySettings]] = MemorySettings
    settles = Settles.EACH

    def __init__(self, settings: SourceSettings, inbox: Inbox) -> None:
        super().__init__(settings, inbox)
        self.ready: dict[Stream, dict[int, bytes]] = {A: {}, B: {}}
        self.out: dict[Stream, dict[int, bytes]] = {A: {}, B: {}}
        self.epochs: dict[Stream, int] = {}
        self.given: list[set[Stream]] = []
        self.reopened: list[set[Stream]] = []
        self.late = 0
        self._numbers = itertools.count(1)

    @property
    def longest_hold_seconds(self) -> float:
        return 900.0

    def start(self) -> None:
        self.inbox.link(Link.CONNECTED)
        for stream in self.ready:
            self._begin(stream)

    def _begin(self, stream: Stream) -> None:
        self.epochs[stream] = next(self._numbers)
        self.inbox.assigned({stream: self.epochs[stream]})
        self.hand_over()

    def publish(self, stream: Stream, *orders: tuple[str, int]) -> None:
        self.add(stream, *(json.dumps({"user": user, "seq": seq}).encode() for user, seq in orders))
        self.hand_over()

    def add(self, stream: Stream, *values: bytes) -> None:
        self.ready[stream].update((next(self._numbers), value) for value in values)

    def hand_over(self) -> None:
        for stream, epoch in self.epochs.items():
            batch = [Record(stream, tag, epoch, value) for tag, value in self.ready[stream].items()]
            self.out[stream].update(self.ready[stream])
            self.ready[stream] = {}
            self.stats.consumed_total += len(batch)
            self.inbox.records(batch, self.stats.consumed_total)

    def age(self, *streams: Stream) -> None:
        """As if the oldest of what these hold had come sixteen minutes ago."""
        self.stats.held_since = {stream: time.monotonic() - 960.0 for stream in streams}

    def settle(self, positions: Sequence[Position]) -> None:
        for position in positions:
            if self.epochs.get(position.stream) == position.epoch:
                del self.out[position.stream][position.offset]
            else:
                self.late += 1

    def give_back(self, streams: Collection[Stream]) -> None:
        """The broker is slow: that the streams are lost is told with their return."""
        self.given.append(set(streams))
        for stream in streams:
            del self.epochs[stream]
            self.ready[stream] = {**self.out[stream], **self.ready[stream]}
            self.out[stream] = {}

    def reopen(self, streams: Collection[Stream]) -> None:
        self.reopened.append(set(streams))
        self.stats.held_since = {}
        self.inbox.lost(streams)
        for stream in streams:
            self._begin(stream)

    def pause(self, streams: Collection[Stream]) -> None:
        """All is handed over at once."""

    def resume(self, streams: Collection[Stream]) -> None:
        """All is handed over at once."""

    def close(self, budget_seconds: float) -> Future[None]:
        ended: Future[None] = Future()
        self.inbox.revoked(self.epochs, budget_seconds).add_done_callback(lambda _: ended.set_result(None))
        return ended

    @property
    def is_empty(self) -> bool:
        return not any(self.ready.values()) and not any(self.out.values())


class Office(World):
    """The bridge before such queues; what the API was asked is remembered."""

    desk: Desk

    def __init__(self, home: Path, on_error: str = "dead_letter", **config: Any) -> None:
        self.asked: list[dict[str, Any]] = []
        sources = [{"name": "desk", "type": "memory", "topics": ["a", "b"]}]
        self.rules = RULES.replace("ON_ERROR", on_error)
        super().__init__(home, self.rules, sources=sources, **config)

    def _consumer(self, source: SourceSettings, inbox: Inbox) -> Consumer:
        self.desk = Desk(source, inbox)
        return self.desk

    async def _api(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(json.loads(request.content))
        return await super()._api(request)

    def is_stalled(self, reason: str) -> bool:
        return self.snapshot().total("stalled", reason=reason) == 1

    def took(self) -> list[tuple[str, int]]:
        """What was accepted, in the order of first acceptances."""
        found = [(e["user_id"], e["event_params"][0]["value"]["int_value"]) for e in self.accepted]
        return list(dict.fromkeys(found))


ORDERS = [("ann", 1), ("bob", 1), ("ann", 2), ("ann", 3), ("bob", 2)]


def test_an_outage_gives_all_back_once_and_a_copy_asks(tmp_path: Path) -> None:
    """Nothing is settled by the copy; when it is accepted all comes again, in order, under the same ids."""
    world = Office(tmp_path)
    world.answer = lambda _: 401

    async def story() -> None:
        world.desk.publish(A, *ORDERS)
        await world.until(lambda: world.is_stalled("blocked"))
        assert world.desk.given == []
        world.desk.age(A)
        await world.until(lambda: world.desk.given == [{A}])
        assert world.is_stalled("given_back")
        before = len(world.asked)
        await world.until(lambda: len(world.asked) >= before + 2)
        assert world.snapshot().total("records_in_flight") == 0
        assert (world.desk.given, world.desk.reopened) == ([{A}], [])
        world.answer = lambda _: 200
        await world.until(lambda: world.desk.is_empty)
        assert not world.is_stalled("given_back")

    world.run(story)

    assert (world.desk.given, world.desk.reopened, world.desk.late) == ([{A}], [{A}], 0)
    assert sorted(world.took()) == sorted(ORDERS)
    for user in ("ann", "bob"):
        assert [one for one in world.took() if one[0] == user] == [one for one in ORDERS if one[0] == user]
    assert len({event["event_id"] for event in world.accepted}) == len(ORDERS)
    assert len(world.accepted) == len(ORDERS) + 1
    assert world.letters() == []


def test_a_copy_that_is_refused_reopens_and_its_event_gets_its_letter(tmp_path: Path) -> None:
    """The destination answers; the copy itself writes none."""
    world = Office(tmp_path)
    world.answer = lambda _: 401

    async def story() -> None:
        world.desk.publish(A, ("ann", 1))
        await world.until(lambda: world.is_stalled("blocked"))
        world.desk.age(A)
        await world.until(lambda: world.desk.given == [{A}])
        world.answer = lambda _: 400
        await world.until(lambda: world.desk.is_empty)

    world.run(story)

    assert world.desk.reopened == [{A}]
    assert len(world.letters()) == 1


def test_one_user_alone_in_an_outage_is_given_back_too(tmp_path: Path) -> None:
    """Retryable answers to a single user block nothing; but nothing was accepted for long."""
    world = Office(tmp_path)
    world.answer = lambda _: 503

    async def story() -> None:
        world.desk.publish(A, ("ann", 1))
        await world.until(lambda: len(world.asked) > 2)
        assert not world.snapshot().total("stalled")
        world.desk.age(A)
        await world.until(lambda: world.desk.given == [{A}])
        before = len(world.asked)
        await world.until(lambda: len(world.asked) >= before + 2)
        world.answer = lambda _: 200
        await world.until(lambda: world.desk.is_empty)

    world.run(story)

    assert world.took() == [("ann", 1)]


def test_a_queue_that_stands_still_waits_for_other_rules_and_no_other_queue_with_it(tmp_path: Path) -> None:
    """``on_error: stop``: what stands still is given back, the other queue flows on."""
    world = Office(tmp_path, on_error="stop")

    async def story() -> None:
        world.desk.publish(A, ("ann", 1))
        await world.until(lambda: world.took() == [("ann", 1)])
        world.desk.add(A, b'{"user": "ann", "seq": "many"}')
        world.desk.publish(A, ("bob", 2))
        await world.until(lambda: world.is_stalled("rule_stopped"))
        world.desk.age(A)
        await world.until(lambda: world.desk.given == [{A}])
        world.desk.publish(B, ("cid", 1))
        await world.until(lambda: ("cid", 1) in world.took())
        assert world.desk.reopened == []
        (world.home / "new").write_text(world.rules.replace("stop", "drop"))
        (world.home / "new").rename(world.home / "rules.yaml")
        await world.until(lambda: world.desk.is_empty)

    world.run(story)

    assert world.took() == [("ann", 1), ("cid", 1), ("bob", 2)]
    assert world.desk.given == [{A}]


def test_what_is_slow_but_moves_is_not_given_back(tmp_path: Path) -> None:
    """One event is tried again and again while others pass: it has a retry budget, which would begin anew."""
    world = Office(tmp_path)
    world.answer = lambda event: 503 if event["user_id"] == "ann" else 200

    async def story() -> None:
        world.desk.publish(A, ("ann", 1), ("bob", 1))
        await world.until(lambda: world.took() == [("bob", 1)] and len(world.asked) > 2)
        world.desk.age(A)
        turns = world.snapshot().taken_seconds
        await world.until(lambda: world.app.board.latest().taken_seconds > turns + 0.5)
        assert world.desk.given == []
        world.answer = lambda _: 200
        await world.until(lambda: world.desk.is_empty)

    world.run(story)
