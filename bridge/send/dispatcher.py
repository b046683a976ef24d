"""Runs one destination on the loop: takes heads of lanes, posts them, and hands on what is final.

Owned by the loop; no locks, no tasks. Answers are put aside as they come. ``_pump`` takes in all that have
come since it last ran, then sends what may leave; it runs once a turn of the loop in which something may have
changed: an event came, an answer came, a time came. So clocks are read, limits asked and counts kept once for
many events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Protocol

from bridge.config import Destination
from bridge.model import Attempts, Event, Reason
from bridge.send.batches import body_of, gather, heads, runs
from bridge.send.clock import Clock
from bridge.send.controller import Controller, Decision, Next
from bridge.send.lanes import Lanes
from bridge.send.pace import ConcurrencyLimit, RateLimit
from bridge.send.parcel import Owner, Parcel
from bridge.send.retries import Retries
from bridge.send.spare import Spare, lane_from
from bridge.send.verdict import DELIVERED, OK, Answer, Kind, Verdict, judge

_NEVER = float("inf")


class Poster(Protocol):
    """What a dispatcher needs of a client."""

    def post(self, body: bytes, done: Callable[[Answer], None]) -> None:
        """Send one request body; ``done`` is called once, on the loop, whatever the network does."""
        ...

    def refresh_key(self) -> bool:
        """Read the write key again; True when it is another one."""
        ...


class Receiver(Protocol):
    """Who takes what is final; called on the loop, returns at once."""

    def delivered(self, parcels: Sequence[Parcel]) -> None:
        """The API took these events."""
        ...

    def dead(self, parcel: Parcel, verdict: Verdict, reason: Reason) -> None:
        """The event will never be taken."""
        ...

    def retrying(self, parcel: Parcel) -> None:
        """The event will be tried again."""
        ...

    def abandoned(self, parcel: Parcel) -> None:
        """The event's record was given back before the event was final."""
        ...


class Witness(Protocol):
    """Who watches the destination; called on the loop, returns at once."""

    def answered(self, destination: str, verdict: Verdict, seconds: Sequence[float], again: int) -> None:
        """Requests ended with one verdict.

        Args:
            destination: whose.
            verdict: of each of them.
            seconds: how long each took.
            again: how many events will be tried again.
        """
        ...

    def turned(self, destination: str, blocked_reason: str, status: int) -> None:
        """The destination was blocked, or opened again (empty reason); 0: by no answer at all."""
        ...

    def waits_changed(self) -> None:
        """A blocked destination has events to probe with now, or none any more; or retries hold others."""
        ...


class _Flight:
    """One request under way; ``answer`` once it has come."""

    __slots__ = ("answer", "parcels", "started_seconds")

    def __init__(self, parcels: Sequence[Parcel], started_seconds: float) -> None:
        self.parcels = parcels
        self.started_seconds = started_seconds
        self.answer = OK


class Dispatcher:
    """One destination at work."""

    def __init__(
        self,
        name: str,
        settings: Destination,
        client: Poster,
        receiver: Receiver,
        witness: Witness,
        controller: Controller,
        clock: Clock,
    ) -> None:
        self.name = name
        self.ordering = settings.ordering
        self.controller = controller
        self.lanes = Lanes(self._abandoned)
        self.retries = Retries()
        self.limit = ConcurrencyLimit(settings.max_in_flight)
        self._rate = RateLimit(settings.rate_limit) if settings.rate_limit else None
        self._batch = settings.batch if settings.batch and settings.batch.max_events > 1 else None
        self._client = client
        self._receiver = receiver
        self._witness = witness
        self._clock = clock
        self._spare: Spare | None = None
        self._flights: set[_Flight] = set()
        self._landed: list[_Flight] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = _NEVER
        self._pump_due = False
        self._holds = False
        self._is_closed = False

    def submit(
        self,
        event: Event,
        owner: Owner,
        key: Hashable,
        share: Hashable = None,
        part: int = 0,
        past: Attempts | None = None,
    ) -> None:
        """Queue an event behind those of its ordering key.

        Args:
            event: what to send.
            owner: of the event.
            key: its ordering key.
            share: of what it takes turns with others (its topic or queue).
            part: its index among the parts of its record.
            past: what an earlier delivery of its record spent on it.
        """
        parcel = Parcel(event, owner, key, share, part, self._clock.monotonic())
        if past is not None:
            parcel.resume(past, self._clock.now().timestamp() * 1000)
        self.lanes.add(parcel)
        if not self._pump_due:
            self._pump_soon()

    def abandon_fenced(self) -> None:
        """Forget the events of records given back; those on their way end by themselves, at a later turn."""
        self.lanes.abandon_fenced([parcel for flight in self._flights for parcel in flight.parcels])
        if not self._pump_due:
            self._pump_soon()

    def every_lane(self) -> list[list[Parcel]]:
        """All events that are not final, those on their way included, each lane from its head on."""
        gone = [head for flight in self._flights for head in heads(flight.parcels)]
        return [lane_from(head) for head in gone + self.lanes.heads()]

    def keep_spare(self, parcel: Parcel) -> None:
        """Keep a copy of this event, to ask with when no other is there. One is enough."""
        if self._spare is None:
            self._spare = Spare(parcel, self.controller.accepted, self._clock.monotonic())
            if not self._pump_due:
                self._pump_soon()

    @property
    def has_spare(self) -> bool:
        """A copy is kept, and nothing was accepted since."""
        return self._spare is not None

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return len(self._flights)

    @property
    def events_in_flight(self) -> int:
        """Events on their way."""
        return sum(len(flight.parcels) for flight in self._flights)

    @property
    def is_blocked(self) -> bool:
        """The destination itself is at fault; only probes leave."""
        return bool(self.controller.blocked_reason)

    @property
    def holds_sources(self) -> bool:
        """Blocked, and an event or a copy is there to probe with; without any, new ones must come.

        And new ones must come where all that wait have failed for long: poison can open nothing.
        """
        fresh = len(self.lanes) > len(self.retries.lanes)
        return self.is_blocked and (fresh or self._spare is not None)

    def pause_reason(self) -> str:
        """Why nothing may leave now though it waits and the destination is not blocked; empty: it may."""
        now = self._clock.monotonic()
        if not self.lanes.ready or self.is_blocked:
            return ""
        if self.controller.held_until_seconds > now:
            return "retry_after"
        return "rate_limit" if self._rate is not None and not self._rate.allows(now) else ""

    @property
    def is_idle_blocked(self) -> bool:
        """Blocked, and no request is under way: nothing becomes final before the next probe."""
        return self.is_blocked and not self._flights

    @property
    def waiting(self) -> int:
        """Events not final, those on their way included."""
        return self.lanes.waiting

    def close(self) -> None:
        """Send no more, and take no answer in any more: what is under way stays unsettled."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()

    # The loop's turn

    def _pump_soon(self) -> None:
        self._pump_due = True
        asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        """Take in what came, send what may leave now, set the timer for what may leave later."""
        self._pump_due = False
        if self._is_closed:
            return
        now = self._clock.monotonic()
        if self._landed:
            self._take_in_all(now)
        wakes_at = self.lanes.wake(now)
        full_at = self._send_all(now)
        if self._spare is not None:
            full_at = min(full_at, self._ask(self._spare, now))
        self._set_timer(now, min(wakes_at or _NEVER, full_at))
        if self.retries.changed or self.holds_sources is not self._holds:
            self.retries.changed = False
            self._holds = self.holds_sources
            self._witness.waits_changed()

    # Sending

    def _send_all(self, now: float) -> float:
        """Fill what requests there may be; gives the time at which a batch leaves though it is not full."""
        room = self.controller.allowance(self.limit.value, now) - len(self._flights)
        while room > 0 and self.lanes.ready:
            if self._rate is not None and not self._rate.allows(now):
                break
            if self._batch is None or self.controller.blocked_reason:
                parcel = self.lanes.take()
                parcels = [parcel] if parcel is not None else []
            elif (full_at := self._full_at()) > now:
                return full_at
            else:
                parcels = gather(self.lanes, self._batch.max_events, self._batch.max_bytes)
            if not parcels:
                break
            self._launch(parcels, now)
            room -= 1
        return _NEVER

    def _full_at(self) -> float:
        """When the next batch may leave: at once when there is enough, else when its first has waited."""
        first = self.lanes.first()
        if self._batch is None or first is None or first.tries:
            return 0.0
        if self.lanes.waiting - self.events_in_flight >= self._batch.max_events:
            return 0.0
        return first.created_seconds + self._batch.max_wait

    def _launch(self, parcels: Sequence[Parcel], now: float) -> None:
        flight = self._depart(parcels, now)
        self._client.post(body_of(parcels), partial(self._land, flight))

    def _depart(self, parcels: Sequence[Parcel], now: float) -> _Flight:
        if self._rate is not None:
            self._rate.use(max(1, len(parcels)))
        if self.controller.blocked_reason == "auth":
            self._client.refresh_key()
        flight = _Flight(parcels, now)
        self._flights.add(flight)
        return flight

    def _land(self, flight: _Flight, answer: Answer) -> None:
        flight.answer = answer
        self._landed.append(flight)
        if not self._pump_due:
            self._pump_soon()

    # The copy

    def _ask(self, spare: Spare, now: float) -> float:
        """Send the copy if no event can leave in its place; gives the time at which it may, if that is known.

        Anything that was accepted meanwhile answers its question.
        """
        if not self.is_blocked and self.controller.accepted > spare.accepted:
            self._spare = None
            return _NEVER
        room = self.controller.allowance(self.limit.value, now) - len(self._flights)
        may_leave = room > 0 and not self.lanes.ready and (self._rate is None or self._rate.allows(now))
        if spare.is_out or not may_leave or now < spare.due_seconds:
            return spare.due_seconds if spare.due_seconds > now else _NEVER
        spare.is_out = True
        flight = self._depart((), now)
        self._client.post(body_of([spare.parcel]), partial(self._told, spare, flight))
        return _NEVER

    def _told(self, spare: Spare, flight: _Flight, answer: Answer) -> None:
        """The copy was answered. Nobody receives it: its record comes again, and is settled then."""
        if self._is_closed:
            return
        now = self._clock.monotonic()
        in_flight = len(self._flights)
        self._flights.discard(flight)
        verdict = judge(answer, self._clock.now)
        decision = self.controller.decide(spare.parcel, verdict, now, alone=not len(self.lanes))
        spare.is_out, spare.due_seconds = False, now + decision.rest_seconds
        if decision.next in (Next.DELIVERED, Next.DEAD) and self._spare is spare:
            self._spare = None
        seconds = now - flight.started_seconds
        good = verdict.kind is not Kind.RETRY
        self.limit.answered(1, good, seconds * good, in_flight=in_flight, now_seconds=now)
        self._witness.answered(self.name, verdict, [seconds], int(self._spare is spare))
        if decision.changed:
            self._turn(verdict)
        if not self._pump_due:
            self._pump_soon()

    # Answers

    def _take_in_all(self, now: float) -> None:
        """Plain acceptances, which are nearly all, together; the others one by one, as they came."""
        flights, self._landed = self._landed, []
        in_flight = len(self._flights)
        calm: list[_Flight] = []
        for flight in flights:
            if flight.answer is OK and self.controller.accept_calmly(len(flight.parcels)):
                calm.append(flight)
            else:
                # One by one: a refusal may call events back, and those of the others are still on their way.
                self._flights.discard(flight)
                self._take_in(flight, now, in_flight)
        if calm:
            self._take_in_calm(calm, now, in_flight)

    def _take_in_calm(self, flights: Sequence[_Flight], now: float, in_flight: int) -> None:
        self._flights.difference_update(flights)
        seconds = [now - flight.started_seconds for flight in flights]
        count = len(seconds)
        self.limit.answered(count, count, sum(seconds), in_flight=in_flight, now_seconds=now)
        self._witness.answered(self.name, DELIVERED, seconds, 0)
        if self._batch is None:
            parcels = [flight.parcels[0] for flight in flights]
            done = self.lanes.done
            for parcel in parcels:
                done(parcel)
            if self.retries.lanes:
                self.retries.ended(parcels)
            self._receiver.delivered(parcels)
        else:
            for flight in flights:
                self._delivered(flight.parcels)

    def _delivered(self, parcels: Sequence[Parcel]) -> None:
        for last, count in runs(parcels):
            self.lanes.done(last, count)
        if self.retries.lanes:
            self.retries.ended(parcels)
        self._receiver.delivered(parcels)

    def _take_in(self, flight: _Flight, now: float, in_flight: int) -> None:
        parcels, controller = flight.parcels, self.controller
        verdict = judge(flight.answer, self._clock.now)
        alone = len(self.lanes) <= 1
        if len(parcels) == 1:
            decision = controller.decide(parcels[0], verdict, now, alone=alone)
        else:
            decision = controller.decide_shared(parcels, verdict, now, alone=alone)
        final = decision.next in (Next.DELIVERED, Next.DEAD)
        seconds = now - flight.started_seconds
        self._witness.answered(self.name, verdict, [seconds], 0 if final else len(parcels))
        good = verdict.kind is not Kind.RETRY
        self.limit.answered(1, good, seconds * good, in_flight=in_flight, now_seconds=now)
        if decision.next is Next.DELIVERED:
            self._delivered(parcels)
        else:
            self._not_delivered(parcels, verdict, decision, now)
        if decision.changed:
            self._turn(verdict)

    def _not_delivered(
        self, parcels: Sequence[Parcel], verdict: Verdict, decision: Decision, now: float
    ) -> None:
        now_ms = int(self._clock.now().timestamp() * 1000)
        for parcel in parcels:
            if parcel.first_failed_ms is None:
                parcel.first_failed_ms = now_ms
        if decision.next is Next.DEAD:
            self._dead(parcels[0], verdict, decision.reason or Reason.REFUSED)
            return
        for head in heads(parcels):
            if decision.next is Next.REST:
                self.lanes.rest(head, now + decision.rest_seconds)
                self.retries.failed(head)
            elif decision.next is Next.SPLIT:
                self.lanes.back(head)
            else:
                self.lanes.again(head)
                self.retries.failed(head)
        for parcel in parcels:
            self._receiver.retrying(parcel)

    def _dead(self, parcel: Parcel, verdict: Verdict, reason: Reason) -> None:
        following = parcel.behind
        self.lanes.done(parcel)
        self.retries.ended((parcel,))
        if reason is Reason.RETRIES_EXHAUSTED:
            self.retries.exhausted(following)
        self._receiver.dead(parcel, verdict, reason)

    def _abandoned(self, parcel: Parcel) -> None:
        if self.retries.lanes:
            self.retries.abandoned(parcel)
        self._receiver.abandoned(parcel)

    def _turn(self, verdict: Verdict) -> None:
        """Blocked: any lane may probe. Opened: nobody waits for a backoff any more."""
        self.lanes.wake_all()
        self._witness.turned(self.name, self.controller.blocked_reason, verdict.status)

    # Time

    def _set_timer(self, now: float, wakes_at: float) -> None:
        due = min(wakes_at, self._controller_due(now)) if self.lanes.waiting or self._spare else _NEVER
        if due == self._timer_due:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_due = due
        if due != _NEVER:
            self._timer = self._clock.call_later(max(due - now, 0.0), self._on_timer)

    def _controller_due(self, now: float) -> float:
        due = self.controller.wakes_at_seconds()
        if due <= now:
            due = _NEVER
        if self._rate is not None and not self._rate.allows(now):
            due = min(due, self._rate.wakes_at_seconds())
        return due

    def _on_timer(self) -> None:
        self._timer = None
        self._timer_due = _NEVER
        self._pump()
