"""Stage 3 at work: which rules a stream has, and what they make of a record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, cast

import msgspec

from bridge.model import Applied, Event, Fault, Filtered, Poison, Reason, Record, Scope
from bridge.rules.cel.functions.regex import starts_with
from bridge.rules.index import Entry, Index, Key
from bridge.rules.rule import From, Rule
from bridge.rules.turn import Turn

Unwrapped = Scope | Poison | Filtered
Unwrap = Callable[[str], Unwrapped]
Names = Literal["topics", "queues"]

_NO_RULE, _NO_EVENT = Filtered("no_rule"), Filtered("no_event")
_NOTHING = (0, 0)


class CompiledRule(msgspec.Struct, frozen=True):
    """A rule and its function.

    Args:
        rule: what the file says.
        run: adds the rule's events to the turn; False where ``when`` refused. Raises what ``explain`` takes.
        explain: an exception of ``run`` → reason and text of the fault; None for one that is a bug.
        key: what ``when`` asks of the event; ``run`` gives False wherever it asks in vain.
        accepts: scope → whether ``when`` takes it, where it looks at nothing else; ``run`` then does not ask.
        is_key: ``when`` asks nothing but ``key``.
    """

    rule: Rule
    run: Callable[[Turn], bool]
    explain: Callable[[Exception], tuple[Reason, str] | None]
    key: Key | None = None
    accepts: Callable[[Scope], bool] | None = None
    is_key: bool = False

    def entry(self) -> Entry[CompiledRule]:
        """Its place in the index; who is found there by a text need not be asked for it again."""
        found = msgspec.structs.replace(self, accepts=None) if self.accepts and self.is_key else None
        return Entry(self.rule.envelope, self.key, self, found)


class StreamRules:
    """The rules of one topic or queue, in file order. Immutable, so any thread may share it."""

    __slots__ = ("_envelopes", "_index", "_only", "rules")

    def __init__(self, rules: Sequence[CompiledRule]) -> None:
        self.rules = tuple(rules)
        self._envelopes = tuple(dict.fromkeys(one.rule.envelope for one in rules))
        self._only = self._envelopes[0] if len(self._envelopes) == 1 else None
        self._index = Index([one.entry() for one in rules])

    def apply(self, record: Record, unwrap: Unwrap) -> Applied | Poison | Filtered:
        """Put a record through all its rules; a fault of one leaves the others alone.

        Args:
            record: as the broker gave it.
            unwrap: envelope → what a rule sees of the record; asked once for each envelope in use.

        Returns:
            Events and faults; ``Filtered`` when there is neither; ``Poison`` or ``Filtered`` of the
            envelope when every rule asks for an envelope that gives such.
        """
        if self._only is not None:
            return self._apply_alone(record, unwrap(self._only))
        events: list[Event] = []
        turns: dict[str, Turn] = {}
        refused: dict[str, Poison | Filtered] = {}
        for envelope in self._envelopes:
            scope = unwrap(envelope)
            if isinstance(scope, Scope):
                turns[envelope] = Turn(record, scope, events)
            else:
                refused[envelope] = scope
        if not turns:
            return _worst(refused.values())
        asked = turns.get(self._index.envelope)
        fitting = self._index.everything() if asked is None else self._index.find(asked.scope.event)
        if not fitting:
            return _NO_RULE
        faults: list[Fault] = []
        matched = _run(fitting, turns, refused, faults)
        if not events and not faults:
            return _NO_EVENT if matched else _NO_RULE
        fallbacks = 0
        for turn in turns.values():
            fallbacks += turn.timestamp_fallbacks
        return Applied(tuple(events), tuple(faults), fallbacks)

    def clock(self, record: Record, unwrap: Unwrap, now: Callable[[], float]) -> list[tuple[str, float]]:
        """How many seconds each rule takes on a record that ``apply`` took; what they make is forgotten.

        They run once more: a clock within ``apply`` would cost each record what this costs one in many.
        """
        taken: list[tuple[str, float]] = []
        for envelope in self._envelopes:
            scope = unwrap(envelope)
            if not isinstance(scope, Scope):
                continue
            is_indexed = envelope == self._index.envelope
            fitting = self._index.find(scope.event) if is_indexed else self._index.everything()
            taken += [
                (one.rule.name, _seconds(one, Turn(record, scope, []), now))
                for one in fitting
                if one.rule.envelope == envelope
            ]
        return taken

    def _apply_alone(self, record: Record, scope: Unwrapped) -> Applied | Poison | Filtered:
        """``apply`` where all rules have one envelope: most records end here before anything is made."""
        if scope.__class__ is not Scope:
            return cast("Poison | Filtered", scope)
        fitting = self._index.find(scope.event)
        if not fitting:
            return _NO_RULE
        turn: Turn | None = None
        faults: list[Fault] = []
        matched = False
        kept = _NOTHING
        for one in fitting:
            try:
                if one.accepts is not None and not one.accepts(scope):
                    continue
                turn = turn or Turn(record, scope, [])
                if one.run(turn):
                    matched = True
                    if len(fitting) > 1:
                        kept = turn.mark()
            except Exception as error:
                fault = _explained(one, error)
                if fault is None:
                    raise
                faults.append(fault)
                if turn is not None:
                    turn.take_back(kept)
        if turn is not None and (turn.events or faults):
            return Applied(tuple(turn.events), tuple(faults), turn.timestamp_fallbacks)
        if faults:
            return Applied((), tuple(faults))
        return _NO_EVENT if matched else _NO_RULE


def _run(
    fitting: Sequence[CompiledRule],
    turns: dict[str, Turn],
    refused: dict[str, Poison | Filtered],
    faults: list[Fault],
) -> bool:
    matched = False
    for one in fitting:
        envelope = one.rule.envelope
        turn = turns.get(envelope)
        if turn is None:
            if isinstance(poison := refused[envelope], Poison):
                faults.append(_fault(one.rule, poison.reason, f"{one.rule.name}: {poison.error}"))
            continue
        kept = turn.mark()
        try:
            if one.accepts is None or one.accepts(turn.scope):
                matched = one.run(turn) or matched
        except Exception as error:
            fault = _explained(one, error)
            if fault is None:
                raise
            faults.append(fault)
            turn.take_back(kept)
    return matched


def _seconds(one: CompiledRule, turn: Turn, now: Callable[[], float]) -> float:
    began = now()
    try:
        if one.accepts is None or one.accepts(turn.scope):
            one.run(turn)
    except Exception as error:
        if one.explain(error) is None:
            raise
    return now() - began


def _explained(one: CompiledRule, error: Exception) -> Fault | None:
    """The fault that a rule's function ended with; None for an exception that is a bug."""
    explained = one.explain(error)
    return _fault(one.rule, *explained) if explained else None


def _worst(refused: Iterable[Poison | Filtered]) -> Poison | Filtered:
    """What every envelope refused: poison goes before filtering, so that nothing goes unseen."""
    found = list(refused)
    return next((one for one in found if isinstance(one, Poison)), found[0])


def _fault(rule: Rule, reason: Reason, error: str) -> Fault:
    return Fault(rule.name, rule.on_error, reason, error, rule.destination)


class RuleSet:
    """All rules of a configuration.

    Args:
        rules: in file order.
        digest: hash of the files they came from, tests left out.
    """

    def __init__(self, rules: Sequence[CompiledRule], digest: str) -> None:
        self.rules = tuple(rules)
        self.hash = digest
        self._streams: dict[tuple[str, str, bool], StreamRules | None] = {}

    def of(self, source: str, name: str, *, queue: bool) -> StreamRules | None:
        """The rules of a stream, or None where no rule names it; found once, then remembered."""
        key = (source, name, queue)
        if key not in self._streams:
            found = [one for one in self.rules if matches(one.rule.reads, source, name, queue=queue)]
            self._streams[key] = StreamRules(found) if found else None
        return self._streams[key]

    def stream_names(self, source: str, kind: Names) -> list[str]:
        """The topics or queues that rules name in full for this source, each once, in file order."""
        return [name for name in self._named(source, kind) if not name.startswith("^")]

    def patterns(self, source: str, kind: Names = "topics") -> list[str]:
        """The regular expressions that rules name for this source."""
        return [name for name in self._named(source, kind) if name.startswith("^")]

    def _named(self, source: str, kind: Names) -> list[str]:
        reads = [one.rule.reads for one in self.rules if one.rule.reads.source in (None, source)]
        return list(dict.fromkeys(name for one in reads for name in getattr(one, kind)))


def matches(reads: From, source: str, name: str, *, queue: bool) -> bool:
    """Does a ``from`` mean this stream? A regex matches from the start, as Kafka subscriptions do."""
    if reads.source is not None and reads.source != source:
        return False
    if queue:
        return name in reads.queues
    return any(starts_with(name, topic) if topic.startswith("^") else topic == name for topic in reads.topics)
