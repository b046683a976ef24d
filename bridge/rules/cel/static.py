"""What is known of an expression before it runs: static types, and what they prove."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.rules.cel import tree
from bridge.rules.cel.functions.table import Overload
from bridge.rules.cel.tree import Node

# Equal in Python exactly when equal in the language, whatever the other side is.
_SELF_EQUAL = frozenset({"string", "bytes", "null", "timestamp", "duration"})
NUMBERS = frozenset({"int", "uint", "double"})
_WHOLE = frozenset({"int", "uint"})
_ORDERED = frozenset({"double", "string", "bytes", "timestamp", "duration"})


@dataclass(frozen=True, slots=True)
class Code:
    """Generated code for one node: the Python expression, its static type, and whether it may fault."""

    node: ast.expr
    type: str = "dyn"
    fails: bool = True


def truth_fails(code: Code) -> bool:
    """Whether asking for its truth may fault."""
    return code.fails or code.type != "bool"


def fits(overload: Overload, arguments: Sequence[Code]) -> bool:
    """Whether the static types leave it possible that the overload is the one."""
    if overload.variadic:
        return True
    pairs = zip(overload.parameters, arguments, strict=True)
    return all("dyn" in (kinds, code.type) or code.type in kinds.split("|") for kinds, code in pairs)


def proven(overload: Overload, arguments: Sequence[Code]) -> bool:
    """Whether the static types prove that the arguments fit."""
    if overload.variadic:
        return True
    pairs = zip(overload.parameters, arguments, strict=True)
    return all(kinds == "dyn" or code.type in kinds.split("|") for kinds, code in pairs)


def orders(left: str, right: str) -> bool:
    """Whether the types prove that Python's order is the language's."""
    whole = left in _WHOLE and right in _WHOLE
    return whole or (left == right and left in _ORDERED)


def equals(left: str, right: str) -> bool:
    """Whether the types prove that Python's equality is the language's."""
    return left in _SELF_EQUAL or right in _SELF_EQUAL or (left in NUMBERS and right in NUMBERS)


def arithmetic_type(left: str, right: str) -> str:
    """The type of an arithmetic operator's result."""
    if left == right and left in {*NUMBERS, "string", "bytes", "list", "duration"}:
        return left
    return "double" if {left, right} == {"int", "double"} else "dyn"


def literal_texts(node: Node) -> tuple[str, ...] | None:
    """The elements of a list of text literals."""
    if not isinstance(node, tree.ListOf):
        return None
    values = [item.value.value if isinstance(item.value, tree.Literal) else None for item in node.items]
    texts = tuple(value for value in values if isinstance(value, str))
    return texts if len(texts) == len(values) and not any(item.optional for item in node.items) else None


def distinct_texts(node: tree.MapOf) -> bool:
    """Whether all keys of a map are different text literals."""
    keys = [entry.key.value if isinstance(entry.key, tree.Literal) else None for entry in node.entries]
    return len(set(keys)) == len(keys) and all(isinstance(key, str) for key in keys)


def heavy(overload: Overload) -> bool:
    """Whether its first argument must be weighed."""
    return overload.heavy or (overload.result != "int" and "list" in overload.parameters[:1])
