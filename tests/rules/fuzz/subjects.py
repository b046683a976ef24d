"""What is fuzzed, under one face: a single expression of ``cel.Unit``, or a whole rule file."""

from __future__ import annotations

import marshal
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from bridge.config import Limits, Secret
from bridge.errors import ConfigError
from bridge.located_yaml import read_yaml
from bridge.model import Applied, Filtered, Poison, Record, Scope
from bridge.rules import RuleSet, StreamRules, compile_files
from bridge.rules.cel import Budget, CompileFault, Environment, EvalFault, Unit, python_name
from bridge.rules.cel.unit import single_function
from bridge.rules.cel.values import Optional, kind_of
from bridge.rules.convert import to_json
from bridge.rules.lint import lint_files
from bridge.rules.parse import parse_rules
from tests.rules.fuzz.grammar import SECRET, TABLE, VARIABLES

MAPS: dict[str, Any] = {"m": {"a": 1, "b": [1, {"c": 2}], "x": "y"}, "__class__": {"a": 10**30}}
_SIGNS = (SECRET, SECRET[::-1])

Run = Callable[[Random, Record, Scope], str]


class Refused(Exception):
    """Text that must not run, refused in one of the ways that are promised."""


class Broken(Exception):
    """A promise that was not kept."""


class Expression:
    """One expression."""

    def __init__(self, text: str) -> None:
        environment = Environment([*VARIABLES, "x", "y", "z"], TABLE, {"maps": MAPS})
        self._unit = Unit(environment, filename="<rule expression>")
        try:
            compiled = self._unit.expression(text)
        except CompileFault as fault:
            _check_text(str(fault))
            raise Refused from None
        parameters = [python_name(name) for name in (*VARIABLES, "x", "y", "z")]
        self._steps = self._unit.limits.steps
        self._function = self._unit.build(single_function(parameters, compiled.node))
        self.functions = [self._function]
        self._maps = marshal.dumps(MAPS, 2)

    def run(self, record: Record, scope: Scope) -> str:
        """Evaluate it; the kind of the fault, or empty."""
        one = scope.event
        values = (one, {"key": "k"}, scope.before, scope.op, scope.source, scope.cloudevent, one, 1, "a")
        budget = Budget(self._steps)
        try:
            value = self._function(*values, budget)
            _check_kinds(value)
            _check_text(msgspec.json.encode(to_json(value)).decode())
        except Exception as error:
            fault = self._unit.fault(error) or (error if isinstance(error, EvalFault) else None)
            if fault is None:
                raise
            _check_text(fault.message)
            return fault.kind
        return ""

    def check(self) -> None:
        """Nothing shared was changed."""
        if marshal.dumps(MAPS, 2) != self._maps:
            raise Broken("maps were changed")


class File:
    """A rule file, through the loader; the linter has a look as well."""

    def __init__(self, text: str, path: Path) -> None:
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            self.rules: RuleSet = compile_files([path], None, Limits(), _secret)
        except ConfigError as error:
            _check_text(str(error))
            self._lint(path)
            raise Refused from None
        self._lint(path)
        self._streams = StreamRules(self.rules.rules)
        self.functions = [one.run for one in self.rules.rules]
        self._constants = self._shared()

    @staticmethod
    def _lint(path: Path) -> None:
        try:
            file, reader = parse_rules(read_yaml(path))
        except ConfigError:
            return
        if not reader.errors:
            for finding in lint_files([file], Limits()):
                _check_text(finding.message)

    def _shared(self) -> bytes:
        """The data among the globals of the generated code."""
        found = [
            (name, value)
            for function in self.functions
            for name, value in function.__globals__.items()
            if type(value) in {dict, list, str, int, float} and name != "__builtins__"
        ]
        return marshal.dumps(found, 2)

    def run(self, record: Record, scope: Scope) -> str:
        """Apply all rules; the reason of the first fault, or empty."""
        made = self._streams.apply(record, lambda envelope: scope)
        if isinstance(made, Poison | Filtered):
            return ""
        assert isinstance(made, Applied)
        for event in made.events:
            _check_text(event.body.decode())
            msgspec.json.decode(event.body)
        for fault in made.faults:
            _check_text(fault.error)
        return made.faults[0].reason.value if made.faults else ""

    def check(self) -> None:
        """Nothing shared was changed."""
        if self._shared() != self._constants:
            raise Broken("constants of the rule were changed")


Subject = Expression | File


def _secret(secret: Secret) -> str:
    return SECRET


def _check_kinds(value: object) -> None:
    """It is of the language's own kinds all through: nothing of Python's came along."""
    waiting, seen = [value], 0
    while waiting and seen < _LOOKED_AT:
        seen += 1
        one = waiting.pop()
        kind = kind_of(one)
        if kind == "dyn":
            raise Broken(f"a value is {type(one).__name__}")
        if isinstance(one, Optional):
            waiting.append(one.content)
        elif isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            waiting += one


_LOOKED_AT = 1000


def _check_text(text: str) -> None:
    """It can be written out, and holds no secret."""
    text.encode()
    if any(sign in text for sign in _SIGNS):
        raise Broken("a secret is in it")


def outcome(run: Callable[[], object]) -> str:
    """What came of an evaluation: ``value``, or the kind of the fault; anything else is raised."""
    try:
        run()
    except EvalFault as fault:
        return fault.kind
    return "value"
