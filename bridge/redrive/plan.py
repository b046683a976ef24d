"""What the rules of today would make of a letter. Pure but for the schema registry."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from bridge.decode import Document
from bridge.model import Event, Fault, Filtered, Poison
from bridge.redrive.decoding import Decoding
from bridge.redrive.found import FoundLetter
from bridge.rules import RuleSet, StreamRules
from bridge.settle.letters import Cause


class Kept(StrEnum):
    """Why a letter stays as it lies."""

    LOOP = "redriven too often"
    REFERENCE = "its body is not here"
    NO_SOURCE = "its source is gone"
    NO_RULE = "its rule is gone"
    NO_EVENT = "the rules make nothing of it"
    IDENTIFY = "it sends identify"
    TOO_LARGE = "it fails again, and its new letter is too large for the store"
    STOPPED = "stopped before it was sent"


class Plan(NamedTuple):
    """What becomes of a letter: events leave and faults become new letters, or it stays as it lies."""

    events: Sequence[Event] = ()
    faults: Sequence[Cause] = ()
    kept: Kept | None = None
    detail: str = ""

    def __str__(self) -> str:
        """One line for a person; no payload."""
        if self.kept is not None:
            return f"stays: {self.kept}" + (f" ({self.detail})" if self.detail else "")
        parts = [f"{one.event_type} by rule {one.rule} to {one.destination}" for one in self.events]
        parts += [f"fails again, {one.reason}: {one.error}" for one in self.faults]
        return "; ".join(parts)


class Planner:
    """Plans letter by letter.

    Args:
        rules: of today.
        decoding: of the letters' bodies.
        include_identify: identify events may leave.
        most_redrives: a letter that was redriven so often stays.
    """

    def __init__(
        self, rules: RuleSet, decoding: Decoding, *, include_identify: bool, most_redrives: int
    ) -> None:
        self._rules = rules
        self._decoding = decoding
        self._include_identify = include_identify
        self._most_redrives = most_redrives
        self._known: dict[tuple[str, str, bool, str], StreamRules | None] = {}

    async def plan(self, letter: FoundLetter) -> Plan:
        """What would be done with it now."""
        record, stream = letter.record, letter.record.stream
        if letter.redrives >= self._most_redrives:
            return Plan(kept=Kept.LOOP, detail=f"{letter.redrives} times; --max-redrives allows more")
        if letter.is_reference:
            return Plan(kept=Kept.REFERENCE, detail=f"the record is still at {letter.origin}, if it was kept")
        if self._decoding.source_of(record) is None:
            return Plan(kept=Kept.NO_SOURCE, detail=f"no source {stream.source!r} in the configuration")
        rules = self._rules_of(letter)
        if rules is None:
            what = f"rule {letter.rule!r} does not read" if letter.rule else "no rule reads"
            return Plan(kept=Kept.NO_RULE, detail=f"{what} {stream.name}")
        made = await self._decoding.document(record)
        applied = rules.apply(record, made.unwrap) if isinstance(made, Document) else made
        if isinstance(applied, Poison):
            return Plan(faults=[_cause(letter, applied, letter.rule or None)])
        if isinstance(applied, Filtered):
            return Plan(kept=Kept.NO_EVENT, detail=applied.why)
        faults = [_cause(letter, one, one.rule, one.destination) for one in applied.faults]
        return self._sending([one for one in applied.events if _is_meant(letter, one)], faults)

    def _sending(self, events: Sequence[Event], faults: Sequence[Cause]) -> Plan:
        if not events and not faults:
            return Plan(kept=Kept.NO_EVENT, detail="not the event that the letter stands for")
        if not self._include_identify and any(one.event_type == "identify" for one in events):
            detail = "it may overwrite what is newer; --include-identify sends it"
            return Plan(kept=Kept.IDENTIFY, detail=detail)
        return Plan(events, faults)

    def _rules_of(self, letter: FoundLetter) -> StreamRules | None:
        """The letter's own rule, for others have done their part of the record; all, where it has none."""
        record, rule = letter.record, letter.rule
        key = (record.stream.source, record.stream.name, record.queue, rule)
        if key not in self._known:
            rules = self._rules.of(record.stream.source, record.stream.name, queue=record.queue)
            if rules is not None and rule:
                own = [one for one in rules.rules if one.rule.name == rule]
                rules = StreamRules(own) if own else None
            self._known[key] = rules
        return self._known[key]


def _is_meant(letter: FoundLetter, event: Event) -> bool:
    return letter.event_index in ("", f"{event.emit_index}.{event.element_index}")


def _cause(
    letter: FoundLetter, problem: Poison | Fault, rule: str | None, destination: str | None = None
) -> Cause:
    """Why the new letter is written; it stands for the same event as the old one."""
    return Cause(
        problem.reason,
        problem.error,
        rule,
        destination or letter.said.get("destination"),
        first_failed_ms=letter.failed_ms,
        redrives=letter.redrives + 1,
        event_index=letter.event_index,
    )
