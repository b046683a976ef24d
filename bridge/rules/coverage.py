"""Which branches of rules the tests have reached: outcomes of ``when``, and emits. Judged from outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bridge.located_yaml import KeyPath
from bridge.model import Applied, Filtered, Poison
from bridge.rules.rule import Rule, RuleFile


@dataclass(frozen=True, slots=True)
class Gap:
    """A branch that no test reached, and where it stands."""

    path: str
    line: int
    column: int
    text: str


@dataclass(slots=True)
class _Reached:
    accepted: bool = False
    refused: bool = False
    emits: set[int] = field(default_factory=set)


class Coverage:
    """Collects what single rules made of the tests' records."""

    def __init__(self) -> None:
        self._files: list[RuleFile] = []
        self._reached: dict[str, _Reached] = {}

    def expect(self, file: RuleFile) -> None:
        """Count the branches of this file's rules, reached or not."""
        self._files.append(file)

    def observe(self, rule: Rule, made: Applied | Poison | Filtered) -> None:
        """Add what one rule, alone, made of one record.

        Args:
            rule: which one.
            made: a fault counts for ``when`` only if it stands in an emit, which comes after it.
        """
        reached = self._reached.setdefault(rule.name, _Reached())
        if isinstance(made, Filtered):
            reached.accepted |= made.why == "no_event"
            reached.refused |= made.why == "no_rule"
        elif isinstance(made, Applied):
            behind = any(f" {rule.name}.emit[" in fault.error for fault in made.faults)
            reached.accepted |= bool(made.events) or behind
            reached.emits |= {event.emit_index for event in made.events}

    @property
    def total(self) -> int:
        """How many branches there are."""
        return len(list(self._branches()))

    def gaps(self) -> list[Gap]:
        """The branches that no test reached, in the order of the files."""
        return [gap for reached, gap in self._branches() if not reached]

    def _branches(self) -> Iterator[tuple[bool, Gap]]:
        for file in self._files:
            for rule in file.rules:
                for reached, keypath, text in _branches(rule, self._reached.get(rule.name, _Reached())):
                    line, column = file.located.at(keypath)
                    yield reached, Gap(file.located.name, line, column, text)


def _branches(rule: Rule, reached: _Reached) -> Sequence[tuple[bool, KeyPath, str]]:
    found: list[tuple[bool, KeyPath, str]] = []
    if rule.when is not None:
        text = f"no test makes the `when` of rule {rule.name}"
        found.append((reached.accepted, rule.when.keypath, f"{text} true"))
        found.append((reached.refused, rule.when.keypath, f"{text} false"))
    for index, emit in enumerate(rule.emits):
        text = f"no test gives emit[{index}] of rule {rule.name}, {emit.event_name}"
        found.append((index in reached.emits, (*rule.keypath, "emit", index), text))
    return found
