"""Python statements from a few lines of source with holes: how the scaffolding of a rule is written.

User text never becomes source: it enters through holes, as nodes made by the expression compiler or as
constants.
"""

from __future__ import annotations

import ast
from copy import deepcopy
from functools import lru_cache
from textwrap import dedent


def snippet(source: str, at: ast.AST, **holes: ast.expr) -> list[ast.stmt]:
    """The statements of ``source``, each name that is a hole replaced.

    Args:
        source: Python statements.
        at: every node gets its line, so that a fault is told where this node stands.
        holes: upper-case names → what stands for them; those that have lines keep them.
    """
    statements = deepcopy(list(_parsed(dedent(source))))
    for statement in statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.expr | ast.stmt | ast.excepthandler):
                ast.copy_location(node, at)
    fill = _Fill(holes)
    return [fill.visit(statement) for statement in statements]


def constant(value: str | float | None, at: ast.AST) -> ast.expr:
    """A literal."""
    return ast.copy_location(ast.Constant(value), at)


@lru_cache(maxsize=128)
def _parsed(source: str) -> tuple[ast.stmt, ...]:
    return tuple(ast.parse(source).body)


class _Fill(ast.NodeTransformer):
    def __init__(self, holes: dict[str, ast.expr]) -> None:
        self._holes = holes

    def visit_Name(self, node: ast.Name) -> ast.expr:
        hole = self._holes.get(node.id)
        if hole is None:
            return node
        if hasattr(hole, "lineno"):
            return hole
        return ast.fix_missing_locations(ast.copy_location(deepcopy(hole), node))
