"""What can be seen from outside: a few times a second the loop sets its gauges and publishes one instant.

``Watch`` belongs to the loop, but for ``health``, which the admin thread calls: a loop that is stuck
publishes nothing, and that is what liveness sees.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

from bridge.admin import Health, liveness
from bridge.consumers.base import Link
from bridge.intake import Intake
from bridge.metrics import Board
from bridge.model import Outcome
from bridge.parts import Parts
from bridge.rules import RuleSet
from bridge.send.dispatcher import Dispatcher
from bridge.settle.budget import Account
from bridge.tally import Tally

TURN_SECONDS = 0.2
STUCK_SECONDS = 60.0
"""Longer than any drain, commit or reconnect step of a healthy thread."""


class Watch:
    """Reads every part; changes none."""

    def __init__(
        self,
        board: Board,
        tally: Tally,
        parts: Parts,
        rules: RuleSet,
    ) -> None:
        self._board = board
        self._tally = tally
        self._parts = parts
        self._draining = False
        self._timer: asyncio.TimerHandle | None = None
        self._stalls: set[tuple[str, str, str]] = set()
        self._rules_hash = ""
        self._accounts: tuple[Account, ...] = ()
        self.show(rules)
        for source in parts.intakes:
            board.prepare(source=source)
        for destination in parts.dispatchers:
            board.prepare(destination=destination)

    def show(self, rules: RuleSet) -> None:
        """These rules are in force."""
        if self._rules_hash:
            self._board.remove("rules_info", hash=self._rules_hash)
        self._rules_hash = rules.hash
        self._board.gauge("rules_info", hash=rules.hash).value = 1
        self._accounts = tuple((one.rule.name, one.rule.destination) for one in rules.rules)
        for rule in (compiled.rule for compiled in rules.rules):
            self._board.prepare(rule=rule.name)
            self._board.prepare(rule=rule.name, destination=rule.destination)

    # The loop's turn

    def start(self, loop: asyncio.AbstractEventLoop, turned: Callable[[], None]) -> None:
        """Take turns from now on; ``turned`` is called in each."""
        self._turn(loop, loop.time(), turned)

    def _turn(self, loop: asyncio.AbstractEventLoop, due_seconds: float, turned: Callable[[], None]) -> None:
        now = loop.time()
        self._board.gauge("loop_lag_seconds").value = max(0.0, now - due_seconds)
        self.publish()
        turned()
        self._timer = loop.call_later(TURN_SECONDS, self._turn, loop, now + TURN_SECONDS, turned)

    def stop(self) -> None:
        """No more turns; one last instant is published."""
        if self._timer is not None:
            self._timer.cancel()
        self.publish()

    def publish(self) -> None:
        """Set all gauges and publish the instant."""
        for intake in self._parts.intakes.values():
            self._source(intake)
        self._lags()
        for dispatcher in self._parts.dispatchers.values():
            self._destination(dispatcher)
        self._stalled()
        budgets = self._parts.budgets
        self._board.replace("dead_letter_budget", {a: float(budgets.left(a)) for a in self._accounts})
        self._board.gauge("records_unaccounted").value = self.unaccounted
        self._board.publish()

    def _source(self, intake: Intake) -> None:
        name, ledger, stats, board = intake.name, intake.ledger, intake.consumer.stats, self._board
        board.counter("records_consumed_total", source=name).value = intake.consumed_total
        for outcome, count in ledger.settled.items():
            board.counter("records_settled_total", source=name, outcome=outcome.value).value = count
        for kind, count in ledger.given_back.items():
            board.counter("records_given_back_total", source=name, kind=kind).value = count
        for kind, count in dict(stats.rebalances).items():
            board.counter("rebalances_total", source=name, kind=kind).value = count
        for outcome_name, count in (
            ("ok", stats.commits_ok),
            ("failed", stats.commits_failed),
            ("fenced", stats.commits_fenced),
        ):
            board.counter("commits_total", source=name, outcome=outcome_name).value = count
        board.counter("records_skipped_total", source=name).value = ledger.skipped
        for reason, count in ledger.unusable.items():
            cell = board.counter("commit_metadata_ignored_total", source=name, reason=reason.value)
            cell.value = count
        sizes = [len(packed.text) for packed in ledger.map_sizes().values()]
        board.gauge("commit_metadata_bytes", source=name).value = max(sizes, default=0)
        board.counter("offsets_lost_total", source=name).value = stats.offsets_lost
        board.counter("event_id_weak_total", source=name).value = stats.weak_ids
        board.gauge("records_in_flight", source=name).value = ledger.in_flight
        board.gauge("buffer_bytes", source=name).value = ledger.bytes
        board.gauge("partitions_assigned", source=name).value = len(stats.assigned)
        board.gauge("partitions_paused", source=name).value = len(stats.paused & stats.assigned)
        board.gauge("partitions_unordered", source=name).value = len(stats.unordered)
        board.gauge("source_connected", source=name).value = intake.link in (Link.CONNECTED, Link.STANDBY)
        self._times(intake)

    def _times(self, intake: Intake) -> None:
        name, stats, board = intake.name, intake.consumer.stats, self._board
        progress_age = time.monotonic() - stats.last_progress_seconds
        gauge = board.gauge("consumer_thread_last_progress_timestamp_seconds", source=name)
        gauge.value = time.time() - progress_age if stats.last_progress_seconds else 0
        if stats.last_commit_seconds:
            age = time.monotonic() - stats.last_commit_seconds
            board.gauge("commit_age_seconds", source=name).value = age
        oldest_ms = intake.ledger.oldest_unsettled_ms()
        if oldest_ms is None:
            board.remove("oldest_unsettled_timestamp_seconds", source=name)
        else:
            board.gauge("oldest_unsettled_timestamp_seconds", source=name).value = oldest_ms / 1000

    def _lags(self) -> None:
        self._board.replace(
            "consumer_lag",
            {
                (stream.source, stream.name, str(stream.number)): float(lag)
                for intake in self._parts.intakes.values()
                for stream, lag in dict(intake.consumer.stats.lag).items()
            },
        )

    def _destination(self, dispatcher: Dispatcher) -> None:
        name, lanes, board = dispatcher.name, dispatcher.lanes, self._board
        on_the_way = dispatcher.events_in_flight
        waiting = lanes.waiting - on_the_way - lanes.resting
        for state, count in (
            ("in_flight", on_the_way),
            ("retrying", lanes.resting),
            ("queued", max(0, waiting)),
            ("dead_letter", self._parts.undertaker.pending_events[name]),
        ):
            board.gauge("events_waiting", destination=name, state=state).value = count
        board.gauge("requests_in_flight", destination=name).value = dispatcher.in_flight
        board.gauge("concurrency_limit", destination=name).value = dispatcher.limit.value
        board.gauge("lanes_blocked", destination=name).value = len(lanes) if dispatcher.is_blocked else 0
        open_breaker = dispatcher.controller.blocked_reason == "breaker"
        half_open = open_breaker and dispatcher.in_flight > 0
        board.gauge("breaker_state", destination=name).value = 1 if half_open else 2 if open_breaker else 0

    def _stalled(self) -> None:
        """One series for each reason something waits; those that are over go to 0, not away."""
        now = set(self._waits())
        self._stalls |= now
        for source, destination, reason in self._stalls:
            cell = self._board.gauge("stalled", source=source, destination=destination, reason=reason)
            cell.value = (source, destination, reason) in now

    def _waits(self) -> Iterator[tuple[str, str, str]]:
        """Source or destination, and a reason of it."""
        for intake in self._parts.intakes.values():
            for reason in intake.stall_reasons():
                yield intake.name, "", reason
            if intake.consumer.stats.without_offset:
                yield intake.name, "", "offset_lost"
            if intake.consumer.stats.refused:
                yield intake.name, "", "not_allowed"
            if intake.link is Link.CONNECTING and not intake.has_ended:
                yield intake.name, "", "broker_down"
        for source in self._parts.returns.sources:
            yield source, "", "given_back"
        for dispatcher in self._parts.dispatchers.values():
            reason = dispatcher.controller.blocked_reason or dispatcher.pause_reason()
            if reason:
                yield "", dispatcher.name, reason

    # Accounting

    @property
    def unaccounted(self) -> int:
        """Records consumed that are neither settled, given back, skipped, nor in flight: 0, or a bug."""
        return sum(
            intake.consumed_total
            - ledger.settled_total
            - ledger.given_back_total
            - ledger.skipped
            - ledger.in_flight
            for intake in self._parts.intakes.values()
            for ledger in (intake.ledger,)
        )

    @property
    def events_unaccounted(self) -> int:
        """Events created that are neither final, waiting, nor in an unconfirmed letter: 0, or a bug."""
        waiting = sum(dispatcher.waiting for dispatcher in self._parts.dispatchers.values())
        tally = self._tally
        return (
            tally.events_created
            - tally.events_final
            - waiting
            - self._parts.undertaker.pending_events.total()
        )

    def summary(self) -> dict[str, int]:
        """All records by what became of them."""
        ledgers = [intake.ledger for intake in self._parts.intakes.values()]
        settled = {o: sum(ledger.settled[o] for ledger in ledgers) for o in Outcome}
        return {
            "consumed": sum(intake.consumed_total for intake in self._parts.intakes.values()),
            "delivered": settled[Outcome.DELIVERED],
            "filtered": settled[Outcome.FILTERED],
            "dead_lettered": settled[Outcome.DEAD_LETTERED],
            "dropped": settled[Outcome.DROPPED],
            "given_back": sum(ledger.given_back_total for ledger in ledgers),
            "skipped": sum(ledger.skipped for ledger in ledgers),
            "in_flight": sum(ledger.in_flight for ledger in ledgers),
            "unaccounted": self.unaccounted,
        }

    # Health; the admin thread

    def drain(self) -> None:
        """Not ready any more: the process is leaving."""
        self._draining = True

    def health(self) -> Health:
        """Alive: loop and consumer threads turn. Ready: every broker is connected, and we stay."""
        progress = {
            intake.name: intake.consumer.stats.last_progress_seconds
            for intake in self._parts.intakes.values()
            if intake.consumer.stats.last_progress_seconds and not intake.has_ended
        }
        last_turn = self._board.latest().taken_seconds
        stuck = liveness(time.monotonic(), last_turn, progress, STUCK_SECONDS)
        waiting = [
            f"source {intake.name} is {intake.link.name.lower()}"
            for intake in self._parts.intakes.values()
            if intake.link is Link.CONNECTING
        ]
        reasons = (*stuck, *(["draining"] if self._draining else []), *waiting)
        return Health(live=not stuck, ready=not reasons, reasons=reasons)
