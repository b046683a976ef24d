"""One source at work on the loop: takes batches in, holds back, drains, settles.

Owned by the loop; the consumer's half is in ``inbox``. A stream is paused while it has a reason (``blocked``,
``hot_user``, ``rule_stopped``, ``no_rule``, ``registry_unavailable``, ``dead_letter_budget``,
``dead_letters_unavailable``, ``metadata_full``). Without ``room`` the consumer is not let in: to pause it
would throw away what it prefetched. Where each record is acked by itself nothing would be thrown away, and
all streams are paused.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from bridge.blocking import NO_WAITS, Blocking, Waits
from bridge.config import Limits
from bridge.consumers.base import Consumer, Kept, Link, Settles
from bridge.crowding import Crowding
from bridge.model import Outcome, Position, Record, Stream
from bridge.settle.tickets import Ledger, Load, Ticket

_ROOM, _MEMORY, _HOT_USER, _REBALANCE = "room", "memory", "hot_user", "rebalance"
_ACK_DELAY_SECONDS = 0.005
_METADATA_FULL, _METADATA_ROOM = 0.75, 0.5
"""Shares of the broker's room for metadata: a stream stops at the one and goes on at the other."""
_COMMIT_BYTES_PER_SECOND, _COMMIT_ENTRIES_PER_SECOND, _LONGEST_INTERVAL_SECONDS = 256 * 1024, 500, 5.0
_COMMIT_ENTRY_BYTES = 64
_PROOF_RECORDS = 1_000


class Starter(Protocol):
    """Who starts records; called on the loop."""

    def take_in(self, intake: Intake, tickets: Sequence[Ticket]) -> None:
        """Start these records, in order."""
        ...


class Overlooker(Protocol):
    """Who watches sources; called on the loop."""

    def given_back(self) -> None:
        """Tickets were fenced: forget their events."""
        ...

    def blocked(self) -> Mapping[str, int]:
        """The events that wait, by blocked destination."""
        ...

    def retrying(self, source: str) -> Mapping[Stream, Load]:
        """What stands in lanes under retry, by stream of this source."""
        ...

    def crowded(self, intake: Intake, is_crowded: bool) -> None:
        """Retries fill their share of the source's room now, or do no more."""
        ...

    def is_stuck(self) -> bool:
        """Nothing under way can become final before a destination opens again."""
        ...

    def linked(self, intake: Intake, detail: str) -> None:
        """The broker connection changed."""
        ...

    def rebalanced(self, intake: Intake, kind: str, streams: Collection[Stream]) -> None:
        """Streams came or went."""
        ...

    def ignored(self, intake: Intake, what: Sequence[str]) -> None:
        """Metadata of commits was of no use; one line a stream."""
        ...

    def ended(self, intake: Intake, error: Exception | None) -> None:
        """The source has no more input, or cannot go on."""
        ...


@dataclass(slots=True, frozen=True)
class _Drain:
    """Streams that are about to go, and who waits for their last positions."""

    streams: frozenset[Stream]
    deadline_seconds: float
    answer: Future[Sequence[Position]]


@dataclass(slots=True)
class _Held:
    """What stands still of one stream, by offset, and why."""

    tickets: dict[int, Ticket] = field(default_factory=dict)
    reasons: set[str] = field(default_factory=set)
    bytes: int = 0

    def add(self, ticket: Ticket) -> None:
        """A ticket that is there already stays once."""
        if ticket.record.offset not in self.tickets:
            self.bytes += ticket.record.size_bytes
        self.tickets[ticket.record.offset] = ticket

    def drop(self, ticket: Ticket) -> None:
        """It is not to be started again."""
        if self.tickets.pop(ticket.record.offset, None) is not None:
            self.bytes -= ticket.record.size_bytes


class Intake:
    """One source on the loop."""

    def __init__(
        self,
        consumer: Consumer,
        limits: Limits,
        commit_interval_seconds: float,
        starter: Starter,
        overlooker: Overlooker,
    ) -> None:
        self.name: str = consumer.settings.name
        self.consumer = consumer
        self.ledger = Ledger(consumer.settles)
        self.link = Link.CONNECTING
        self.consumed_total = 0
        self.has_ended = False
        self.is_worn: Callable[[Record], bool] | None = None
        """Asked of each record where brokers count deliveries, until somebody says that it may go on."""
        if consumer.settles is Settles.EACH:
            self.is_worn = consumer.is_worn
        self.on_room: Callable[[bool], None] | None = None
        self._held: dict[Stream, _Held] = {}
        self.feeds: defaultdict[Stream, set[str]] = defaultdict(set)
        room = Load(limits.records_in_flight, limits.buffer)
        self._blocking = Blocking(room, limits.blocked_share)
        self._crowding = Crowding(room, limits.retry_share)
        self._waits = self._retries = NO_WAITS
        self._limits = limits
        self._starter = starter
        self._overlooker = overlooker
        self._interval_seconds = (
            _ACK_DELAY_SECONDS if consumer.settles is Settles.EACH else commit_interval_seconds
        )
        self._flush_delay_seconds = self._interval_seconds
        self._flush_due = False
        self._is_proven = False
        self._is_out_of_bytes = False
        self._drains: list[_Drain] = []
        self._reasons: set[str] = set()
        self._stream_reasons: dict[Stream, set[str]] = {}
        self._paused: frozenset[Stream] = frozenset()

    # Consumer → loop

    def on_records(self, batch: Sequence[Record], consumed_total: int) -> None:
        """Open a ticket for each record that is not over or finished already."""
        self.consumed_total = consumed_total
        tickets = [ticket for record in batch if (ticket := self.ledger.open(record))]
        self._starter.take_in(self, tickets)
        if len(tickets) < len(batch):
            self.changed()
        self.breathe()

    def on_assigned(self, epochs: Mapping[Stream, int], kept: Mapping[Stream, Kept] | None = None) -> None:
        """Begin new epochs where the last ones ended; pauses are put on anew."""
        self._forget(epochs)
        ignored = self.ledger.assign(epochs, kept)
        self._overlooker.rebalanced(self, "assigned", epochs)
        if ignored:
            self._overlooker.ignored(self, ignored)
        self.breathe()
        self._put_pauses()

    def on_revoked(
        self, streams: frozenset[Stream], budget_seconds: float, answer: Future[Sequence[Position]]
    ) -> None:
        """Wait for what is open, then answer; at the latest when the budget ends."""
        loop = asyncio.get_running_loop()
        self._drains.append(_Drain(streams, loop.time() + budget_seconds, answer))
        self._overlooker.rebalanced(self, "revoked", streams)
        loop.call_later(budget_seconds, self.check_drains)
        self.check_drains()

    def on_lost(self, streams: frozenset[Stream]) -> None:
        """Settle nothing of these any more."""
        self._overlooker.rebalanced(self, "lost", streams)
        self._fence(streams, "lost")

    def on_link(self, state: Link, detail: str) -> None:
        """Note the connection's state."""
        self.link = state
        self._overlooker.linked(self, detail)

    def on_ended(self, error: Exception | None) -> None:
        """The consumer reads no more."""
        self.has_ended = True
        self._overlooker.ended(self, error)

    # Settling

    def closed(self) -> None:
        """A ticket closed: settle soon, let more in, see whether a drain is done."""
        self.changed()
        if self._drains:
            self.check_drains()

    def changed(self) -> None:
        """There is something to tell the broker: settle soon."""
        if not self._flush_due:
            self._flush_due = True
            asyncio.get_running_loop().call_later(self._flush_delay_seconds, self.flush)

    def flush(self) -> None:
        """Tell the consumer what may be settled."""
        self._flush_due = False
        limit = self.consumer.stats.metadata_limit
        if not self._is_proven and self._proves():
            self._is_proven = True
            self.consumer.widen()
        if positions := self.ledger.take(limit):
            self.consumer.settle(positions)
        if self.consumer.settles is Settles.WATERMARK:
            self._flush_delay_seconds = commit_interval(self._interval_seconds, positions)
            self._gate_metadata(limit)
        self.breathe()

    def _proves(self) -> bool:
        """An event was accepted, or so many records needed none that nothing is known to hold them."""
        settled = self.ledger.settled
        return bool(settled[Outcome.DELIVERED]) or sum(settled.values()) >= _PROOF_RECORDS

    def _gate_metadata(self, limit: int) -> None:
        """Attempts do not count: they take what room there is, and a few poisoned users stop nobody."""
        for stream, packed in self.ledger.map_sizes().items():
            if limit and packed.needed_characters >= limit * _METADATA_FULL:
                self.hold_back("metadata_full", stream)
            elif not limit or packed.needed_characters <= limit * _METADATA_ROOM:
                self.let_go("metadata_full", stream)

    def check_drains(self) -> None:
        """Answer the drains that are done, stuck, or out of time."""
        now = asyncio.get_running_loop().time()
        for drain in [d for d in self._drains if self._is_drained(d) or now >= d.deadline_seconds]:
            self._drains.remove(drain)
            positions = self.ledger.final(drain.streams, self.consumer.stats.metadata_limit)
            self._fence(drain.streams, "revoked")
            drain.answer.set_result(positions)

    def _is_drained(self, drain: _Drain) -> bool:
        """What is held does not end by itself; what was under way before it does."""
        held = sum(len(held.tickets) for stream, held in self._held.items() if stream in drain.streams)
        return self.ledger.open_in(drain.streams) <= held or self._overlooker.is_stuck()

    def _fence(self, streams: Collection[Stream], kind: str) -> None:
        self._forget(streams)
        if self.ledger.fence(streams, kind):
            self._overlooker.given_back()
            self.breathe()

    def give_back(self, streams: Collection[Stream]) -> None:
        """Return what is open of these to the broker; none of them is read until it is told to reopen."""
        self.flush()
        self._fence(streams, "revoked")
        self.consumer.give_back(streams)

    def _forget(self, streams: Collection[Stream]) -> None:
        for stream in streams:
            self._held.pop(stream, None)
            self._stream_reasons.pop(stream, None)

    # Holding back

    def breathe(self) -> None:
        """No more at the limits, more again at half of them."""
        self._wait_for_destinations()
        self._wait_for_retries()
        ledger, limits, waits, retries = self.ledger, self._limits, self._waits.load, self._retries.load
        apart = waits.records + retries.records + sum(len(held.tickets) for held in self._held.values())
        apart_bytes = waits.bytes + retries.bytes + sum(held.bytes for held in self._held.values())
        used = share_used(ledger.in_flight, apart, limits.records_in_flight)
        used_bytes = share_used(ledger.bytes, apart_bytes, limits.buffer)
        self._is_out_of_bytes = used_bytes > used
        used = max(used, used_bytes)
        if used >= 1:
            self.hold_back(_ROOM)
        elif used <= 0.5:  # noqa: PLR2004 - half: the hysteresis
            self.let_go(_ROOM)

    def _wait_for_destinations(self) -> None:
        blocked = self._overlooker.blocked()
        if not blocked and self._waits is NO_WAITS:
            return
        loads = self.ledger.loads()
        self._waits = self._blocking.decide(self.feeds, loads, blocked) if blocked else NO_WAITS
        self._mark("blocked", self._waits, loads)

    def _wait_for_retries(self) -> None:
        ledger, crowding = self.ledger, self._crowding
        is_roomy = crowding.is_roomy(Load(ledger.in_flight, ledger.bytes))
        retried = {} if is_roomy else self._overlooker.retrying(self.name)
        if not retried and self._retries is NO_WAITS:
            return
        loads, before = ledger.loads(), self._retries
        self._retries = crowding.decide(retried, loads)
        self._mark(_HOT_USER, self._retries, loads)
        if (is_crowded := bool(self._retries.streams)) is not bool(before.streams):
            self._overlooker.crowded(self, is_crowded)

    def _mark(self, reason: str, waits: Waits, streams: Iterable[Stream]) -> None:
        for stream in streams:
            reasons = self._stream_reasons.setdefault(stream, set())
            (reasons.add if stream in waits.streams else reasons.discard)(reason)
        self._put_pauses()

    def hold_back(self, reason: str, stream: Stream | None = None) -> None:
        """Read no more of the source, or of one stream, for this reason."""
        reasons = self._reasons if stream is None else self._stream_reasons.setdefault(stream, set())
        if reason not in reasons:
            reasons.add(reason)
            self._reason_changed(reason)

    def _reason_changed(self, reason: str) -> None:
        if reason == _ROOM and self.on_room is not None:
            self.on_room(_ROOM not in self._reasons)
        else:
            self._put_pauses()

    def hold(self, ticket: Ticket, reason: str) -> None:
        """The ticket's stream stands still from this record on; nothing of it is skipped."""
        held = self._held.setdefault(ticket.record.stream, _Held())
        held.add(ticket)
        held.reasons.add(reason)
        self.hold_back(reason, ticket.record.stream)
        if self._drains:
            asyncio.get_running_loop().call_soon(self.check_drains)

    @property
    def holds(self) -> bool:
        """Some stream stands still."""
        return bool(self._held)

    def held_for(self, stream: Stream) -> frozenset[str]:
        """Why a stream stands still; empty where it does not."""
        held = self._held.get(stream)
        return frozenset(held.reasons) if held else frozenset()

    def is_held_for(self, reason: str) -> bool:
        """Some stream stands still for this reason."""
        return any(reason in held.reasons for held in self._held.values())

    def keep_if_held(self, ticket: Ticket) -> bool:
        """Keep a record that came behind one that stands still; False where nothing does."""
        held = self._held.get(ticket.record.stream)
        if held is None:
            return False
        held.add(ticket)
        return True

    def stands_still(self, stream: Stream) -> bool:
        """What is held of the stream is the oldest that is open: all before it is done."""
        held, oldest = self._held.get(stream), self.ledger.oldest_in(stream)
        return held is not None and oldest is not None and oldest.record.offset in held.tickets

    def held_from(self, stream: Stream) -> int | None:
        """The offset from which on a stream stands still; None where it does not."""
        held = self._held.get(stream)
        return min(held.tickets) if held else None

    def release(self, reasons: Collection[str]) -> None:
        """Start anew what stands still for nothing but these reasons; it may come to stand still again."""
        for stream in list(self._held):
            held = self._held.get(stream)
            if held is None or held.reasons.isdisjoint(reasons):
                continue
            held.reasons.difference_update(reasons)
            for reason in reasons:
                self.let_go(reason, stream)
            if not held.reasons:
                self._start_anew(stream)

    def _start_anew(self, stream: Stream) -> None:
        """In the order read. A letter that is given up with its ticket tells nobody, so its reason goes."""
        held = self._held.pop(stream).tickets
        tickets = [self.ledger.renew(held[offset]) for offset in sorted(held)]
        self.let_go("dead_letters_unavailable", stream)
        self._starter.take_in(self, tickets)

    def take_out(self, ticket: Ticket) -> Ticket:
        """A new ticket for a record that is to end another way; what the old one began settles nothing."""
        held = self._held.get(ticket.record.stream)
        if held is not None:
            held.drop(ticket)
        return self.ledger.renew(ticket)

    def try_again(self, stream: Stream) -> None:
        """Start anew what stands still of a stream, whatever for."""
        held = self._held.get(stream)
        if held is not None:
            self.release(tuple(held.reasons))

    def let_go(self, reason: str, stream: Stream | None = None) -> None:
        """The reason is gone."""
        reasons = self._reasons if stream is None else self._stream_reasons.get(stream, set())
        if reason in reasons:
            reasons.discard(reason)
            self._reason_changed(reason)

    def stall_reasons(self) -> frozenset[str]:
        """Why something of this source is not read now, or not settled."""
        reasons = self._reasons.union(*self._stream_reasons.values())
        if _ROOM in reasons and self._is_out_of_bytes:
            reasons = reasons - {_ROOM} | {_MEMORY}
        if self._drains:
            reasons.add(_REBALANCE)
        return frozenset(reasons)

    def _put_pauses(self) -> None:
        wanted = frozenset(self.ledger.streams)
        if not self._pauses_all():
            wanted &= {stream for stream, reasons in self._stream_reasons.items() if reasons}
        if paused := wanted - self._paused:
            self.consumer.pause(paused)
        if resumed := self._paused - wanted:
            self.consumer.resume(resumed)
        self._paused = wanted

    def _pauses_all(self) -> bool:
        return bool(self._reasons if self.on_room is None else self._reasons - {_ROOM})


def share_used(used: int, apart: int, limit: int) -> float:
    """How full the room is for what moves.

    What stands still, waits for a blocked destination or behind a poisoned event must not stop everything
    else: it has as much room again of its own, and only what is beyond that takes from the others.

    Args:
        used: by all.
        apart: of this, by what does not move.
        limit: the room.
    """
    apart = min(apart, used)
    room = limit - max(0, apart - limit)
    return (used - apart) / room if room > 0 else 1.0


def commit_interval(interval_seconds: float, positions: Sequence[Position]) -> float:
    """When to commit again: the interval stretches so that commits stay a small load for the brokers.

    Args:
        interval_seconds: between commits that weigh little.
        positions: what was committed now.
    """
    size_bytes = sum(len(position.metadata) + _COMMIT_ENTRY_BYTES for position in positions)
    wanted = max(size_bytes / _COMMIT_BYTES_PER_SECOND, len(positions) / _COMMIT_ENTRIES_PER_SECOND)
    return max(interval_seconds, min(wanted, _LONGEST_INTERVAL_SECONDS))
