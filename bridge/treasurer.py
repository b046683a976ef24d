"""Grants dead letters out of budgets, and stops the streams of rules that have used theirs up.

A stream stands still at the first record that needs a letter and gets none. What was read before it may
still be delivered and pay for it, so only when all that is done the stream stops for good: as if its
records were handled one after the other. Owned by the loop; sees only what is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bridge.intake import Intake
from bridge.model import Event, Fault, OnError, Stream
from bridge.parts import Parts
from bridge.settle.budget import Account
from bridge.settle.letters import Cause
from bridge.settle.tickets import Ticket
from bridge.tally import Tally

DEAD_LETTER_BUDGET = "dead_letter_budget"


class _Stop(NamedTuple):
    """The record that got no letter, who could not pay for it, and what was wrong with it."""

    ticket: Ticket
    account: Account
    error: str


class Treasurer:
    """Keeps a topic from being emptied into the dead letters."""

    def __init__(self, tally: Tally, parts: Parts) -> None:
        self._tally = tally
        self._parts = parts
        self._waiting: dict[Stream, _Stop] = {}

    def renew(self) -> None:
        """Other rules: all budgets are as at the start, and nobody waits for one."""
        self._parts.budgets.renew()
        self._waiting.clear()

    def renew_for(self, source: str) -> None:
        """An operator's word: all budgets are as at the start; streams of this source wait no more."""
        self._parts.budgets.renew()
        self._waiting = {stream: stop for stream, stop in self._waiting.items() if stream.source != source}

    def grants_faults(self, intake: Intake, ticket: Ticket, faults: Sequence[Fault]) -> bool:
        """A letter for each fault of a record; without them it is held, and nothing of it was begun."""
        deadly = [fault for fault in faults if fault.on_error is OnError.DEAD_LETTER]
        spent = self._parts.budgets.draw([(fault.rule, fault.destination) for fault in deadly])
        if spent is None:
            return True
        intake.hold(ticket, DEAD_LETTER_BUDGET)
        self._wait(intake, _Stop(ticket, spent, deadly[0].error))
        return False

    def grants_refusal(self, intake: Intake, ticket: Ticket, event: Event, error: str) -> bool:
        """A letter for an event that was refused; without it the stream stands still from its record on.

        What of the stream has not left yet comes back from the lanes: later events of the same user must
        not overtake. A record of rules that are no longer in force is not held for their sake: the
        present ones try it at once.
        """
        spent = self._parts.budgets.draw([(event.rule, event.destination)])
        if spent is None:
            return True
        stood_from = intake.held_from(ticket.record.stream)
        if stood_from is None or ticket.record.offset < stood_from:
            for one in self._recall(intake, ticket):
                intake.hold(one, DEAD_LETTER_BUDGET)
        intake.hold(ticket, DEAD_LETTER_BUDGET)
        if stood_from is None and ticket.rules != intake.ledger.rules:
            intake.release((DEAD_LETTER_BUDGET,))
        elif stood_from is None:
            self._wait(intake, _Stop(ticket, spent, error))
        else:
            self.closed(intake, ticket.record.stream)
        return False

    def take_back(self, cause: Cause) -> None:
        """The record of a letter was given back first: whoever reads it next draws for it."""
        if cause.rule is not None and cause.destination is not None:
            self._parts.budgets.give_back((cause.rule, cause.destination))

    def closed(self, intake: Intake, stream: Stream) -> None:
        """A record of the stream came to an end: was it the last that the stream waited for?"""
        if self._waiting and stream in self._waiting and intake.stands_still(stream):
            self._decide(intake, self._waiting.pop(stream))

    def _wait(self, intake: Intake, stop: _Stop) -> None:
        stream = stop.ticket.record.stream
        self._waiting[stream] = stop
        self.closed(intake, stream)

    def _decide(self, intake: Intake, stop: _Stop) -> None:
        if stop.ticket.fenced:
            return
        if self._parts.budgets.left(stop.account):
            intake.release((DEAD_LETTER_BUDGET,))
        else:
            self._tally.budget_spent(*stop.account)
            self._tally.held(stop.ticket.record, DEAD_LETTER_BUDGET, stop.error)

    def _recall(self, intake: Intake, ticket: Ticket) -> list[Ticket]:
        """Lanes know one way to part with what waits in them: as if its record had been given back."""
        later = intake.ledger.open_from(ticket)
        for one in later:
            one.fenced = True
        for dispatcher in self._parts.dispatchers.values():
            dispatcher.abandon_fenced()
        for one in later:
            one.fenced = False
        return [one for one in later if one.recalled]
