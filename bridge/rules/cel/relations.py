"""Equality, order and membership on values that only run time knows."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import repeat
from typing import Any

from bridge.rules.cel.arithmetic import fit
from bridge.rules.cel.functions.guards import no_overload
from bridge.rules.cel.limits import Budget
from bridge.rules.cel.values import INT_MAX, INT_MIN, Optional, Type, Uint

NUMBERS = frozenset({int, float, Uint})
_PLAIN = frozenset({str, int, float, bool, type(None), bytes, datetime, timedelta, Uint, Type})
_ORDERED = frozenset({str, int, float, bool, bytes, datetime, timedelta, Uint})
_KEYS = frozenset({str, int, float, bool, Uint})


def eq(left: Any, right: Any, budget: Budget) -> bool:
    """``left == right``: numbers by value over kinds, anything else of different kinds is unequal."""
    kind = left.__class__
    if kind is right.__class__:
        if kind in _PLAIN:
            return bool(left == right)
        return _eq_parts(left, right, budget)
    return kind in NUMBERS and right.__class__ in NUMBERS and bool(left == right)


def ne(left: Any, right: Any, budget: Budget) -> bool:
    """``left != right``."""
    return not eq(left, right, budget)


def _eq_parts(left: Any, right: Any, budget: Budget) -> bool:
    kind = left.__class__
    if kind is Optional:
        return left.present is right.present and eq(left.content, right.content, budget)
    if len(left) != len(right):
        return False
    budget.charge(1 + (len(left) >> 2))
    if kind is list:
        return all(map(eq, left, right, repeat(budget)))
    return all(has_key(right, key) and eq(value, right[key], budget) for key, value in left.items())


def has_key(entries: dict[Any, Any], key: Any) -> bool:
    """Whether a map has a key; true and false are no numbers, though Python's dict says so."""
    if key.__class__ is str:
        return key in entries
    if key.__class__ not in _KEYS or key not in entries:
        return False
    if key not in {0, 1}:
        return True
    stored = next(other for other in entries if other == key)
    return (stored.__class__ is bool) is (key.__class__ is bool)


def lt(left: Any, right: Any) -> bool:
    """``left < right``."""
    if left.__class__ is not right.__class__ or left.__class__ not in _ORDERED:
        left, right = _numbers("<", left, right)
    ordered: bool = left < right
    return ordered


def le(left: Any, right: Any) -> bool:
    """``left <= right``."""
    if left.__class__ is not right.__class__ or left.__class__ not in _ORDERED:
        left, right = _numbers("<=", left, right)
    ordered: bool = left <= right
    return ordered


def gt(left: Any, right: Any) -> bool:
    """``left > right``."""
    if left.__class__ is not right.__class__ or left.__class__ not in _ORDERED:
        left, right = _numbers(">", left, right)
    ordered: bool = left > right
    return ordered


def ge(left: Any, right: Any) -> bool:
    """``left >= right``."""
    if left.__class__ is not right.__class__ or left.__class__ not in _ORDERED:
        left, right = _numbers(">=", left, right)
    ordered: bool = left >= right
    return ordered


def _numbers(operator: str, left: Any, right: Any) -> tuple[Any, Any]:
    """Two kinds of numbers as Python orders them; an int beside a double is a double, as cel-spec has it."""
    kind, other = left.__class__, right.__class__
    if kind is float and other is int:
        return left, float(right if INT_MIN <= right <= INT_MAX else fit(right))
    if kind is int and other is float:
        return float(left if INT_MIN <= left <= INT_MAX else fit(left)), right
    if kind not in NUMBERS or other not in NUMBERS:
        raise no_overload(operator, left, right)
    return (float(left), float(right)) if float in (kind, other) else (left, right)


def contains(item: Any, container: Any, budget: Budget) -> bool:
    """``item in container``: an element of a list, or a key of a map."""
    if container.__class__ is list:
        budget.weigh(container)
        if item.__class__ is str:
            return item in container
        return any(eq(item, other, budget) for other in container)
    if container.__class__ is dict:
        return has_key(container, item)
    raise no_overload("in", item, container)
