"""Truth, error-absorbing ``&&`` and ``||``, and loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bridge.rules.cel.access import put
from bridge.rules.cel.faults import EvalFault
from bridge.rules.cel.limits import SMALL, Budget
from bridge.rules.cel.values import kind_of

# What generated code raises of itself: a subscript that finds no key, or nothing to look in.
FAULTS = (EvalFault, KeyError, TypeError)


def truth(value: Any) -> bool:
    """``value`` when it is a bool.

    Raises:
        EvalFault: of kind ``type``.
    """
    if value is True or value is False:
        return bool(value)
    raise EvalFault(f"expected bool, not {kind_of(value)}", "type")


def both(*operands: Callable[[], Any]) -> bool:
    """``a && b``: one false operand is enough, whatever fault another has."""
    return not _decided(operands, decisive=False)


def either(*operands: Callable[[], Any]) -> bool:
    """``a || b``: one true operand is enough, whatever fault another has."""
    return _decided(operands, decisive=True)


def _decided(operands: tuple[Callable[[], Any], ...], *, decisive: bool) -> bool:
    fault: Exception | None = None
    for operand in operands:
        try:
            if truth(operand()) is decisive:
                return True
        except FAULTS as found:
            fault = fault or _absorbed(found)
    if fault is not None:
        raise fault
    return False


def _absorbed(fault: Exception) -> Exception:
    """A fault that a decisive operand may make good; an empty budget is none of them."""
    if isinstance(fault, EvalFault) and fault.kind == "budget":
        raise fault
    return fault


def shaped(fast: Callable[[], Any], exact: Callable[[], Any], budget: Budget) -> Any:
    """The value of an expression in two shapes: the exact one runs only where the fast one faults.

    What the fast one spent is given back, so that a budget means the same in both.
    """
    left = budget.left
    try:
        return fast()
    except FAULTS:
        budget.left = left
        return exact()


def unbound(message: str) -> Any:
    """What no checker let pass: a fault wherever it is evaluated."""
    raise EvalFault(message, "type")


def loop(source: Any, budget: Budget) -> Any:
    """What a one-name macro visits: elements of a list or keys of a map; charges ``budget``."""
    if source.__class__ is not list and source.__class__ is not dict:
        raise EvalFault(f"cannot loop over {kind_of(source)}", "type")
    budget.left -= len(source)
    if budget.left < 0:
        budget.charge(0)
    return source


def loop_pairs(source: Any, budget: Budget) -> Any:
    """What a two-name macro visits: index and element, or key and value; charges ``budget``."""
    visited = loop(source, budget)
    return visited.items() if visited.__class__ is dict else enumerate(visited)


def weigh(value: Any, budget: Budget) -> Any:
    """``value`` itself, after ``budget`` paid for its size."""
    if value.__class__ is list and len(value) < SMALL:
        return value
    return budget.weigh(value)


def every(items: Any, body: Callable[..., Any]) -> bool:
    """``items.all(x, body)``."""
    return not _one_decides(items, body, decisive=False)


def some(items: Any, body: Callable[..., Any]) -> bool:
    """``items.exists(x, body)``."""
    return _one_decides(items, body, decisive=True)


def _one_decides(items: Any, body: Callable[..., Any], *, decisive: bool) -> bool:
    fault: Exception | None = None
    for item in items:
        try:
            if truth(body(item)) is decisive:
                return True
        except FAULTS as found:
            fault = fault or _absorbed(found)
    if fault is not None:
        raise fault
    return False


def single(found: list[Any]) -> bool:
    """``items.exists_one(x, body)``, from the elements that fit."""
    return len(found) == 1


def merged(pairs: list[Any]) -> dict[Any, Any]:
    """The map of ``transformMapEntry``, from the one-entry maps of its body."""
    made: dict[Any, Any] = {}
    for entries in pairs:
        if entries.__class__ is not dict:
            raise EvalFault(f"transformMapEntry makes maps, not {kind_of(entries)}", "type")
        for key, value in entries.items():
            put(made, key, value)
    return made
