"""Python statements from a few lines of source with holes: how the scaffolding of a rule is written.

User text never becomes source: it enters through holes, as nodes made by the expression compiler or as
constants.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import lru_cache
from textwrap import dedent
from typing import Any


def snippet(source: str, at: ast.AST, **holes: ast.expr) -> list[ast.stmt]:
    """The statements of ``source``, each name that is a hole replaced.

    Args:
        source: Python statements.
        at: every node gets its line, so that a fault is told where this node stands.
        holes: upper-case names → what stands for them; those that have lines keep them.
    """
    return [_filled(statement, at, holes) for statement in _parsed(dedent(source))]


def constant(value: str | bytes | float | None, at: ast.AST) -> ast.expr:
    """A literal."""
    return ast.copy_location(ast.Constant(value), at)


@lru_cache(maxsize=128)
def _parsed(source: str) -> tuple[ast.stmt, ...]:
    return tuple(ast.parse(source).body)


def _filled(node: Any, at: ast.AST, holes: Mapping[str, ast.expr]) -> Any:
    """A copy of a template with its holes filled and the place of ``at``; what has a place keeps it.

    Not ``copy.deepcopy``, which took half of the time of compiling.
    """
    if isinstance(node, list):
        return [_filled(item, at, holes) for item in node]
    if not isinstance(node, ast.AST):
        return node
    if isinstance(node, ast.Name) and node.id in holes:
        hole = holes[node.id]
        return hole if hasattr(hole, "lineno") else _placed(hole, at)
    made = node.__class__(**{name: _filled(getattr(node, name), at, holes) for name in node._fields})
    return ast.copy_location(made, at) if isinstance(node, _PLACED) else made


def _placed(node: Any, at: ast.AST) -> Any:
    """A copy in which what has no place has that of ``at``."""
    if isinstance(node, list):
        return [_placed(item, at) for item in node]
    if not isinstance(node, ast.AST):
        return node
    made = node.__class__(**{name: _placed(getattr(node, name, None), at) for name in node._fields})
    return ast.copy_location(made, node if hasattr(node, "lineno") else at)


_PLACED = (ast.expr, ast.stmt, ast.excepthandler)
