"""Runs one destination on the loop: takes heads of lanes, posts them, and hands on what is final.

Owned by the loop; no locks. Requests under way are tasks; everything else happens in ``_pump``, which
is called whenever something may have changed: an event came, an answer came, a time came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from typing import Protocol

from bridge.config import Destination
from bridge.model import Attempts, Event, Reason
from bridge.send.controller import Controller, Decision, Next
from bridge.send.lanes import Lanes
from bridge.send.pace import ConcurrencyLimit, RateLimit
from bridge.send.parcel import Owner, Parcel
from bridge.send.verdict import Answer, Kind, Verdict, judge


class Poster(Protocol):
    """What a dispatcher needs of a client."""

    async def post(self, body: bytes) -> Answer:
        """Send one request body; never raises for the network."""
        ...

    def refresh_key(self) -> bool:
        """Read the write key again; True when it is another one."""
        ...


class Receiver(Protocol):
    """Who takes what is final; called on the loop, returns at once."""

    def delivered(self, parcel: Parcel, verdict: Verdict) -> None:
        """The API took the event."""
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

    def answered(self, destination: str, verdict: Verdict, seconds: float, *, again: bool) -> None:
        """A request ended, whatever its answer; ``again`` says that the event will be tried again."""
        ...

    def turned(self, destination: str, blocked_reason: str, status: int) -> None:
        """The destination was blocked, or opened again (empty reason); 0: by no answer at all."""
        ...

    def waits_changed(self) -> None:
        """A blocked destination has events to probe with now, or has none any more."""
        ...


class Clock(Protocol):
    """Where times come from."""

    def monotonic(self) -> float:
        """Seconds that only grow."""
        ...

    def now(self) -> datetime:
        """Aware time of day."""
        ...

    def call_later(self, delay_seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Call on the loop when so much of ``monotonic`` has passed."""
        ...


class LoopClock:
    """The running loop's clock and the machine's time of day."""

    def monotonic(self) -> float:
        """The loop's time in seconds."""
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        """UTC."""
        return datetime.now(UTC)

    def call_later(self, delay_seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """The running loop's timer."""
        return asyncio.get_running_loop().call_later(delay_seconds, call)


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
        self.lanes = Lanes(receiver.abandoned)
        self.in_flight = 0
        self.limit = ConcurrencyLimit(settings.max_in_flight)
        self._rate = RateLimit(settings.rate_limit) if settings.rate_limit else None
        self._client = client
        self._receiver = receiver
        self._witness = witness
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = float("inf")
        self._pump_due = False
        self._holds = False

    def submit(
        self, event: Event, owner: Owner, key: Hashable, part: int = 0, past: Attempts | None = None
    ) -> None:
        """Queue an event behind those of its ordering key.

        Args:
            event: what to send.
            owner: of the event.
            key: its ordering key.
            part: its index among the parts of its record.
            past: what an earlier delivery of its record spent on it.
        """
        parcel = Parcel(event, owner, self._clock.monotonic(), part)
        if past is not None:
            parcel.resume(past, self._clock.now().timestamp() * 1000)
        self.lanes.add(parcel, key)
        if not self._pump_due:
            self._pump_due = True
            asyncio.get_running_loop().call_soon(self._pump)

    def abandon_fenced(self) -> None:
        """Forget the events of records given back; those on their way end by themselves."""
        self.lanes.abandon_fenced()
        self._pump()

    @property
    def is_blocked(self) -> bool:
        """The destination itself is at fault; only probes leave."""
        return bool(self.controller.blocked_reason)

    @property
    def holds_sources(self) -> bool:
        """Blocked, and events wait, one of which will be the probe; without any, new ones must come."""
        return self.is_blocked and self.lanes.waiting > 0

    @property
    def is_idle_blocked(self) -> bool:
        """Blocked, and no request is under way: nothing becomes final before the next probe."""
        return self.is_blocked and not self.in_flight

    @property
    def waiting(self) -> int:
        """Events not final, those on their way included."""
        return self.lanes.waiting

    async def close(self, budget_seconds: float) -> None:
        """End requests that are still under way; their records stay unsettled."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=budget_seconds)

    def _pump(self) -> None:
        """Send what may leave now, and set the timer for what may leave later."""
        self._pump_due = False
        now = self._clock.monotonic()
        wakes_at = self.lanes.wake(now)
        while self.in_flight < self.controller.allowance(self.limit.value, now):
            if self._rate is not None and not self._rate.allows(now):
                break
            parcel = self.lanes.take()
            if parcel is None:
                break
            self._launch(parcel)
        self._set_timer(now, wakes_at)
        if self.holds_sources is not self._holds:
            self._holds = not self._holds
            self._witness.waits_changed()

    def _launch(self, parcel: Parcel) -> None:
        self.in_flight += 1
        if self._rate is not None:
            self._rate.use()
        task = asyncio.get_running_loop().create_task(self._deliver(parcel))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A task that raised is a bug: it reaches the loop's handler instead of dying in silence."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            context = {"message": "a delivery failed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)

    async def _deliver(self, parcel: Parcel) -> None:
        started = self._clock.monotonic()
        try:
            if self.controller.blocked_reason == "auth":
                self._client.refresh_key()
            answer = await self._client.post(parcel.event.body)
        finally:
            self.in_flight -= 1
        self._take_in(parcel, judge(answer, self._clock.now()), started)
        self._pump()

    def _take_in(self, parcel: Parcel, verdict: Verdict, started_seconds: float) -> None:
        now = self._clock.monotonic()
        alone = len(self.lanes) <= 1
        decision = self.controller.decide(parcel, verdict, now, alone=alone)
        again = decision.next in (Next.REST, Next.TURN)
        seconds = now - started_seconds
        self._witness.answered(self.name, verdict, seconds, again=again)
        good = verdict.kind is not Kind.RETRY
        self.limit.answered(accepted=good, seconds=seconds, in_flight=self.in_flight + 1, now_seconds=now)
        if decision.next is not Next.DELIVERED and parcel.first_failed_ms is None:
            parcel.first_failed_ms = int(self._clock.now().timestamp() * 1000)
        self._place(parcel, verdict, decision, now)
        if decision.changed:
            self._turn(verdict)

    def _place(self, parcel: Parcel, verdict: Verdict, decision: Decision, now_seconds: float) -> None:
        if decision.next is Next.DELIVERED:
            self.lanes.done(parcel)
            self._receiver.delivered(parcel, verdict)
        elif decision.next is Next.DEAD:
            self.lanes.done(parcel)
            self._receiver.dead(parcel, verdict, decision.reason or Reason.REFUSED)
        elif decision.next is Next.REST:
            self.lanes.rest(parcel, now_seconds + decision.rest_seconds)
            self._receiver.retrying(parcel)
        else:
            self.lanes.again(parcel)
            self._receiver.retrying(parcel)

    def _turn(self, verdict: Verdict) -> None:
        """Blocked: any lane may probe. Opened: nobody waits for a backoff any more."""
        reason = self.controller.blocked_reason
        self.lanes.wake_all()
        self._witness.turned(self.name, reason, verdict.status)

    def _set_timer(self, now_seconds: float, wakes_at_seconds: float | None) -> None:
        due = self._next_due(now_seconds, wakes_at_seconds)
        if due == self._timer_due:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_due = due
        if due != float("inf"):
            self._timer = self._clock.call_later(max(due - now_seconds, 0.0), self._on_timer)

    def _next_due(self, now_seconds: float, wakes_at_seconds: float | None) -> float:
        controller_due = self.controller.wakes_at_seconds()
        dues = [wakes_at_seconds or float("inf")]
        if self.lanes.waiting and controller_due > now_seconds:
            dues.append(controller_due)
        if self.lanes.waiting and self._rate is not None and not self._rate.allows(now_seconds):
            dues.append(self._rate.wakes_at_seconds())
        return min(dues)

    def _on_timer(self) -> None:
        self._timer = None
        self._timer_due = float("inf")
        self._pump()
