"""A loop that only writes down what a consumer tells it, and answers as the test wants."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future

from bridge.consumers.base import Consumer, Kept, Link, Settles
from bridge.model import Position, Record, Stream

DEADLINE_SECONDS = 30.0
Answer = Callable[[Collection[Stream]], Sequence[Position]]


def nothing_to_settle(streams: Collection[Stream]) -> Sequence[Position]:
    """The answer to ``revoked`` of a loop in which nothing new was finished."""
    return ()


class RecordingInbox:
    """Implements ``bridge.consumers.base.Inbox``. Every field is guarded by one condition.

    Fields are read by the test's thread after ``wait_until``; ``calls`` names the methods in the order
    they were called.
    """

    def __init__(self, answer: Answer = nothing_to_settle) -> None:
        self.answer = answer
        self.received: list[Record] = []
        self.totals: list[int] = []
        self.epochs: dict[Stream, int] = {}
        self.kept: dict[Stream, Kept] = {}
        self.assignments: list[dict[Stream, int]] = []
        self.revocations: list[frozenset[Stream]] = []
        self.losses: list[frozenset[Stream]] = []
        self.links: list[tuple[Link, str]] = []
        self.failures: list[Exception] = []
        self.ended = False
        self.calls: list[str] = []
        self._room = True
        self._changed = threading.Condition()

    # -- the test's side -------------------------------------------------------------------------

    def wait_until(self, seen: Callable[[], bool], timeout_seconds: float = DEADLINE_SECONDS) -> bool:
        """Wait until ``seen()`` holds, looked at after each call of the consumer."""
        with self._changed:
            return self._changed.wait_for(seen, timeout_seconds)

    def wait_for_records(self, count: int, timeout_seconds: float = DEADLINE_SECONDS) -> list[Record]:
        """The first ``count`` records or more; fails the test when they do not come in time."""
        assert self.wait_until(lambda: len(self.received) >= count, timeout_seconds), (
            f"{len(self.received)} of {count} records; links {self.links}; failures {self.failures}"
        )
        with self._changed:
            return list(self.received)

    def stays_at_most(self, count: int, for_seconds: float) -> bool:
        """No more than ``count`` records are handed over during that time."""
        return not self.wait_until(lambda: len(self.received) > count, for_seconds)

    def give_room(self, room: bool) -> None:
        """What ``wait_for_room`` answers from now on."""
        with self._changed:
            self._room = room
            self._changed.notify_all()

    # -- the consumer's side ---------------------------------------------------------------------

    def wait_for_room(self, timeout_seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._room, timeout_seconds)

    def records(self, batch: Sequence[Record], consumed_total: int) -> None:
        with self._changed:
            self.received.extend(batch)
            self.totals.append(consumed_total)
            self._called("records")

    def assigned(self, epochs: Mapping[Stream, int], kept: Mapping[Stream, Kept] | None = None) -> None:
        with self._changed:
            self.epochs.update(epochs)
            self.kept.update(kept or {})
            self.assignments.append(dict(epochs))
            self._called("assigned")

    def revoked(self, streams: Collection[Stream], budget_seconds: float) -> Future[Sequence[Position]]:
        answer: Future[Sequence[Position]] = Future()
        with self._changed:
            self.revocations.append(frozenset(streams))
            answer.set_result(self.answer(streams))
            self._called("revoked")
        return answer

    def lost(self, streams: Collection[Stream]) -> None:
        with self._changed:
            self.losses.append(frozenset(streams))
            self._called("lost")

    def link(self, state: Link, detail: str = "") -> None:
        with self._changed:
            self.links.append((state, detail))
            self._called("link")

    def failed(self, error: Exception) -> None:
        with self._changed:
            self.failures.append(error)
            self._called("failed")

    def finished(self) -> None:
        with self._changed:
            self.ended = True
            self._called("finished")

    def _called(self, name: str) -> None:
        self.calls.append(name)
        self._changed.notify_all()


def eventually(holds: Callable[[], bool], timeout_seconds: float = DEADLINE_SECONDS) -> bool:
    """Look at what nobody announces (``ConsumerStats``) until it holds or the deadline is over."""
    pause = threading.Event()
    for _ in range(int(timeout_seconds / 0.01)):
        if holds():
            return True
        pause.wait(0.01)
    return holds()


def done_with(records: Sequence[Record], settles: Settles) -> list[Position]:
    """The positions that say: all of these records are settled."""
    if settles is Settles.EACH:
        return [Position(one.stream, one.offset, one.epoch) for one in records]
    marks = {one.stream: Position(one.stream, one.offset + 1, one.epoch) for one in records}
    return list(marks.values())


def close(consumer: Consumer, budget_seconds: float = 5.0) -> None:
    """Close and wait for the thread's end."""
    consumer.close(budget_seconds).result(timeout=budget_seconds + 10)
