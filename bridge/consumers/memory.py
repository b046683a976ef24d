"""A broker in memory with a real one's semantics, and its consumer: for tests, demos and plug-in authors.

Partitions, offsets, one owner of a partition at a time within a group, committed offsets, redelivery from
the committed offset after each assignment, orderly revocation and sudden loss.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, wait
from itertools import count
from typing import ClassVar, Literal, NamedTuple

from bridge.config import SourceSettings
from bridge.consumers.base import Inbox, Kept, Link, SecretReader, Settles
from bridge.consumers.threaded import ThreadedConsumer
from bridge.model import Headers, Position, Record, Stream

_BATCH = 500
_TURN_SECONDS = 0.05
_METADATA_CHARACTERS = 4096

Place = tuple[str, int]


class Stored(NamedTuple):
    """One message of a partition, as it was produced."""

    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    timestamp_ms: int | None = None

    def __repr__(self) -> str:
        return f"<Stored, {len(self.value or b'')} bytes>"


class MemoryBroker:
    """Topics of partitions. Every method may be called from any thread; ``changed`` guards all state.

    Args:
        topics: name → number of partitions; a topic that is not named has one.
    """

    def __init__(self, topics: Mapping[str, int] | None = None) -> None:
        self.changed = threading.Condition()
        self._logs: dict[Place, list[Stored]] = {}
        self._committed: dict[tuple[str, Place], Position] = {}
        self._owners: dict[tuple[str, Place], object] = {}
        self._orders: defaultdict[object, deque[tuple[str, list[Place]]]] = defaultdict(deque)
        for name, partitions in (topics or {}).items():
            self._logs.update({(name, number): [] for number in range(partitions)})

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None = None,
        headers: Headers = (),
        *,
        partition: int = 0,
        timestamp_ms: int | None = None,
    ) -> int:
        """Append one message; returns its offset."""
        with self.changed:
            log = self._logs.setdefault((topic, partition), [])
            log.append(Stored(value, key, headers, timestamp_ms))
            self.changed.notify_all()
            return len(log) - 1

    def publish(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        timestamp_ms: int | None = None,
    ) -> Future[None]:
        """``produce`` in the shape of a publisher, confirmed at once: a store for dead letters."""
        self.produce(topic, value, key, headers, timestamp_ms=timestamp_ms)
        written: Future[None] = Future()
        written.set_result(None)
        return written

    def messages(self, topic: str, partition: int = 0) -> list[Stored]:
        """All that was produced there, such as the dead letters of a test."""
        with self.changed:
            return list(self._logs.get((topic, partition), ()))

    def committed(self, group: str, topic: str, partition: int = 0) -> Position | None:
        """What a group has committed; None before the first commit."""
        with self.changed:
            return self._committed.get((group, (topic, partition)))

    def revoke(self, group: str) -> None:
        """Take all partitions from their owners in good order; whoever is free takes them again."""
        self._order(group, "revoked")

    def lose(self, group: str) -> None:
        """Take all partitions from their owners at once, as when a session timed out."""
        self._order(group, "lost")

    def _order(self, group: str, kind: str) -> None:
        with self.changed:
            by_owner: defaultdict[object, list[Place]] = defaultdict(list)
            for (owned_by, place), owner in list(self._owners.items()):
                if owned_by == group:
                    by_owner[owner].append(place)
            for owner, places in by_owner.items():
                self._orders[owner].append((kind, places))
                if kind == "lost":
                    self.release(group, places)
            self.changed.notify_all()

    # What a member asks

    def next_order(self, member: object) -> tuple[str, list[Place]] | None:
        """What was decided about a member's partitions since it last asked."""
        with self.changed:
            orders = self._orders[member]
            return orders.popleft() if orders else None

    def claim(self, group: str, topics: Collection[str], member: object) -> dict[Place, Kept]:
        """Become owner of all free partitions of these topics; returns where each stands."""
        with self.changed:
            free = [p for p in self._logs if p[0] in topics and (group, p) not in self._owners]
            self._owners.update({(group, place): member for place in free})
            return {place: self._kept(group, place) for place in free}

    def _kept(self, group: str, place: Place) -> Kept:
        name = f"memory/{id(self)}/{place[0]}/{place[1]}"
        found = self._committed.get((group, place))
        return Kept(name, found.offset, found.metadata) if found else Kept(name)

    def release(self, group: str, places: Collection[Place]) -> None:
        """Own these no more."""
        with self.changed:
            for place in places:
                self._owners.pop((group, place), None)
            self.changed.notify_all()

    def commit(self, group: str, member: object, positions: Sequence[Position]) -> int:
        """Note the positions of partitions that the member owns; returns how many were refused."""
        with self.changed:
            good = [p for p in positions if self._owners.get((group, p.stream[1:])) is member]
            self._committed.update({(group, p.stream[1:]): p for p in good})
            return len(positions) - len(good)

    def fetch(self, offsets: Mapping[Place, int], limit: int) -> list[tuple[Place, int, Stored]]:
        """The next messages of these partitions, in order within each."""
        with self.changed:
            found = [
                (place, offset, self._logs[place][offset])
                for place, start in offsets.items()
                for offset in range(start, min(start + limit, len(self._logs[place])))
            ]
        return found[:limit]

    def end(self, place: Place) -> int:
        """The offset that the next message gets."""
        with self.changed:
            return len(self._logs[place])


class MemorySettings(SourceSettings):
    """A source that reads a ``MemoryBroker``."""

    streams_key: ClassVar[Literal["", "topics", "queues"]] = "topics"

    type: Literal["memory"] = "memory"
    group: str = "bridge"
    topics: tuple[str, ...] = ()

    def stream_names(self) -> tuple[str, ...]:
        """The topics that the source itself names."""
        return self.topics


class MemoryConsumer(ThreadedConsumer):
    """Reads a ``MemoryBroker``; is its own worker.

    Args:
        settings: of the source, with ``topics`` filled in.
        inbox: the loop.
        secret_reader: not needed.
        broker: what to read; without it an empty broker of its own.
    """

    Settings: ClassVar[type[MemorySettings]] = MemorySettings
    settles: ClassVar[Settles] = Settles.WATERMARK

    def __init__(
        self,
        settings: MemorySettings,
        inbox: Inbox,
        *,
        secret_reader: SecretReader | None = None,
        broker: MemoryBroker | None = None,
    ) -> None:
        super().__init__(settings, inbox, secret_reader=secret_reader)
        self.broker = broker or MemoryBroker()
        self._member = _Member(self)

    @property
    def worker(self) -> _Member:
        """The thread's half."""
        return self._member


class _Member:
    """Owned by the consumer thread."""

    def __init__(self, consumer: MemoryConsumer) -> None:
        self._settings: MemorySettings = consumer.settings
        self._inbox, self._stats, self._broker = consumer.inbox, consumer.stats, consumer.broker
        self._serve = consumer.serve
        self._epochs = count(1)
        self._ours: dict[Place, int] = {}
        self._offsets: dict[Place, int] = {}
        self._still: set[Stream] = set()

    def open(self) -> None:
        """There is nothing to connect to."""
        self._stats.metadata_limit = _METADATA_CHARACTERS
        self._inbox.link(Link.CONNECTED)

    def turn(self) -> None:
        """Obey the broker, take what is free, hand over."""
        self._stats.last_progress_seconds = time.monotonic()
        while order := self._broker.next_order(self):
            self._obey(*order)
        self._take_free()
        if not self._inbox.wait_for_room(_TURN_SECONDS):
            return
        places = {p: at for p, at in self._offsets.items() if self._stream(p) not in self._still}
        found = self._broker.fetch(places, _BATCH)
        if found:
            self._hand_over(found)
        else:
            with self._broker.changed:
                self._broker.changed.wait(_TURN_SECONDS)

    def leave(self, budget_seconds: float) -> None:
        """Drain, commit, release."""
        self._drain(list(self._ours), budget_seconds)

    def close(self) -> None:
        """There is nothing to close."""

    def settle(self, positions: Sequence[Position]) -> None:
        """Commit those of current epochs."""
        current = [p for p in positions if self._ours.get(p.stream[1:]) == p.epoch]
        refused = self._broker.commit(self._settings.group, self, current)
        self._stats.commits_fenced += len(positions) - len(current) + refused
        if len(current) > refused:
            self._stats.commits_ok += 1
            self._stats.last_commit_seconds = time.monotonic()

    def pause(self, streams: Collection[Stream]) -> None:
        """Fetch no more of these."""
        self._still.update(streams)
        self._show()

    def resume(self, streams: Collection[Stream]) -> None:
        """Fetch these again."""
        self._still.difference_update(streams)
        self._show()

    def _obey(self, kind: str, places: list[Place]) -> None:
        ours = [place for place in places if place in self._ours]
        self._stats.rebalanced(kind)
        if kind == "lost":
            self._inbox.lost([self._stream(place) for place in ours])
            self._forget(ours)
        else:
            self._drain(ours, 10.0)

    def _drain(self, places: list[Place], budget_seconds: float) -> None:
        if places:
            answer = self._inbox.revoked([self._stream(place) for place in places], budget_seconds)
            wait([answer], timeout=budget_seconds + 0.5)
            self._serve()
            self.settle(answer.result() if answer.done() else ())
        self._broker.release(self._settings.group, places)
        self._forget(places)

    def _take_free(self) -> None:
        begun = self._broker.claim(self._settings.group, self._settings.topics, self)
        if not begun:
            return
        epoch = next(self._epochs)
        self._ours.update(dict.fromkeys(begun, epoch))
        self._offsets.update({place: kept.offset for place, kept in begun.items()})
        self._stats.rebalanced("assigned")
        self._show()
        kept = {self._stream(place): kept for place, kept in begun.items()}
        self._inbox.assigned(dict.fromkeys(kept, epoch), kept)

    def _hand_over(self, found: list[tuple[Place, int, Stored]]) -> None:
        batch = []
        for place, offset, stored in found:
            batch.append(
                Record(
                    self._stream(place),
                    offset,
                    self._ours[place],
                    stored.value,
                    stored.key,
                    stored.headers,
                    stored.timestamp_ms,
                )
            )
            self._offsets[place] = offset + 1
        self._stats.consumed_total += len(batch)
        self._inbox.records(batch, self._stats.consumed_total)

    def _forget(self, places: Collection[Place]) -> None:
        for place in places:
            self._ours.pop(place, None)
            self._offsets.pop(place, None)
        self._show()

    def _stream(self, place: Place) -> Stream:
        return Stream(self._settings.name, *place)

    def _show(self) -> None:
        streams = {self._stream(place): place for place in self._ours}
        self._stats.assigned = frozenset(streams)
        self._stats.paused = frozenset(self._still) & frozenset(streams)
        self._stats.lag = {s: self._broker.end(p) - self._offsets.get(p, 0) for s, p in streams.items()}
