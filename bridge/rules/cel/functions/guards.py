"""Callables for generated code: the implementation behind a test of its arguments' kinds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from bridge.rules.cel.faults import EvalFault
from bridge.rules.cel.functions.table import Implementation, Overload
from bridge.rules.cel.values import Optional, Type, Uint, kind_of

_CLASSES: dict[str, frozenset[type]] = {
    "null": frozenset({type(None)}),
    "bool": frozenset({bool}),
    "int": frozenset({int}),
    "uint": frozenset({Uint}),
    "double": frozenset({float}),
    "string": frozenset({str}),
    "bytes": frozenset({bytes}),
    "list": frozenset({list}),
    "map": frozenset({dict}),
    "timestamp": frozenset({datetime}),
    "duration": frozenset({timedelta}),
    "optional": frozenset({Optional}),
    "type": frozenset({Type}),
}
_ANY = frozenset[type]()


def classes(kinds: str) -> frozenset[type]:
    """The Python classes of ``int|double`` and the like; empty means any."""
    if kinds == "dyn":
        return _ANY
    return frozenset[type]().union(*(_CLASSES[kind] for kind in kinds.split("|")))


def bind(overload: Overload, limit: int) -> Implementation:
    """The implementation alone, its size limit bound."""
    return partial(overload.run, limit=limit) if overload.bounded else overload.run


def guarded(name: str, overloads: Sequence[Overload], limit: int) -> Implementation:
    """A callable that tests its arguments and runs the first overload they fit.

    Args:
        name: the function, for the fault's text.
        overloads: signatures of one arity.
        limit: the size that a bounded implementation may build.

    Returns:
        A callable that raises ``EvalFault`` of kind ``type`` when no overload fits.
    """
    if len(overloads) > 1:
        return _by_first(name, overloads, limit) or _several(name, overloads, limit)
    only = overloads[0]
    run, accepted = bind(only, limit), _accepted(only)
    if only.variadic or not any(accepted):
        return run
    if len(accepted) == 1:
        return _one(name, accepted[0], run)
    if not any(accepted[1:]):
        return _first(name, accepted[0], run)
    if len(accepted) == 2 and all(accepted):  # noqa: PLR2004 -- the commonest shape has its own guard
        return _two(name, accepted[0], accepted[1], run)
    return _several(name, overloads, limit)


def _accepted(overload: Overload) -> list[frozenset[type]]:
    """The classes of every argument; the budget comes last where it is passed."""
    return [classes(kinds) for kinds in overload.parameters] + [_ANY] * overload.charging


def no_overload(name: str, *arguments: object) -> EvalFault:
    """The fault of calling ``name`` with values of kinds that it does not take."""
    kinds = ", ".join(kind_of(argument) for argument in arguments)
    return EvalFault(f"{name} does not take ({kinds})", "type")


def _one(name: str, accepted: frozenset[type], run: Implementation) -> Implementation:
    def call(value: Any) -> Any:
        if value.__class__ in accepted:
            return run(value)
        raise no_overload(name, value)

    return call


def _first(name: str, accepted: frozenset[type], run: Implementation) -> Implementation:
    def call(value: Any, *rest: Any) -> Any:
        if value.__class__ in accepted:
            return run(value, *rest)
        raise no_overload(name, value, *rest)

    return call


def _two(name: str, first: frozenset[type], second: frozenset[type], run: Implementation) -> Implementation:
    def call(left: Any, right: Any) -> Any:
        if left.__class__ in first and right.__class__ in second:
            return run(left, right)
        raise no_overload(name, left, right)

    return call


def _by_first(name: str, overloads: Sequence[Overload], limit: int) -> Implementation | None:
    """For overloads of one argument: a look-up by its class."""
    if any(len(_accepted(overload)) > 1 for overload in overloads):
        return None
    runs = {kind: bind(overload, limit) for overload in overloads for kind in classes(overload.parameters[0])}

    def call(value: Any) -> Any:
        run = runs.get(value.__class__)
        if run is None:
            raise no_overload(name, value)
        return run(value)

    return call


def _several(name: str, overloads: Sequence[Overload], limit: int) -> Implementation:
    choices = [(_accepted(overload), bind(overload, limit)) for overload in overloads]

    def call(*arguments: Any) -> Any:
        for accepted, run in choices:
            if all(
                not kinds or value.__class__ in kinds
                for kinds, value in zip(accepted, arguments, strict=True)
            ):
                return run(*arguments)
        raise no_overload(name, *arguments)

    return call
