"""The loop that runs the five stages: record → document → events → outcomes → settled.

Owned by the loop. A record is decoded and put through its rules as it comes in; its events wait in
lanes; each final outcome closes one part of its ticket.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from time import perf_counter
from typing import cast

from bridge import __version__
from bridge.config import Config, Decode, SourceSettings
from bridge.decode import Document, Waiting, decode
from bridge.intake import Intake
from bridge.logs import redacted
from bridge.model import Applied, Event, Fault, Filtered, OnError, Outcome, Poison, Reason, Record, Stream
from bridge.parts import Parts
from bridge.rules import RuleSet, StreamRules, event_id_of
from bridge.send.parcel import Parcel
from bridge.send.verdict import Verdict
from bridge.settle.letters import Cause
from bridge.settle.offset_map import fingerprint_of
from bridge.settle.tickets import Ticket
from bridge.tally import Tally
from bridge.treasurer import DEAD_LETTER_BUDGET, Treasurer

NO_RULE = "no_rule"
RULE_STOPPED = "rule_stopped"
REGISTRY_UNAVAILABLE = "registry_unavailable"
DELIVERY_LIMIT = "delivery_limit"
_BY_RULES = (NO_RULE, RULE_STOPPED, DEAD_LETTER_BUDGET, DELIVERY_LIMIT)
_BY_OPERATOR = (DEAD_LETTER_BUDGET, DELIVERY_LIMIT)
_CLOCKED_EVERY = 61
"""Of so many records the rules of one are timed; a prime, so that no rhythm of a topic leaves a rule out."""


class Pipeline:
    """Everything between the consumers and their brokers' settling."""

    def __init__(self, config: Config, rules: RuleSet, tally: Tally, parts: Parts) -> None:
        self._limits = config.limits
        self._settings: dict[str, SourceSettings] = {source.name: source for source in config.sources}
        self._rules = rules
        self._tally = tally
        self._plans: dict[Stream, tuple[StreamRules | None, Decode]] = {}
        self._parts = parts
        self._treasurer = Treasurer(tally, parts)
        self._until_clocked = 1

    def use(self, rules: RuleSet) -> None:
        """New rules from the next record on; what stood still for the old ones is tried with these."""
        self._rules = rules
        self._plans.clear()
        self._parts.undertaker.rules_hash = rules.hash
        self._treasurer.renew()
        for intake in self._parts.intakes.values():
            intake.ledger.rules = self._fingerprint(intake.name)
            intake.feeds.clear()
            if intake.is_held_for(DELIVERY_LIMIT) or intake.name in self._parts.returns.sources:
                intake.is_worn = None
            intake.release(_BY_RULES)
            intake.breathe()
        self._parts.returns.release(_BY_RULES)

    def resumed(self, intake: Intake) -> None:
        """An operator resumed a source: budgets are as at the start, and what waited for one is tried."""
        self._treasurer.renew_for(intake.name)
        intake.is_worn = None
        intake.release(_BY_OPERATOR)
        intake.breathe()
        self._parts.returns.release(_BY_OPERATOR)

    def skip(self, intake: Intake, ticket: Ticket) -> None:
        """An operator's word: a dead letter, whatever the record was to become; what waited goes on."""
        fresh = intake.take_out(ticket)
        for dispatcher in self._parts.dispatchers.values():
            dispatcher.abandon_fenced()
        intake.ledger.begin(fresh, 1)
        self._bury(fresh, Cause(Reason.SKIPPED_BY_OPERATOR, "an operator skipped it"), 0)
        intake.try_again(fresh.record.stream)

    def schema_asked(self, outcome: str) -> None:
        """The schema registry was asked."""
        self._tally.schema_asked(outcome)

    def schemas_changed(self) -> None:
        """A schema is known now: what stood still for one is tried; it may stand still for another."""
        for intake in self._parts.intakes.values():
            intake.release((REGISTRY_UNAVAILABLE,))
        self._parts.returns.release((REGISTRY_UNAVAILABLE,))

    def _fingerprint(self, source: str) -> bytes:
        """Of all that decides which events a record gives, and in which order."""
        settings = self._settings[source]
        decodes = sorted(settings.topic_decode.items())
        limits = self._limits.model_dump_json()
        return fingerprint_of(f"{__version__} {self._rules.hash} {settings.decode} {decodes} {limits}")

    # consumers → decode → rules

    def take_in(self, intake: Intake, tickets: Sequence[Ticket]) -> None:
        """Start these records, in order."""
        is_worn = intake.is_worn
        for ticket in tickets:
            if ticket.fenced or (intake.holds and intake.keep_if_held(ticket)):
                continue
            if is_worn is not None and is_worn(ticket.record):
                self._hold(intake, ticket, DELIVERY_LIMIT, "delivered almost as often as its queue allows")
            else:
                self._start(intake, ticket)

    def _start(self, intake: Intake, ticket: Ticket) -> None:
        record = ticket.record
        rules, kind = self._plan_of(record)
        if rules is None:
            self._unmatched(intake, ticket)
            return
        made: Document | Applied | Poison | Filtered | Waiting
        made = decode(record, kind, self._limits, self._parts.schemas)
        if made.__class__ is Document:
            document = made
            made = rules.apply(record, document.unwrap)
            self._until_clocked -= 1
            if not self._until_clocked:
                self._until_clocked = _CLOCKED_EVERY
                self._tally.clocked(rules.clock(record, document.unwrap, perf_counter))
        if made.__class__ is Applied:
            self._dispatch(intake, ticket, made)
        elif isinstance(made, Poison):
            intake.ledger.begin(ticket, 1)
            self._bury(ticket, Cause(made.reason, made.error), 0)
        elif isinstance(made, Waiting):
            intake.hold(ticket, REGISTRY_UNAVAILABLE)
        else:
            self._filter(intake, ticket)

    def _plan_of(self, record: Record) -> tuple[StreamRules | None, Decode]:
        stream = record.stream
        plan = self._plans.get(stream)
        if plan is None:
            settings = self._settings[stream.source]
            rules = self._rules.of(stream.source, stream.name, queue=record.queue)
            plan = self._plans[stream] = (rules, settings.topic_decode.get(stream.name, settings.decode))
        return plan

    def _unmatched(self, intake: Intake, ticket: Ticket) -> None:
        """No rule names this topic: filtered where the source says so, else held and reported."""
        settings = self._settings[ticket.record.stream.source]
        if settings.unmatched == "filter" or settings.type == "file":
            self._filter(intake, ticket)
        else:
            self._hold(intake, ticket, NO_RULE, f"no rule names {ticket.record.stream.name}")

    def _filter(self, intake: Intake, ticket: Ticket) -> None:
        intake.ledger.filtered(ticket)
        intake.closed()

    # rules → send

    def _dispatch(self, intake: Intake, ticket: Ticket, made: Applied) -> None:
        faults = made.faults
        stop = next((one for one in faults if one.on_error is OnError.STOP), None) if faults else None
        if stop is not None:
            self._hold(intake, ticket, RULE_STOPPED, stop.error)
            return
        final = intake.ledger.begin(ticket, len(made.events) + len(faults))
        if not ticket.parts:
            self._filter(intake, ticket)
            return
        rest = made if not final else _rest(made, final)
        if rest.faults and not self._treasurer.grants_faults(intake, ticket, rest.faults):
            return
        self._tally.applied(ticket.record, rest)
        feeds = intake.feeds[ticket.record.stream]
        for part, event in enumerate(made.events):
            if not final >> part & 1:
                feeds.add(event.destination)
                self._submit(intake, ticket, event, part)
        for part, fault in enumerate(faults, len(made.events)):
            if not final >> part & 1:
                self._settle_fault(ticket, fault, part)

    def _submit(self, intake: Intake, ticket: Ticket, event: Event, part: int) -> None:
        dispatcher = self._parts.dispatchers[event.destination]
        record = ticket.record
        key = event.user if dispatcher.ordering == "user" else lane_key(dispatcher.ordering, record)
        past = intake.ledger.attempts_of(ticket, part) if ticket.progress is not None else None
        dispatcher.submit(event, ticket, key, record.stream.name, part, past)

    def _settle_fault(self, ticket: Ticket, fault: Fault, part: int) -> None:
        if fault.on_error is OnError.DROP:
            self._tally.dropped(ticket.record, fault)
            self._part_done(ticket, Outcome.DROPPED, part)
        else:
            self._bury(ticket, Cause(fault.reason, fault.error, fault.rule, fault.destination), part)

    def _hold(self, intake: Intake, ticket: Ticket, reason: str, error: str) -> None:
        intake.hold(ticket, reason)
        self._tally.held(ticket.record, reason, error)

    # send → settle

    def delivered(self, parcels: Sequence[Parcel]) -> None:
        """The API took these events."""
        tickets = [_ticket_of(parcel) for parcel in parcels]
        self._tally.delivered(parcels, [ticket.record for ticket in tickets])
        moved: dict[Intake, bool] = {}
        for parcel, ticket in zip(parcels, tickets, strict=True):
            intake = self._parts.intakes[ticket.record.stream.source]
            closed = intake.ledger.part_done(ticket, Outcome.DELIVERED, parcel.part)
            moved[intake] = closed or moved.get(intake, False)
        for intake, closed in moved.items():
            if closed:
                intake.closed()
            else:
                intake.changed()

    def dead(self, parcel: Parcel, verdict: Verdict, reason: Reason) -> None:
        """An event will never be taken: its letter, then its part is final; without one, all stands still."""
        error = f"{verdict.reason}: {verdict.excerpt}" if verdict.excerpt else verdict.reason
        event, ticket = parcel.event, _ticket_of(parcel)
        if ticket.fenced:
            self._tally.abandoned(event)
            return
        intake = self._parts.intakes[ticket.record.stream.source]
        error = redacted(error)
        if not self._treasurer.grants_refusal(intake, ticket, event, error):
            self._tally.abandoned(event)
            return
        cause = Cause(
            reason,
            error,
            event.rule,
            event.destination,
            event,
            verdict.status or None,
            parcel.tries,
            parcel.first_failed_ms,
            event_id_of(_ticket_of(parcel).record, event),
        )
        self._bury(ticket, cause, parcel.part)

    def retrying(self, parcel: Parcel) -> None:
        """An event will be tried again: attempts that were spent are kept with the next commit."""
        if parcel.attempts:
            ticket = _ticket_of(parcel)
            intake = self._parts.intakes[ticket.record.stream.source]
            intake.ledger.tried(ticket, parcel.part, parcel.spent)
            intake.changed()

    def abandoned(self, parcel: Parcel) -> None:
        """The event's record was given back, or recalled, before the event left."""
        _ticket_of(parcel).recalled = True
        self._tally.abandoned(parcel.event)

    def _bury(self, ticket: Ticket, cause: Cause, part: int) -> None:
        self._parts.undertaker.bury(ticket, cause, partial(self._buried, ticket, cause, part))

    def _buried(self, ticket: Ticket, cause: Cause, part: int) -> None:
        if ticket.fenced:
            self._tally.abandoned_letter(cause)
            self._treasurer.take_back(cause)
            return
        self._tally.dead_lettered(ticket.record, cause)
        self._part_done(ticket, Outcome.DEAD_LETTERED, part)

    def _part_done(self, ticket: Ticket, outcome: Outcome, part: int) -> None:
        intake = self._parts.intakes[ticket.record.stream.source]
        if intake.ledger.part_done(ticket, outcome, part):
            intake.closed()
            self._treasurer.closed(intake, ticket.record.stream)
        else:
            intake.changed()


def _rest(made: Applied, final: int) -> Applied:
    """What is left to do of a record; the bits of ``final`` are its parts that are done, events first."""
    events = tuple(e for part, e in enumerate(made.events) if not final >> part & 1)
    faults = tuple(f for part, f in enumerate(made.faults, len(made.events)) if not final >> part & 1)
    return Applied(events, faults, made.timestamp_fallbacks)


def _ticket_of(parcel: Parcel) -> Ticket:
    """``send`` knows the owner only as somebody who may be fenced; here it was a ticket all along."""
    return cast("Ticket", parcel.owner)


def lane_key(ordering: str, record: Record) -> Hashable:
    """Events of one key leave one at a time; a record without a broker key keeps its stream's order."""
    if ordering == "key":
        return record.key or record.routing_key or record.stream
    return record.stream if ordering == "partition" else object()
