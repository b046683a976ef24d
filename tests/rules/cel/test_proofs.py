"""What is proven of an expression before it runs never contradicts what comes out of it."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from bridge.rules.cel import Environment, EvalFault, evaluate
from bridge.rules.cel.kinds import certain, clash, fitting_overloads, kinds, never_equal
from bridge.rules.cel.limits import Limits
from bridge.rules.cel.never import never
from bridge.rules.cel.parser import parse
from bridge.rules.cel.reads import reads
from bridge.rules.cel.resolve import resolve
from bridge.rules.cel.tree import Binary, Invoke, Node, walk
from bridge.rules.cel.values import kind_of
from tests.rules.cel.test_conformance import CASES, FUNCTIONS, MISSES, value

PASSING = {name: case for name, case in CASES.items() if "evalError" not in case and name not in MISSES}


def resolved(text: str, environment: Environment) -> Node:
    return resolve(parse(text, Limits()), environment, checked=False)


def test_the_suite_never_contradicts_the_kinds() -> None:
    """Every result of the conformance suite is of a kind that was thought possible."""
    wrong = []
    for name, case in PASSING.items():
        bindings = {key: value(spec["value"]) for key, spec in case.get("bindings", {}).items()}
        declared = [entry["name"] for entry in case.get("typeEnv", [])]
        node = resolved(case["expr"], Environment([*bindings, *declared], FUNCTIONS))
        expected = value(case.get("value", {"boolValue": True}))
        possible = kinds(node)
        if certain(possible) and kind_of(expected) not in possible:
            wrong.append((name, case["expr"], sorted(possible), kind_of(expected)))
        if expected is True and never(node) is not None:
            wrong.append((name, case["expr"], ["never"], "true"))
        reads(node)
    assert wrong == []


def test_the_suite_knows_no_call_that_can_never_work() -> None:
    """But where ``&&``, ``||`` or a branch leaves it out."""
    wrong = []
    for name, case in PASSING.items():
        bindings = [*case.get("bindings", {}), *(entry["name"] for entry in case.get("typeEnv", []))]
        node = resolved(case["expr"], Environment(bindings, FUNCTIONS))
        for part in walk(node):
            clashes = isinstance(part, Binary) and clash(part) is not None
            if clashes or (isinstance(part, Invoke) and not fitting_overloads(part)):
                wrong.append((name, case["expr"]))
    assert [text for _, text in wrong if not any(word in text for word in ("&&", "||", "?"))] == []


_VALUES = ("1", "2u", "1.5", "'a'", "b'a'", "true", "null", "[1]", "{'a': 1}", "optional.of(1)")
_TIMES = ("timestamp('2024-01-01T00:00:00Z')", "duration('1s')")


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!="])
def test_operators_agree_with_run_time(operator: str) -> None:
    """Each operator on each two kinds: a clash is a fault, no clash is none, and the kind is right."""
    for left, right in [*combinations((*_VALUES, *_TIMES), 2), *((one, one) for one in (*_VALUES, *_TIMES))]:
        for text in (f"{left} {operator} {right}", f"{right} {operator} {left}"):
            node = resolved(text, Environment())
            assert isinstance(node, Binary)
            found = outcome_of(text)
            if isinstance(found, EvalFault):
                judged = clash(node) is not None or not {left, right}.isdisjoint(_TIMES)
                assert judged or found.kind != "type", text
                continue
            assert clash(node) is None, text
            assert not certain(kinds(node)) or kind_of(found) in kinds(node), text
            if never_equal(node):
                assert found is (operator == "!="), text


def outcome_of(text: str) -> Any:
    """The value, or the fault that stands for it."""
    try:
        return evaluate(text)
    except EvalFault as fault:
        return fault
