"""The escape audit: what generated code may consist of, as closed lists, judged from the outside.

It looks at three things: the tree that is handed to Python's compiler, the bytecode that comes back, and
the globals that the code can reach. What is on no list is an escape.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator, Mapping
from datetime import tzinfo
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any

from bridge.rules.turn import encode

NODES = frozenset(
    {"Module", "FunctionDef", "arguments", "arg", "Return", "Assign", "If", "For", "Try", "ExceptHandler"}
    | {"Raise", "Nonlocal", "Expr", "Pass", "Name", "Load", "Store", "Constant", "Call", "Lambda", "IfExp"}
    | {"BoolOp", "And", "Or", "UnaryOp", "Not", "Compare", "Lt", "LtE", "Gt", "GtE", "Eq", "NotEq", "In"}
    | {
        "Is",
        "IsNot",
        "Subscript",
        "List",
        "Tuple",
        "Dict",
        "ListComp",
        "DictComp",
        "GeneratorExp",
        "comprehension",
    }
    | {"Starred", "Attribute", "AugAssign", "Add"}
)
ATTRIBUTES = frozenset(
    {"turn.scope", "turn.meta", "value.__class__", "scope.event", "scope.before"}
    | {"scope.op", "scope.source", "scope.cloudevent"}
)
SCAFFOLD = frozenset(
    {
        "rule",
        "run",
        "accepts",
        "turn",
        "scope",
        "parts",
        "before",
        "user_id",
        "anonymous_id",
        "value",
        "stamp",
        "time_ms",
        "elements",
    }
    | {"fault", "b_budget", "x_item", "x_index"}
)
# c0: a constant, f0: a function, r_add: an operator, v_event: a variable, l_x and f_l_x: a let, x0_x: a loop.
PREFIXED = re.compile(
    r"c\d+|f\d+|r_[a-z_]+|v_[A-Za-z_][A-Za-z0-9_]*|(?:[ef]_)?l_[A-Za-z_][A-Za-z0-9_]*|x\d+(?:_[A-Za-z0-9_]+)?",
    re.ASCII,
)
CALLED_ATTRIBUTES = frozenset(one.split(".")[1] for one in ATTRIBUTES)
_BUILTINS: tuple[object, ...] = (str, len, enumerate, Exception, any, all, encode)
_PLAIN = (str, int, float, bool, bytes, type(None), tzinfo)
# Methods of str that stand in the function table as they are.
_METHODS = (str.__contains__, str.startswith, str.endswith, str.find, str.rfind)


def escapes_of_tree(root: ast.AST) -> Iterator[str]:
    """What the tree says beyond the lists."""
    for node in ast.walk(root):
        kind = type(node).__name__
        if kind not in NODES:
            yield f"node {kind}"
        elif isinstance(node, ast.Attribute) and _attribute(node) not in ATTRIBUTES:
            yield f"attribute {ast.unparse(node)[:80]}"
        elif isinstance(node, ast.AugAssign) and ast.unparse(node.target) != "parts":
            yield f"assignment to {ast.unparse(node.target)[:80]}"
        for name in _names(node):
            if name not in SCAFFOLD and not PREFIXED.fullmatch(name):
                yield f"name {name[:80]!r}"


def _attribute(node: ast.Attribute) -> str:
    match node.value:
        case ast.Name(id=name):
            return f"{name}.{node.attr}"
        case ast.Attribute(value=ast.Name(id="turn"), attr=name):
            return f"{name}.{node.attr}"
    return "?"


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name) | ast.arg(arg=name) | ast.FunctionDef(name=name):
            yield name
        case ast.ExceptHandler(name=str(name)):
            yield name
        case ast.Nonlocal(names=names):
            yield from names
        case ast.Call(keywords=keywords) if keywords:
            yield "a keyword argument"
        case ast.Constant(kind=str()):
            yield "a constant with a prefix"


def escapes_of_code(code: CodeType) -> Iterator[str]:
    """What the bytecode names beyond the lists; nested code is looked into."""
    for name in code.co_names:
        if name not in CALLED_ATTRIBUTES and name not in SCAFFOLD and not PREFIXED.fullmatch(name):
            yield f"bytecode names {name[:80]!r}"
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from escapes_of_code(constant)


def escapes_of_globals(scope: Mapping[str, Any]) -> Iterator[str]:
    """What generated code can reach beyond our own callables and plain constants."""
    if scope.get("__builtins__") != {}:
        yield "builtins are not empty"
    for name, value in scope.items():
        if name in {"__builtins__", "rule", "run", "accepts"}:
            continue
        if not PREFIXED.fullmatch(name) or not _is_ours(value):
            yield f"global {name} is {type(value).__name__}"


def _is_ours(value: object) -> bool:
    if isinstance(value, partial):
        return _is_ours(value.func) and all(map(_is_ours, (*value.args, *value.keywords.values())))
    if isinstance(value, FunctionType | MethodType) or (
        isinstance(value, type) and value not in (*_BUILTINS, object)
    ):
        return str(value.__module__).startswith(("bridge.rules", "bridge.config", "builtins")) or (
            isinstance(value, type) and issubclass(value, Exception)
        )
    if isinstance(value, dict):
        return all(isinstance(key, str | int) and _is_ours(item) for key, item in value.items())
    if isinstance(value, list | tuple | frozenset):
        return all(map(_is_ours, value))
    return (
        isinstance(value, _PLAIN)
        or type(value) is object
        or any(value is one for one in (*_BUILTINS, *_METHODS))
        or type(value).__module__.startswith("bridge.rules.cel")
        or getattr(value, "__module__", "") in {"math", "_operator"}
        or _is_method_of_int(value)
    )


def _is_method_of_int(value: object) -> bool:
    return getattr(value, "__objclass__", None) in {int, str} or getattr(value, "__self__", None) is math
