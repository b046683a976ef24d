"""The ``math`` namespace."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from bridge.rules.cel.arithmetic import fit, fitting, neg
from bridge.rules.cel.faults import EvalFault
from bridge.rules.cel.functions.guards import no_overload
from bridge.rules.cel.functions.table import Function, Overload, plain
from bridge.rules.cel.relations import NUMBERS
from bridge.rules.cel.values import Uint

_MASK = 2**64 - 1
_SIGN = 2**63
_BITS = 64


def largest(name: str, values: list[Any]) -> Any:
    """The first of the largest numbers of a list that is not empty."""
    return _best(name, values, max)


def smallest(name: str, values: list[Any]) -> Any:
    """The first of the smallest numbers of a list that is not empty."""
    return _best(name, values, min)


def _best(name: str, values: list[Any], choose: Callable[[list[Any]], Any]) -> Any:
    if not values:
        raise EvalFault(f"{name} of an empty list", "argument")
    if not NUMBERS.issuperset(map(type, values)):
        raise no_overload(name, *values)
    return choose(values)


def _spread(name: str, choose: Callable[[str, list[Any]], Any]) -> Callable[[list[Any]], Any]:
    def run(values: list[Any]) -> Any:
        if len(values) == 1 and values[0].__class__ is list:
            return choose(name, values[0])
        return choose(name, values)

    return run


def _round(value: float) -> float:
    if not math.isfinite(value):
        return value
    whole = math.trunc(value)
    return float(whole + (math.copysign(1, value) if abs(value - whole) >= 0.5 else 0))  # noqa: PLR2004


def _finite(run: Callable[[float], float]) -> Callable[[float], float]:
    return lambda value: float(run(value)) if math.isfinite(value) else value


def _sign(value: Any) -> Any:
    if value != value:  # noqa: PLR0124 -- not a number
        return value
    return value.__class__((value > 0) - (value < 0))


def _abs(value: Any) -> Any:
    return neg(value) if value.__class__ is not Uint and value < 0 else value


def _sqrt(value: float) -> float:
    return math.sqrt(fitting(value)) if value >= 0 else math.nan


def _signed(bits: int) -> int:
    bits &= _MASK
    return bits - 2**64 if bits & _SIGN else bits


def _bit(run: Callable[[int, int], int]) -> tuple[Overload, ...]:
    return (
        Overload(
            ("int", "int"), "int", lambda left, right: _signed(run(fit(left) & _MASK, fit(right) & _MASK))
        ),
        Overload(("uint", "uint"), "uint", lambda left, right: Uint(run(int(left), int(right)))),
    )


def _shift(run: Callable[[int, int], int]) -> tuple[Overload, ...]:
    def shifted(value: int, by: int) -> int:
        if by < 0:
            raise EvalFault("shift by a negative number", "argument")
        return run(fit(value) & _MASK if value.__class__ is int else int(value), min(by, _BITS)) & _MASK

    return (
        Overload(("int", "int"), "int", lambda value, by: _signed(shifted(value, by))),
        Overload(("uint", "int"), "uint", lambda value, by: Uint(shifted(value, by))),
    )


_NOT = (
    Overload(("int",), "int", lambda value: ~fit(value)),
    Overload(("uint",), "uint", lambda value: Uint(~int(value) & _MASK)),
)


def _many(name: str, choose: Callable[[str, list[Any]], Any], doc: str, example: str) -> Function:
    return Function(name, (Overload(("dyn",), "dyn", _spread(name, choose), variadic=True),), doc, example)


FUNCTIONS = (
    _many("math.greatest", largest, "The largest number.", "math.greatest(1, 2.5, 2) == 2.5"),
    _many("math.least", smallest, "The smallest number.", "math.least([3, 1, 2]) == 1"),
    plain(
        "math.ceil", "double", "double", _finite(math.ceil), "Up to a whole number.", "math.ceil(1.2) == 2.0"
    ),
    plain(
        "math.floor",
        "double",
        "double",
        _finite(math.floor),
        "Down to a whole number.",
        "math.floor(-1.2) == -2.0",
    ),
    plain(
        "math.round",
        "double",
        "double",
        _round,
        "To the nearest; halves away from zero.",
        "math.round(1.5) == 2.0",
    ),
    plain("math.trunc", "double", "double", _finite(math.trunc), "Towards zero.", "math.trunc(-1.9) == -1.0"),
    plain("math.isNaN", "double", "bool", math.isnan, "Whether it is no number.", "math.isNaN(0.0 / 0.0)"),
    plain("math.isInf", "double", "bool", math.isinf, "Whether it is infinite.", "math.isInf(1.0 / 0.0)"),
    plain("math.isFinite", "double", "bool", math.isfinite, "Whether it is finite.", "math.isFinite(1.5)"),
    Function(
        "math.abs",
        tuple(Overload((kind,), kind, _abs) for kind in ("int", "uint", "double")),
        "Without its sign.",
        "math.abs(-2) == 2",
    ),
    Function(
        "math.sign",
        tuple(Overload((kind,), kind, _sign) for kind in ("int", "uint", "double")),
        "-1, 0 or 1.",
        "math.sign(-2.5) == -1.0",
    ),
    plain("math.sqrt", "int|uint|double", "double", _sqrt, "The square root.", "math.sqrt(81) == 9.0"),
    Function("math.bitAnd", _bit(int.__and__), "Bits set in both.", "math.bitAnd(6, 3) == 2"),
    Function("math.bitOr", _bit(int.__or__), "Bits set in either.", "math.bitOr(6, 3) == 7"),
    Function("math.bitXor", _bit(int.__xor__), "Bits set in one.", "math.bitXor(6, 3) == 5"),
    Function("math.bitNot", _NOT, "Bits turned.", "math.bitNot(0) == -1"),
    Function("math.bitShiftLeft", _shift(int.__lshift__), "Bits moved up.", "math.bitShiftLeft(1, 4) == 16"),
    Function(
        "math.bitShiftRight", _shift(int.__rshift__), "Bits moved down.", "math.bitShiftRight(16, 4) == 1"
    ),
)
