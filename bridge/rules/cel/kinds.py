"""The kinds of value that an expression may have, as far as its text alone proves them.

More exact than the code generator's single static type: ``a ? 1 : 'x'`` is int or string here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from types import MappingProxyType
from typing import TypeAlias

from bridge.rules.cel import tree
from bridge.rules.cel.functions.table import Overload
from bridge.rules.cel.static import NUMBERS, arithmetic_type
from bridge.rules.cel.tree import Node
from bridge.rules.cel.values import kind_of

Kinds: TypeAlias = frozenset[str]
KindsOf: TypeAlias = Mapping[str, Kinds]

ANY: Kinds = frozenset({"dyn"})
_BOOL: Kinds = frozenset({"bool"})
_OPTIONAL: Kinds = frozenset({"optional"})
_NO_NAMES: KindsOf = MappingProxyType({})
_ARITHMETIC = frozenset("+-*/%")
_ORDERED = frozenset({"<", "<=", ">", ">="})
_COMPARABLE = frozenset({"bool", "string", "bytes", "timestamp", "duration"})
_LOOPS = {"all": "bool", "exists": "bool", "exists_one": "bool", "transformMap": "map"}
_LOOPS["transformMapEntry"] = "map"
# What the operator with a number, text or list on one side gives, whatever stands on the other.
_WITH_UNKNOWN = {
    "int": frozenset({"int", "double"}),
    "uint": frozenset({"uint", "double"}),
    "double": frozenset({"double"}),
}
_JOINED = frozenset({"string", "bytes", "list"})
_UNCOUNTED = frozenset({"bool", "null", "map", "optional", "type"})
_CLASHING = NUMBERS | _JOINED | _UNCOUNTED
_EQUALITY = frozenset({"==", "!="})


def certain(kinds: Kinds) -> bool:
    """Whether nothing else can come out."""
    return "dyn" not in kinds


def kinds(node: Node, names: KindsOf = _NO_NAMES) -> Kinds:
    """What may come out of ``node``; ``dyn`` stands for what only run time knows.

    Args:
        node: of a resolved tree.
        names: the kinds of lets and loop names, where they are known.
    """
    match node:
        case tree.Literal(value=value):
            return frozenset({kind_of(value)})
        case tree.Name(name=name):
            return names.get(name, ANY)
        case tree.Select() | tree.Index():
            return _field(node, names)
        case tree.Has() | tree.Logic() | tree.Unary(operator="!"):
            return _BOOL
        case tree.Unary(operand=operand):
            return kinds(operand, names) & NUMBERS or ANY
        case tree.Binary():
            return _binary(node, names)
        case tree.Conditional(yes=yes, no=no):
            return kinds(yes, names) | kinds(no, names)
        case tree.Call(name=name, arguments=arguments):
            return _OPTIONAL if name == "or" else ANY | kinds(arguments[0], names)
        case _:
            return _compound(node, names)


def _compound(node: Node, names: KindsOf) -> Kinds:
    match node:
        case tree.ListOf():
            return frozenset({"list"})
        case tree.MapOf():
            return frozenset({"map"})
        case tree.Loop(macro=macro):
            return frozenset({_LOOPS.get(macro, "list")})
        case tree.Bind(macro="bind", name=name, value=value, body=body):
            return kinds(body, {**names, name: kinds(value, names)})
        case tree.Bind():
            return _OPTIONAL
        case tree.Invoke():
            fitting = fitting_overloads(node, names) or node.function.taking(len(node.arguments))
            return frozenset(kind for one in fitting for kind in one.result.split("|"))
        case _:
            return ANY


def fitting_overloads(node: tree.Invoke, names: KindsOf = _NO_NAMES) -> tuple[Overload, ...]:
    """The signatures that the arguments leave possible; none: the call can never work."""
    given = [kinds(argument, names) for argument in node.arguments]
    return tuple(one for one in node.function.taking(len(given)) if _takes(one, given))


def _takes(overload: Overload, given: list[Kinds]) -> bool:
    if overload.variadic:
        return True
    pairs = zip(overload.parameters, given, strict=True)
    return all("dyn" in (wanted, *got) or not got.isdisjoint(wanted.split("|")) for wanted, got in pairs)


def clash(node: tree.Binary, names: KindsOf = _NO_NAMES) -> tuple[Kinds, Kinds] | None:
    """The kinds of both sides when the operator can never work on them."""
    left, right = kinds(node.left, names), kinds(node.right, names)
    works = _works if node.operator in _ARITHMETIC else _ordered if node.operator in _ORDERED else None
    if works is None or any(works(node.operator, one, other) for one, other in product(left, right)):
        return None
    return left, right


def never_equal(node: tree.Binary, names: KindsOf = _NO_NAMES) -> tuple[Kinds, Kinds] | None:
    """The kinds of both sides when no value of one equals any of the other."""
    left, right = kinds(node.left, names), kinds(node.right, names)
    if node.operator == "in" and isinstance(node.right, tree.ListOf) and node.right.items:
        right = frozenset(kind for item in node.right.items for kind in kinds(item.value, names))
    elif node.operator not in _EQUALITY:
        return None
    both = left | right
    apart = "dyn" not in both and left.isdisjoint(right) and not (left & NUMBERS and right & NUMBERS)
    return (left, right) if apart else None


def _works(operator: str, left: str, right: str) -> bool:
    if "dyn" in (left, right):
        other = right if left == "dyn" else left
        return other not in _UNCOUNTED and (operator == "+" or other not in _JOINED)
    if left not in _CLASHING or right not in _CLASHING:
        return not {left, right} & _UNCOUNTED
    if operator == "+" and left == right and left in _JOINED:
        return True
    mixed = {left, right} == {"int", "double"} and operator != "%"
    return left in NUMBERS and (mixed or (left == right and (operator != "%" or left != "double")))


def _ordered(_: str, left: str, right: str) -> bool:
    if "dyn" in (left, right):
        return (right if left == "dyn" else left) in _COMPARABLE | NUMBERS | {"dyn"}
    return (left in NUMBERS and right in NUMBERS) or (left == right and left in _COMPARABLE)


def _field(node: tree.Select | tree.Index, names: KindsOf) -> Kinds:
    if node.optional:
        return _OPTIONAL
    through = isinstance(node, tree.Select) and kinds(node.operand, names) == _OPTIONAL
    return _OPTIONAL if through else ANY


def _binary(node: tree.Binary, names: KindsOf) -> Kinds:
    if node.operator not in _ARITHMETIC:
        return _BOOL
    left, right = kinds(node.left, names), kinds(node.right, names)
    results = [_arithmetic(node.operator, one, other) for one, other in product(left, right)]
    return frozenset(kind for result in results for kind in result)


def _arithmetic(operator: str, left: str, right: str) -> Kinds:
    if "dyn" not in (left, right):
        return frozenset({arithmetic_type(left, right)})
    known = right if left == "dyn" else left
    if known in _JOINED and operator == "+":
        return frozenset({known})
    return _WITH_UNKNOWN.get(known, ANY)


def outcomes(node: Node) -> Iterator[Node]:
    """The parts of an expression that its value may be: both branches, the alternative of ``orValue``."""
    match node:
        case tree.Conditional(yes=yes, no=no):
            yield from outcomes(yes)
            yield from outcomes(no)
        case tree.Call(name="orValue", arguments=(other,)):
            yield from outcomes(other)
        case _:
            yield node
