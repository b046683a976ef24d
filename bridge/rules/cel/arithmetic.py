"""The operators ``+ - * / %`` and negation on values that only run time knows."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from bridge.rules.cel.faults import EvalFault
from bridge.rules.cel.functions.guards import no_overload
from bridge.rules.cel.limits import Budget
from bridge.rules.cel.values import INT_MAX, INT_MIN, UINT_MAX, Uint

_DURATION_MAX = timedelta(seconds=315_576_000_000)
_MIXED = frozenset({(int, float), (float, int)})


def fit(value: int) -> int:
    """``value`` when it fits into a signed 64 bits.

    Raises:
        EvalFault: of kind ``overflow``.
    """
    if INT_MIN <= value <= INT_MAX:
        return value
    raise EvalFault("int does not fit into 64 bits", "overflow")


def fit_uint(value: int) -> Uint:
    """``value`` as a uint when it fits into an unsigned 64 bits.

    Raises:
        EvalFault: of kind ``overflow``.
    """
    if 0 <= value <= UINT_MAX:
        return Uint(value)
    raise EvalFault("uint does not fit into 64 bits", "overflow")


def fit_duration(value: timedelta) -> timedelta:
    """``value`` when it is a duration of about 10,000 years at most.

    Raises:
        EvalFault: of kind ``overflow``.
    """
    if -_DURATION_MAX <= value <= _DURATION_MAX:
        return value
    raise EvalFault("duration is out of range", "overflow")


def add(left: Any, right: Any, limit: int, budget: Budget) -> Any:
    """``left + right``; ``limit`` bounds texts, bytes and lists, and ``budget`` pays for large ones."""
    kind = left.__class__
    if kind is right.__class__:
        if kind is int:
            total = left + right
            return total if INT_MIN <= total <= INT_MAX else fit(total)
        if kind is float:
            return left + right
        if kind in _JOINED:
            return budget.weigh(sized(left + right, limit))
        if kind is Uint:
            return fit_uint(int(left) + int(right))
        if kind is timedelta:
            return _moved(left, right)
    elif (kind, right.__class__) in _MIXED:
        return fitting(left) + fitting(right)
    elif (kind is datetime and right.__class__ is timedelta) or (
        kind is timedelta and right.__class__ is datetime
    ):
        return _moved(left, right)
    raise no_overload("+", left, right)


_JOINED = frozenset({str, bytes, list})


def sized(value: Any, limit: int) -> Any:
    """``value``, a text, bytes or list, when it is within ``limit``.

    Raises:
        EvalFault: of kind ``budget``.
    """
    size = len(value)
    if (
        4 * size > limit
        and (size if value.__class__ is not str else len(value.encode("utf-8", "replace"))) > limit
    ):
        raise EvalFault(f"a result is larger than {limit}", "budget")
    return value


def fitting(value: Any) -> Any:
    """A number as it is, but never an int that does not fit into 64 bits."""
    return fit(value) if value.__class__ is int else value


def _moved(left: Any, right: Any) -> Any:
    try:
        moved = left + right
    except OverflowError:
        raise EvalFault("timestamp is out of range", "overflow") from None
    return fit_duration(moved) if moved.__class__ is timedelta else moved


def sub(left: Any, right: Any) -> Any:
    """``left - right``."""
    kind = left.__class__
    if kind is right.__class__:
        if kind is int:
            rest = left - right
            return rest if INT_MIN <= rest <= INT_MAX else fit(rest)
        if kind is float:
            return left - right
        if kind is Uint:
            return fit_uint(int(left) - int(right))
        if kind is datetime:
            return _apart(left, right)
        if kind is timedelta:
            return _moved(left, -right)
    elif (kind, right.__class__) in _MIXED:
        return fitting(left) - fitting(right)
    elif kind is datetime and right.__class__ is timedelta:
        return _moved(left, -right)
    raise no_overload("-", left, right)


def _apart(left: datetime, right: datetime) -> timedelta:
    apart = left - right
    if abs(apart) > _INT64_NANOS:
        raise EvalFault("duration is out of range", "overflow")
    return apart


_INT64_NANOS = timedelta(microseconds=INT_MAX // 1000)


def mul(left: Any, right: Any) -> Any:
    """``left * right``."""
    kind = left.__class__
    if kind is right.__class__:
        if kind is int:
            product = left * right
            return product if INT_MIN <= product <= INT_MAX else fit(product)
        if kind is float:
            return left * right
        if kind is Uint:
            return fit_uint(int(left) * int(right))
    elif (kind, right.__class__) in _MIXED:
        return fitting(left) * fitting(right)
    raise no_overload("*", left, right)


def div(left: Any, right: Any) -> Any:
    """``left / right``; ints are cut off towards zero."""
    kind = left.__class__
    if kind is right.__class__:
        if kind is int:
            return fit(_quotient(left, right))
        if kind is float:
            return _ratio(left, right)
        if kind is Uint:
            return fit_uint(_quotient(int(left), int(right)))
    elif (kind, right.__class__) in _MIXED:
        return _ratio(float(fitting(left)), float(fitting(right)))
    raise no_overload("/", left, right)


def _quotient(left: int, right: int) -> int:
    if not right:
        raise EvalFault("division by zero", "divide")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) is (right < 0) else -quotient


def _ratio(left: float, right: float) -> float:
    if right:
        return left / right
    if not left or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def mod(left: Any, right: Any) -> Any:
    """``left % right`` of ints; the sign is the left one's."""
    kind = left.__class__
    if kind is not right.__class__ or (kind is not int and kind is not Uint):
        raise no_overload("%", left, right)
    if not right:
        raise EvalFault("modulus by zero", "divide")
    rest = abs(left) % abs(right)
    return fit(-rest if left < 0 else rest) if kind is int else Uint(rest)


def neg(value: Any) -> Any:
    """``-value``."""
    if value.__class__ is int:
        return fit(-value)
    if value.__class__ is float:
        return -value
    raise no_overload("-", value)
