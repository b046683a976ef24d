"""The official conformance suite; see conformance/README.md for its version and what is left out."""

from __future__ import annotations

import json
import math
import sys
from base64 import b64decode
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.rules.cel import CompileFault, Environment, EvalFault, Uint, evaluate, standard_functions
from bridge.rules.cel.values import TYPE_NAMES

FOLDER = Path(__file__).parent / "conformance"
MISSES: dict[str, str] = json.loads((FOLDER / "misses.json").read_text())
FUNCTIONS = standard_functions()


def cases() -> Iterator[tuple[str, dict[str, Any]]]:
    """All vendored cases with a name of their own; the suite has a few names twice."""
    seen: dict[str, int] = {}
    for path in sorted(FOLDER.glob("*.json")):
        if path.name == "misses.json":
            continue
        for case in json.loads(path.read_text()):
            seen[case["id"]] = number = seen.get(case["id"], 0) + 1
            yield (case["id"] if number == 1 else f"{case['id']}#{number}"), case


CASES = dict(cases())


def value(spec: Mapping[str, Any]) -> Any:
    """The Python value of the suite's notation for values."""
    kind = next(iter(spec), "nullValue")
    content: Any = spec.get(kind)
    match kind:
        case "int64Value":
            return int(content)
        case "uint64Value":
            return Uint(content)
        case "doubleValue":
            return float(content)
        case "bytesValue":
            return b64decode(content)
        case "listValue":
            return [value(item) for item in content.get("values", [])]
        case "mapValue":
            return {value(entry["key"]): value(entry["value"]) for entry in content.get("entries", [])}
        case "typeValue":
            return TYPE_NAMES[content]
        case _:
            return content


def same(found: Any, expected: Any) -> bool:
    """Equal in value and in kind, all the way down."""
    if found.__class__ is not expected.__class__:
        return False
    if isinstance(expected, float) and math.isnan(expected):
        return math.isnan(found)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, dict):
        return len(found) == len(expected) and all(
            key in found and same(found[key], item) for key, item in expected.items()
        )
    return bool(found == expected)


def outcome(case: dict[str, Any], *, exact: bool) -> str:
    """Empty when the case passes in this shape, else what happened instead."""
    bindings = {name: value(spec["value"]) for name, spec in case.get("bindings", {}).items()}
    declared = [entry["name"] for entry in case.get("typeEnv", [])]
    environment = Environment([*bindings, *declared], FUNCTIONS)
    wants_fault = "evalError" in case
    try:
        found = evaluate(case["expr"], bindings, environment, checked="disableCheck" not in case, exact=exact)
    except (CompileFault, EvalFault) as fault:
        return "" if wants_fault else repr(fault)
    expected = value(case.get("value", {"boolValue": True}))
    return repr(found) if wants_fault or not same(found, expected) else ""


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "fast"])
@pytest.mark.parametrize("name", CASES)
def test_case(name: str, exact: bool) -> None:
    """A case passes in both shapes, or is a known miss that still misses."""
    result = outcome(CASES[name], exact=exact)
    if name in MISSES:
        assert result, f"{name} passes now: take it off misses.json"
    else:
        assert not result, f"{CASES[name]['expr']} gave {result}"


def summary() -> str:
    """``python -m tests.rules.cel.test_conformance``: passed of all, in both shapes of code."""
    passed = {
        shape: sum(not outcome(case, exact=shape == "exact") for case in CASES.values())
        for shape in ("exact", "fast")
    }
    return "\n".join(f"{shape}: {count} of {len(CASES)} passed" for shape, count in passed.items())


def test_misses_name_cases_and_reasons() -> None:
    """The miss list holds nothing stale, and every miss has its reason."""
    assert MISSES.keys() <= CASES.keys()
    assert all(MISSES.values())


def test_the_suite_is_whole() -> None:
    """As many cases as the dump counted, and nearly all of them pass."""
    assert len(CASES) == 1594
    assert len(MISSES) <= 8


def test_a_duration_is_no_number() -> None:
    """The comparison of results tells kinds apart, so that the suite cannot pass by luck."""
    assert not same(True, 1)
    assert not same(Uint(1), 1)
    assert not same(1.0, 1)
    assert not same(timedelta(), 0)
    assert not same([1], [1.0])


if __name__ == "__main__":
    sys.stdout.write(summary() + "\n")
