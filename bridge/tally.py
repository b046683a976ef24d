"""What is counted as records and events go by; each function is one thing that happened.

Owned by the loop. Cells are looked up once and kept, so counting costs an addition.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache

from bridge.cells import Cell
from bridge.logs import RateLimited, get_logger
from bridge.metrics import Board
from bridge.model import Applied, Event, Fault, Record
from bridge.send.parcel import Parcel
from bridge.send.verdict import Verdict
from bridge.settle.budget import Account
from bridge.settle.letters import Cause

_log = get_logger("bridge")
_REPEAT_SECONDS = 10.0


class Tally:
    """Counts on ``board``.

    Args:
        board: where the cells live.
        now: seconds since 1970 UTC.

    ``handled`` counts delivered events by rule and destination; unlike a cell it is shared by no others.
    """

    def __init__(self, board: Board, now: Callable[[], float]) -> None:
        self._board = board
        self._now = now
        self._final = cache(
            lambda r, t, d, o: board.counter("events_total", rule=r, event_type=t, destination=d, outcome=o)
        )
        self._latency = cache(lambda s: board.histogram("delivery_latency_seconds", source=s))
        self._requests = cache(lambda d, c: board.counter("requests_total", destination=d, code=c))
        self._last = cache(lambda d: board.gauge("last_delivery_timestamp_seconds", destination=d))
        self._duration = board.histogram("request_duration_seconds")
        self._event_age = board.histogram("event_age_seconds")
        self._repeats = RateLimited(_REPEAT_SECONDS)
        self.events_created = 0
        self.events_final = 0
        self.handled: Counter[Account] = Counter()
        self._made_by: Event | None = None
        self._made = Cell()

    def applied(self, record: Record, made: Applied) -> None:
        """A record's rules made events."""
        for event in made.events:
            last = self._made_by
            if last is None or event.rule is not last.rule or event.event_type is not last.event_type:
                self._made_by = event
                self._made = self._board.counter(
                    "events_created_total", rule=event.rule, event_type=event.event_type
                )
            self._made.value += 1
        self.events_created += len(made.events)
        if made.timestamp_fallbacks:
            cell = self._board.counter("timestamp_fallback_total", source=record.stream.source)
            cell.value += made.timestamp_fallbacks
        for fault in made.faults:
            self._board.counter("rule_faults_total", rule=fault.rule, reason=fault.reason.value).value += 1

    def clocked(self, taken: Sequence[tuple[str, float]]) -> None:
        """So many seconds a rule took on a record."""
        for rule, seconds in taken:
            self._board.histogram("rule_duration_seconds", rule=rule).observe(seconds)

    def delivered(self, parcels: Sequence[Parcel], records: Sequence[Record]) -> None:
        """Events were accepted, each of the record in its place."""
        now = self._now()
        now_ms = now * 1000
        counts: dict[tuple[str, str, str], int] = {}
        latencies: dict[str, list[float]] = {}
        ages: list[float] = []
        same: list[float] = []
        last, stream, count = parcels[0].event, None, 0
        rule, event_type = last.rule, last.event_type
        for parcel, record in zip(parcels, records, strict=True):
            event = parcel.event
            # Those of one rule mostly come together, and their names are the same objects.
            if event.rule is not rule or event.event_type is not event_type:
                _add(counts, last, count)
                last, count, rule, event_type = event, 0, event.rule, event.event_type
            count += 1
            came_ms, time_ms = record.timestamp_ms, event.time_ms
            if came_ms is not None:
                if record.stream is not stream:
                    stream = record.stream
                    same = latencies.setdefault(stream.source, [])
                same.append(now_ms - came_ms)
            if time_ms is not None:
                ages.append(now_ms - time_ms)
        _add(counts, last, count)
        for (rule, event_type, destination), number in counts.items():
            self._final(rule, event_type, destination, "delivered").value += number
            self.handled[rule, destination] += number
        self.events_final += len(parcels)
        for source, milliseconds in latencies.items():
            self._latency(source).observe_all(milliseconds, 0.001)
        self._event_age.observe_all(ages, 0.001)
        self._last(parcels[0].event.destination).value = now

    def abandoned(self, event: Event) -> None:
        """An event's record was given back first."""
        self._count_final(event, "abandoned")

    def abandoned_letter(self, cause: Cause) -> None:
        """A refused event's record was given back before its letter was confirmed."""
        if cause.event is not None:
            self._count_final(cause.event, "abandoned")

    def dead_lettered(self, record: Record, cause: Cause) -> None:
        """A letter was confirmed."""
        if cause.event is not None:
            self._count_final(cause.event, "dead_lettered")
        source = record.stream.source
        self._board.counter("dead_letters_total", source=source, reason=cause.reason.value).value += 1
        self._repeats.log(
            _log.warning,
            "dead letter",
            key=f"letter {source} {cause.reason} {cause.rule}",
            source=source,
            stream=record.stream.name,
            partition=record.stream.number,
            offset=record.offset,
            reason=cause.reason.value,
            rule=cause.rule,
            status=cause.status,
        )

    def _count_final(self, event: Event, outcome: str) -> None:
        self._final(event.rule, event.event_type, event.destination, outcome).value += 1
        self.events_final += 1

    def letter_failed(self) -> None:
        """A letter could not be written; it is tried again."""
        self._board.counter("dead_letter_failures_total").value += 1

    def dropped(self, record: Record, fault: Fault) -> None:
        """``on_error: drop``: counted by the record's outcome, and said."""
        self._repeats.log(
            _log.warning,
            "record dropped by rule",
            key=f"drop {record.stream.source} {fault.rule} {fault.reason}",
            source=record.stream.source,
            stream=record.stream.name,
            offset=record.offset,
            rule=fault.rule,
            reason=fault.reason.value,
        )

    def held(self, record: Record, reason: str, error: str) -> None:
        """A stream stands still from this record on."""
        _log.error(
            "stream held",
            source=record.stream.source,
            stream=record.stream.name,
            partition=record.stream.number,
            offset=record.offset,
            reason=reason,
            error=error,
        )

    def budget_spent(self, rule: str, destination: str) -> None:
        """A rule has no dead letter left: streams that need one stand still."""
        self._repeats.log(
            _log.error,
            "dead-letter budget spent",
            key=f"budget {rule} {destination}",
            rule=rule,
            destination=destination,
            remedy="mend the rule: when it is reloaded, what stands still is tried with it",
        )

    def schema_asked(self, outcome: str) -> None:
        """The schema registry was asked."""
        self._board.counter("schema_fetches_total", outcome=outcome).value += 1

    def answered(self, destination: str, verdict: Verdict, seconds: Sequence[float], again: int) -> None:
        """Requests ended with one verdict; so many events will be tried again."""
        code = str(verdict.status) if verdict.status else verdict.reason
        self._requests(destination, code).value += len(seconds)
        self._duration.observe_all(seconds)
        if again:
            cell = self._board.counter("retries_total", destination=destination, reason=verdict.reason)
            cell.value += again


def _add(counts: dict[tuple[str, str, str], int], event: Event, count: int) -> None:
    what = (event.rule, event.event_type, event.destination)
    counts[what] = counts.get(what, 0) + count
