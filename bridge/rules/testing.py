"""Runs the tests of rule files. Decoding is passed in: a stage knows no sister stage."""

from __future__ import annotations

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
from bridge.rules.differences import Got, differences
from bridge.rules.load import ReadSecret, ReadYaml, compile_files
from bridge.rules.parse import parse_rules
from bridge.rules.reader import Reader
from bridge.rules.rule import From
from bridge.rules.ruleset import CompiledRule, StreamRules, Unwrap, Unwrapped, matches


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
    *,
    read: ReadYaml = read_yaml,
    named: str = "",
) -> Report:
    """Run the tests of rule files and of the ``*.cases.yaml`` beside them.

    Args:
        files: rule files.
        destinations: of the configuration; None where it is not known.
        limits: as in production.
        secret_of: reads a secret.
        decode: record → document; ``given.value`` goes through it, as ``given.decode`` says (JSON).
        read: parses a file.
        named: run only tests with this in their name or in that of their rule, in either case.

    Raises:
        ConfigErrors: files that do not compile, or tests that cannot be read.
    """
    rules = compile_files(files, destinations, limits, secret_of, read=read)
    report = Report()
    fired: set[str] = set()
    for path in files:
        file, _ = parse_rules(read(path))
        names = [rule.name for rule in file.rules]
        own = [one for one in rules.rules if one.rule.name in names]
        default = file.reads or file.rules[0].reads
        report.coverage.expect(file)
        runner = _Runner(own, default, limits, decode, fired, report.coverage)
        cases = [case for case in _cases_of(path, names, read) if _is_named(case, named)]
        report.results += [runner.run(case) for case in cases]
    report.untested = [one.rule.name for one in rules.rules if one.rule.name not in fired]
    return report


def _is_named(case: Case, text: str) -> bool:
    return text.lower() in f"{case.name}\n{case.rule or ''}".lower()


def _cases_of(path: Path, names: list[str], read: ReadYaml) -> list[Case]:
    cases = parse_cases(Reader(read(path)), names)
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
        self._streams: dict[tuple[str, ...], StreamRules] = {}

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
        record = case.record(self._default if case.rule is None else chosen[0].rule.reads)
        unwrap = self._unwrap(case, record)
        made = self._stream(*chosen).apply(record, unwrap)
        for one in chosen:
            self._coverage.observe(one.rule, self._stream(one).apply(record, unwrap))
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

    def _stream(self, *rules: CompiledRule) -> StreamRules:
        """Put together once: many tests run the same rules."""
        names = tuple(one.rule.name for one in rules)
        if names not in self._streams:
            self._streams[names] = StreamRules(rules)
        return self._streams[names]

    def _unwrap(self, case: Case, record: Record) -> Unwrap:
        seen: Unwrapped | None = case.scope()
        if seen is None:
            document = self._decode(record, case.body_kind, self._limits)
            if not isinstance(document, Poison | Filtered):
                return document.unwrap
            seen = document
        return lambda envelope: seen

    def _compared(self, expected: list[Any], made: Applied | Poison | Filtered) -> str:
        if problems := _errors(made):
            return "\n".join(["expected payloads, got a fault:", *(f"  {problem}" for problem in problems)])
        events = made.events if isinstance(made, Applied) else ()
        return differences(expected, [self._got(event) for event in events])

    def _got(self, event: Event) -> Got:
        """The payload, and what counts only where the test writes it."""
        rule = next(one.rule for one in self._rules if one.rule.name == event.rule)
        from_broker = rule.emits[event.emit_index].timestamp is None
        silent = frozenset({"event_id", "timestamp"} if from_broker else {"event_id"})
        return Got(msgspec.json.decode(event.body), silent)


def _errors(made: Applied | Poison | Filtered) -> list[str]:
    """Each with the reason that its dead letter would have."""
    faults = made.faults if isinstance(made, Applied) else [made] if isinstance(made, Poison) else []
    return [f"{fault.reason.value}: {fault.error}" for fault in faults]


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
