"""Runs the tests of rule files. Decoding is passed in: a stage knows no sister stage."""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec

from bridge.config import Destination, Limits
from bridge.errors import ConfigErrors
from bridge.located_yaml import read_yaml
from bridge.model import Applied, Event, Filtered, Poison, Record
from bridge.rules.cases import BodyKind, Case, cases_file, parse_cases, read_cases
from bridge.rules.coverage import Coverage
from bridge.rules.load import ReadSecret, compile_files
from bridge.rules.parse import parse_rules
from bridge.rules.reader import Reader
from bridge.rules.rule import From
from bridge.rules.ruleset import CompiledRule, StreamRules, Unwrapped, matches

_DIFF_LINES = 60


class Unwraps(Protocol):
    """A decoded body, as ``bridge.decode`` gives it."""

    def unwrap(self, envelope: str) -> Unwrapped:
        """What a rule with this envelope sees."""


Decode = Callable[[Record, BodyKind, Limits], Unwraps | Poison | Filtered]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one test; ``problem`` is empty when it passed."""

    path: str
    line: int
    column: int
    name: str
    problem: str
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether what came out is what was expected."""
        return not self.problem


@dataclass(slots=True)
class Report:
    """All results, the rules whose ``when`` no test has passed, and the branches that tests reached."""

    results: list[Result] = field(default_factory=list)
    untested: list[str] = field(default_factory=list)
    coverage: Coverage = field(default_factory=Coverage)

    @property
    def failed(self) -> list[Result]:
        """The tests that failed."""
        return [result for result in self.results if not result.passed]


def run_tests(
    files: Sequence[Path],
    destinations: Mapping[str, Destination] | None,
    limits: Limits,
    secret_of: ReadSecret,
    decode: Decode,
) -> Report:
    """Run the tests of rule files and of the ``*.cases.yaml`` beside them.

    Args:
        files: rule files.
        destinations: of the configuration; None where it is not known.
        limits: as in production.
        secret_of: reads a secret.
        decode: record → document; ``given.value`` goes through it, as ``given.decode`` says (JSON).

    Raises:
        ConfigErrors: files that do not compile, or tests that cannot be read.
    """
    rules = compile_files(files, destinations, limits, secret_of)
    report = Report()
    fired: set[str] = set()
    for path in files:
        file, _ = parse_rules(read_yaml(path))
        names = [rule.name for rule in file.rules]
        own = [one for one in rules.rules if one.rule.name in names]
        default = file.reads or file.rules[0].reads
        report.coverage.expect(file)
        runner = _Runner(own, default, limits, decode, fired, report.coverage)
        report.results += [runner.run(case) for case in _cases_of(path, names)]
    report.untested = [one.rule.name for one in rules.rules if one.rule.name not in fired]
    return report


def _cases_of(path: Path, names: list[str]) -> list[Case]:
    cases = parse_cases(Reader(read_yaml(path)), names)
    if cases_file(path).is_file():
        more, reader = read_cases(cases_file(path), names)
        if reader.errors:
            raise ConfigErrors(reader.errors)
        cases += more
    return cases


class _Runner:
    """Runs the tests of one file's rules."""

    def __init__(
        self,
        rules: Sequence[CompiledRule],
        default: From,
        limits: Limits,
        decode: Decode,
        fired: set[str],
        coverage: Coverage,
    ) -> None:
        self._rules = rules
        self._default = default
        self._limits = limits
        self._decode = decode
        self._fired = fired
        self._coverage = coverage

    def run(self, case: Case) -> Result:
        started = time.perf_counter()
        problem = self._problem(case)
        line, column = case.located.at(case.keypath)
        seconds = time.perf_counter() - started
        return Result(case.located.name, line, column, case.name, problem, seconds)

    def _problem(self, case: Case) -> str:
        chosen = self._chosen(case)
        if not chosen:
            name, queue = case.stream(self._default)
            return f"no rule of this file reads the {'queue' if queue else 'topic'} {name}"
        made = self._apply(case, StreamRules(chosen))
        for one in chosen:
            self._coverage.observe(one.rule, self._apply(case, StreamRules([one])))
        if isinstance(made, Applied):
            self._fired.update(event.rule for event in made.events)
            self._fired.update(fault.rule for fault in made.faults)
        if isinstance(case.expect, dict):
            return _expected_error(case.expect["error"], made)
        return self._compared(case.expect, made)

    def _chosen(self, case: Case) -> list[CompiledRule]:
        """The rules that the test runs: the one it names, else those of its topic or queue."""
        if case.rule is not None:
            return [one for one in self._rules if one.rule.name == case.rule]
        name, queue = case.stream(self._default)
        source = case.meta.get("source")
        return [
            one
            for one in self._rules
            if name in one.rule.reads.topics
            or matches(one.rule.reads, source or one.rule.reads.source or "", name, queue=queue)
        ]

    def _apply(self, case: Case, rules: StreamRules) -> Applied | Poison | Filtered:
        default = self._default if case.rule is None else rules.rules[0].rule.reads
        record = case.record(default)
        scope = case.scope()
        if scope is not None:
            return rules.apply(record, lambda envelope: scope)
        document = self._decode(record, case.body_kind, self._limits)
        if isinstance(document, Poison | Filtered):
            return document
        return rules.apply(record, document.unwrap)

    def _compared(self, expected: list[Any], made: Applied | Poison | Filtered) -> str:
        if problems := _errors(made):
            return "\n".join(["expected payloads, got a fault:", *(f"  {problem}" for problem in problems)])
        events = made.events if isinstance(made, Applied) else ()
        wanted = list(expected)
        got = [self._visible(event, wanted[index : index + 1]) for index, event in enumerate(events)]
        return "" if same(wanted, got) else _difference(wanted, got)

    def _visible(self, event: Event, expected: list[Any]) -> dict[str, Any]:
        """The payload without what the test does not talk about."""
        payload: dict[str, Any] = msgspec.json.decode(event.body)
        written = expected[0] if expected else {}
        rule = next(one.rule for one in self._rules if one.rule.name == event.rule)
        if "event_id" not in written:
            payload.pop("event_id", None)
        if "timestamp" not in written and rule.emits[event.emit_index].timestamp is None:
            payload.pop("timestamp", None)
        return payload


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: 1 equals 1.0, but true does not equal 1, and objects have no order."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return (type(one) in _NUMBERS and type(other) in _NUMBERS and one == other) or (
        type(one) is type(other) and one == other
    )


_NUMBERS = (int, float)


def _errors(made: Applied | Poison | Filtered) -> list[str]:
    if isinstance(made, Poison):
        return [made.error]
    return [fault.error for fault in made.faults] if isinstance(made, Applied) else []


def _expected_error(text: str, made: Applied | Poison | Filtered) -> str:
    problems = _errors(made)
    if any(text in problem for problem in problems):
        return ""
    got = "\n".join(f"  {problem}" for problem in problems) or f"  no fault, {_count(made)}"
    return f"expected a fault with {text!r}, got\n{got}"


def _count(made: Applied | Poison | Filtered) -> str:
    if isinstance(made, Filtered):
        return f"filtered ({made.why})"
    return f"{len(made.events)} payload(s)" if isinstance(made, Applied) else ""


def _difference(expected: list[Any], got: list[Any]) -> str:
    """Expected (-) against got (+), line by line."""
    lines = list(difflib.unified_diff(_lines(expected), _lines(got), "expected", "got", lineterm="", n=3))
    if len(lines) > _DIFF_LINES:
        lines = [*lines[:_DIFF_LINES], f"… {len(lines) - _DIFF_LINES} more lines"]
    return "\n".join(lines)


def _lines(value: Any) -> list[str]:
    return json.dumps(_alike(value), indent=2, ensure_ascii=False, sort_keys=True).splitlines()


def _alike(value: Any) -> Any:
    """What is equal looks equal: 1.0 as 1."""
    if isinstance(value, dict):
        return {key: _alike(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_alike(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
