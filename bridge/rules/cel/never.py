"""Conditions that can never be true, as far as constants and literals alone prove it.

Sound, not complete: ``x == 'a' && x == 'b'`` is found, whatever ``x`` is, as long as it is written the
same way; nothing is concluded from data. An expression has no side effects, so equal text is equal value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, TypeAlias

from bridge.rules.cel import tree
from bridge.rules.cel.functions.table import Function
from bridge.rules.cel.tree import Node

Lets: TypeAlias = Mapping[str, Node]
_NO_LETS: Lets = MappingProxyType({})
_Value: TypeAlias = tuple[str, Any]
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_OPPOSITE = {"==": "!=", "!=": "=="}
_TRUE: _Value = ("bool", True)


def never(node: Node, lets: Lets = _NO_LETS) -> Node | None:
    """The part that keeps a condition from ever being true, or None when nothing proves it.

    Args:
        node: a resolved condition.
        lets: the resolved trees of the lets that it may name.
    """
    return _Judge(lets).never(node)


def same(node: Node) -> object:
    """A key that two nodes share when they say the same, wherever they stand."""
    return tuple(_part(getattr(node, one.name)) for one in fields(node) if one.name != "span"), type(node)


def _part(value: Any) -> object:
    if isinstance(value, tuple):
        return tuple(_part(one) for one in value)
    if isinstance(value, tree.Item | tree.Entry) or hasattr(value, "span"):
        return same(value)
    if isinstance(value, Function):
        return (value.name, value.receiver)
    return (value.__class__, repr(value))


class _Judge:
    """Judges one condition; each let is looked into once, however often it is named."""

    def __init__(self, lets: Lets) -> None:
        self._lets = lets
        self._dead: dict[str, bool] = {}

    def never(self, node: Node) -> Node | None:
        """The part that keeps ``node`` from being true."""
        match node:
            case tree.Literal(value=value):
                return node if value is False else None
            case tree.Unary(operator="!", operand=tree.Literal(value=True)):
                return node
            case tree.Name(name=name):
                return node if self._is_dead(name) else None
            case tree.Logic(operator="||", operands=operands):
                return node if all(self.never(one) is not None for one in operands) else None
            case tree.Logic(operator="&&"):
                return self._never_all(node)
            case tree.Conditional(yes=yes, no=no):
                return node if self.never(yes) is not None and self.never(no) is not None else None
            case tree.Binary():
                return node if _false(node) else None
            case _:
                return None

    def _is_dead(self, let: str) -> bool:
        if let not in self._lets:
            return False
        if let not in self._dead:
            self._dead[let] = False
            self._dead[let] = self.never(self._lets[let]) is not None
        return self._dead[let]

    def _never_all(self, node: Node) -> Node | None:
        known: dict[object, _Known] = {}
        for one in self._conjuncts(node, set()):
            if (found := self.never(one)) is not None:
                return found
            for subject, operator, values in _facts(one):
                if not known.setdefault(subject, _Known()).learn(operator, values):
                    return one
        return None

    def _conjuncts(self, node: Node, seen: set[str]) -> Iterator[Node]:
        """What must all be true; a let that is named alone is looked into."""
        if isinstance(node, tree.Logic) and node.operator == "&&":
            for operand in node.operands:
                yield from self._conjuncts(operand, seen)
            return
        yield node
        if isinstance(node, tree.Name) and node.name not in seen and node.name in self._lets:
            seen.add(node.name)
            yield from self._conjuncts(self._lets[node.name], seen)


_Fact: TypeAlias = tuple[object, str, frozenset[_Value]]


def _facts(node: Node, *, negated: bool = False) -> Iterator[_Fact]:
    """What follows for a subject when ``node`` is true (or, ``negated``, false)."""
    match node:
        case tree.Unary(operator="!", operand=operand):
            yield from _facts(operand, negated=not negated)
        case tree.Binary(operator=operator, left=left, right=right):
            yield from _relation(operator, left, right, negated=negated)
        case tree.Logic(operator="||", operands=operands) if not negated:
            yield from _alternatives(operands)
        case _:
            yield same(node), "!=" if negated else "==", frozenset({_TRUE})


def _relation(operator: str, left: Node, right: Node, *, negated: bool) -> Iterator[_Fact]:
    if operator == "in":
        values = _listed(right)
        if values is not None and not isinstance(left, tree.Literal):
            yield same(left), "!=" if negated else "==", values
        return
    if isinstance(left, tree.Literal):
        left, right, operator = right, left, _FLIPPED.get(operator, "")
    value = _literal(right)
    operator = _OPPOSITE.get(operator, "") if negated else operator
    if value is not None and operator in _FLIPPED and not isinstance(left, tree.Literal):
        yield same(left), operator, frozenset({value})


def _alternatives(operands: tuple[Node, ...]) -> Iterator[_Fact]:
    """``x == 1 || x == 2`` leaves two values, when every alternative is about the same subject."""
    found = [list(_facts(one)) for one in operands]
    subjects = {fact[0] for facts in found for fact in facts}
    if len(subjects) == 1 and all(len(facts) == 1 and facts[0][1] == "==" for facts in found):
        yield subjects.pop(), "==", frozenset(value for facts in found for value in facts[0][2])


@dataclass(slots=True)
class _Known:
    """What is known of one subject: the values left, those excluded, and bounds of numbers."""

    allowed: frozenset[_Value] | None = None
    excluded: set[_Value] = field(default_factory=set)
    bounds: list[tuple[str, Any]] = field(default_factory=list)

    def learn(self, operator: str, values: frozenset[_Value]) -> bool:
        """Add a fact; False when no value is left."""
        if operator == "==":
            self.allowed = values if self.allowed is None else self.allowed & values
        elif operator == "!=":
            self.excluded |= values
        else:
            ((kind, bound),) = values
            if kind != "number":
                return True
            self.bounds.append((operator, bound))
        return self._possible()

    def _possible(self) -> bool:
        if self.allowed is not None:
            left = (value for value in self.allowed if value not in self.excluded)
            return any(self._inside(*value) for value in left)
        lows = [bound for operator, bound in self.bounds if operator[0] == ">"]
        highs = [bound for operator, bound in self.bounds if operator[0] == "<"]
        if not lows or not highs or max(lows) < min(highs):
            return True
        strict = (">", max(lows)) in self.bounds or ("<", min(highs)) in self.bounds
        return max(lows) == min(highs) and not strict

    def _inside(self, kind: str, value: Any) -> bool:
        if not self.bounds:
            return True
        return kind == "number" and all(_holds(operator, value, bound) for operator, bound in self.bounds)


def _literal(node: Node) -> _Value | None:
    """The value of a literal, equal exactly when the language says so: 1 is 1.0, but no true."""
    if not isinstance(node, tree.Literal):
        return None
    value = node.value
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, int | float):
        return ("number", value)
    return (type(value).__name__, value) if isinstance(value, str | bytes | None) else None


def _listed(node: Node) -> frozenset[_Value] | None:
    if not isinstance(node, tree.ListOf) or any(item.optional for item in node.items):
        return None
    values = [_literal(item.value) for item in node.items]
    return None if None in values else frozenset(value for value in values if value is not None)


def _false(node: tree.Binary) -> bool:
    """Whether a relation between literals is false."""
    if node.operator == "in":
        return _listed(node.right) == frozenset()
    left, right = _literal(node.left), _literal(node.right)
    if left is None or right is None:
        return False
    if node.operator in _OPPOSITE:
        return (left == right) is (node.operator == "!=")
    if node.operator not in _FLIPPED or left[0] != right[0] or left[0] == "NoneType":
        return False
    return not _holds(node.operator, left[1], right[1])


def _holds(operator: str, left: Any, right: Any) -> bool:
    match operator:
        case "<":
            return bool(left < right)
        case "<=":
            return bool(left <= right)
        case ">":
            return bool(left > right)
        case _:
            return bool(left >= right)
