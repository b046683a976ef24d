"""Calls that are not functions: their arguments hold names and bodies, not values."""

from __future__ import annotations

from bridge.rules.cel.faults import CompileFault
from bridge.rules.cel.tree import Bind, Call, Has, Loop, Name, Node, Select

_TESTS = frozenset({"all", "exists", "exists_one", "existsOne"})
_TRANSFORMS = frozenset({"transformList", "transformMap", "transformMapEntry"})
_ONE_NAME, _TWO_NAMES = 2, 3


def expand(call: Call) -> Node:
    """Turn a call of a macro into its node; any other call comes back as it is.

    Raises:
        CompileFault: a macro whose arguments have not its shape.
    """
    if call.target is None:
        return _has(call) if call.name == "has" and len(call.arguments) == 1 else call
    count = len(call.arguments)
    if call.name in _TESTS and count in {_ONE_NAME, _TWO_NAMES}:
        return _test(call)
    if call.name in {"map", "filter"} and count in {_ONE_NAME, _TWO_NAMES}:
        return _map_or_filter(call)
    if call.name in _TRANSFORMS and count in {_TWO_NAMES, _TWO_NAMES + 1}:
        return _transform(call)
    if call.name == "sortBy" and count == _ONE_NAME:
        return Loop(call.span, "sortBy", call.target, _names(call.arguments[:1]), None, call.arguments[1])
    if call.name in {"optMap", "optFlatMap"} and count == _ONE_NAME:
        return Bind(call.span, call.name, _name(call.arguments[0]), call.target, call.arguments[1])
    if call.name == "bind" and isinstance(call.target, Name) and call.target.name == "cel":
        return _bind(call)
    return call


def _has(call: Call) -> Node:
    argument = call.arguments[0]
    if not isinstance(argument, Select) or argument.optional:
        raise CompileFault(
            "has() takes a field",
            argument.span.offset,
            argument.span.length,
            "write has(a.b); for keys: 'k' in a",
        )
    return Has(argument.span, argument.operand, argument.field)


def _test(call: Call) -> Node:
    assert call.target is not None  # noqa: S101 -- expand() has seen it
    names = _names(call.arguments[:-1])
    macro = "exists_one" if call.name == "existsOne" else call.name
    return Loop(call.span, macro, call.target, names, None, call.arguments[-1])


def _map_or_filter(call: Call) -> Node:
    assert call.target is not None  # noqa: S101 -- expand() has seen it
    names = _names(call.arguments[:1])
    if call.name == "filter" and len(call.arguments) == _ONE_NAME:
        return Loop(call.span, "filter", call.target, names, call.arguments[1], None)
    if call.name == "filter":
        raise CompileFault("filter() takes a name and a test", call.span.offset, call.span.length)
    test = call.arguments[1] if len(call.arguments) == _TWO_NAMES else None
    return Loop(call.span, "map", call.target, names, test, call.arguments[-1])


def _transform(call: Call) -> Node:
    assert call.target is not None  # noqa: S101 -- expand() has seen it
    names = _names(call.arguments[:2])
    test = call.arguments[2] if len(call.arguments) > _TWO_NAMES else None
    return Loop(call.span, call.name, call.target, names, test, call.arguments[-1])


def _bind(call: Call) -> Node:
    if len(call.arguments) != _TWO_NAMES:
        raise CompileFault("cel.bind() takes a name, a value and a body", call.span.offset, call.span.length)
    return Bind(call.span, "bind", _name(call.arguments[0]), call.arguments[1], call.arguments[2])


def _names(arguments: tuple[Node, ...]) -> tuple[str, ...]:
    names = tuple(_name(argument) for argument in arguments)
    if len(set(names)) < len(names):
        second = arguments[1].span
        raise CompileFault(f"{names[1]!r} is named twice", second.offset, second.length)
    return names


def _name(argument: Node) -> str:
    if isinstance(argument, Name) and not argument.absolute:
        return argument.name
    raise CompileFault("expected a simple name", argument.span.offset, argument.span.length)
