"""Lists."""

from __future__ import annotations

from functools import reduce
from typing import Any

from bridge.rules.cel.arithmetic import add, fit, sized
from bridge.rules.cel.faults import EvalFault
from bridge.rules.cel.functions.guards import no_overload
from bridge.rules.cel.functions.math import largest, smallest
from bridge.rules.cel.functions.table import Function, Overload, method, plain
from bridge.rules.cel.limits import Budget
from bridge.rules.cel.relations import contains
from bridge.rules.cel.values import NONE, Optional, kind_of

_WHOLE = frozenset({int})
_NUMBERS = frozenset({int, float})
_SORTED = frozenset({"int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes"})


def _sum(items: list[Any], budget: Budget, limit: int) -> Any:
    kinds = set(map(type, items))
    if kinds <= _WHOLE:
        return fit(sum(items))
    if kinds <= _NUMBERS:
        return _sum_of_doubles(items)
    if items[0].__class__ is list or items[0].__class__ is str:
        raise no_overload("sum", items[0])
    return reduce(lambda left, right: add(left, right, limit, budget), items)


def _sum_of_doubles(items: list[Any]) -> float:
    try:
        return float(sum(items))
    except OverflowError:
        raise EvalFault("int does not fit into 64 bits", "overflow") from None


def _join(items: list[Any], limit: int) -> str:
    return _join_with(items, "", limit)


def _join_with(items: list[Any], separator: str, limit: int) -> str:
    if not {str}.issuperset(map(type, items)):
        odd = next(item for item in items if item.__class__ is not str)
        raise EvalFault(f"join takes a list of string, not of {kind_of(odd)}", "type")
    if sum(map(len, items)) + len(separator) * len(items) > limit + len(separator):
        raise EvalFault(f"a result is larger than {limit}", "budget")
    return str(sized(separator.join(items), limit))


def _slice(items: list[Any], start: int, end: int) -> list[Any]:
    if not 0 <= start <= end <= len(items):
        raise EvalFault(f"slice {start} to {end} is out of range of a list of {len(items)}", "argument")
    return items[start:end]


def _flatten(items: list[Any], budget: Budget, limit: int) -> list[Any]:
    return _flatten_deep(items, 1, budget, limit)


def _flatten_deep(items: list[Any], depth: int, budget: Budget, limit: int) -> list[Any]:
    if depth < 0:
        raise EvalFault("flatten takes no negative depth", "argument")
    found: list[Any] = []
    budget.charge(_open(items, depth, found, limit) >> 5)
    return found


def _open(items: list[Any], depth: int, found: list[Any], limit: int) -> int:
    """How many lists and elements were looked at: lists in lists may hold one another many times over."""
    visits = 1 + len(items)
    for item in items:
        if item.__class__ is list and depth:
            visits += _open(item, depth - 1, found, limit)
        else:
            found.append(item)
        if visits > 2 * limit or len(found) > limit:
            raise EvalFault(f"a result is larger than {limit}", "budget")
    return visits


def sort_by(items: list[Any], keys: list[Any]) -> list[Any]:
    """``items`` in the order of ``keys``, equal ones as they were.

    Raises:
        EvalFault: keys of several kinds, or of a kind that has no order.
    """
    if items.__class__ is not list:
        raise no_overload("sortBy", items)
    kinds = {kind_of(key) for key in keys}
    if len(kinds) > 1 or not kinds <= _SORTED:
        raise EvalFault(f"cannot sort by {', '.join(sorted(kinds))}", "type")
    order = sorted(range(len(items)), key=keys.__getitem__)
    return [items[position] for position in order]


def _distinct(items: list[Any], budget: Budget) -> list[Any]:
    if {str}.issuperset(map(type, items)):
        return list(dict.fromkeys(items))
    found: list[Any] = []
    for item in items:
        # Every element is compared with all before it, which a plain weighing does not cover.
        budget.charge(1 + (len(found) >> 2))
        if not contains(item, found, budget):
            found.append(item)
    return found


def _range(count: int, limit: int) -> list[int]:
    if count > limit:
        raise EvalFault(f"a result is larger than {limit}", "budget")
    return list(range(count))


def _first(items: list[Any]) -> Optional:
    return Optional(items[0]) if items else NONE


def _last(items: list[Any]) -> Optional:
    return Optional(items[-1]) if items else NONE


_JOIN = (
    Overload(("list",), "string", _join, bounded=True),
    Overload(("list", "string"), "string", _join_with, bounded=True),
)
_FLATTEN = (
    Overload(("list",), "list", _flatten, bounded=True, charging=True),
    Overload(("list", "int"), "list", _flatten_deep, bounded=True, charging=True),
)
_REVERSE = (
    Overload(("string",), "string", lambda text: text[::-1]),
    Overload(("list",), "list", lambda items: items[::-1]),
)

FUNCTIONS = (
    method(
        "sum",
        "list",
        "dyn",
        _sum,
        "The sum of numbers; 0 of none.",
        "[1, 2.5].sum() == 3.5",
        bounded=True,
        charging=True,
    ),
    method(
        "min",
        "list",
        "dyn",
        lambda items: smallest("min", items),
        "The smallest number.",
        "[3, 1].min() == 1",
    ),
    method(
        "max", "list", "dyn", lambda items: largest("max", items), "The largest number.", "[3, 1].max() == 3"
    ),
    Function(
        "join",
        _JOIN,
        "Texts put together, a separator between.",
        "['a', 'b'].join(', ') == 'a, b'",
        receiver=True,
    ),
    method(
        "slice",
        "list int int",
        "list",
        _slice,
        "From a position up to another.",
        "[1, 2, 3].slice(1, 3) == [2, 3]",
    ),
    Function(
        "flatten", _FLATTEN, "Lists in it opened.", "[1, [2, [3]]].flatten() == [1, 2, [3]]", receiver=True
    ),
    method(
        "sort",
        "list",
        "list",
        lambda items: sort_by(items, items),
        "In order.",
        "[3, 1, 2].sort() == [1, 2, 3]",
    ),
    method(
        *("distinct", "list", "list", _distinct, "Every element once.", "[1, 2, 1].distinct() == [1, 2]"),
        charging=True,
    ),
    Function("reverse", _REVERSE, "From the end to the start.", "[1, 2].reverse() == [2, 1]", receiver=True),
    method("first", "list", "optional", _first, "The first element, or none.", "[1, 2].first().value() == 1"),
    method("last", "list", "optional", _last, "The last element, or none.", "[].last().orValue(0) == 0"),
    plain(
        "lists.range", "int", "list", _range, "0 up to a number.", "lists.range(3) == [0, 1, 2]", bounded=True
    ),
)
