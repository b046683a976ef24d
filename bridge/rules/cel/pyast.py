"""Python ``ast`` nodes in short."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence


def name(text: str) -> ast.expr:
    """A name that is read."""
    return ast.Name(text, ast.Load())


def call(function: ast.expr, *arguments: ast.expr) -> ast.expr:
    """``function(*arguments)``."""
    return ast.Call(function, list(arguments), [])


def function(parameters: Sequence[str], body: ast.expr) -> ast.expr:
    """``lambda parameters: body``."""
    arguments = ast.arguments([], [ast.arg(one) for one in parameters], None, [], [], None, [])
    return ast.Lambda(arguments, body)


def generated(
    element: ast.expr, names: Sequence[str], source: ast.expr, tests: Iterable[ast.expr] = ()
) -> ast.expr:
    """``[element for names in source if tests]``."""
    return ast.ListComp(element, [_clause(names, source, tests)])


def lazily(element: ast.expr, names: Sequence[str], source: ast.expr) -> ast.expr:
    """``(element for names in source)``."""
    return ast.GeneratorExp(element, [_clause(names, source, ())])


def generated_map(
    key: ast.expr, value: ast.expr, names: Sequence[str], source: ast.expr, tests: Iterable[ast.expr] = ()
) -> ast.expr:
    """``{key: value for names in source if tests}``."""
    return ast.DictComp(key, value, [_clause(names, source, tests)])


def _clause(names: Sequence[str], source: ast.expr, tests: Iterable[ast.expr]) -> ast.comprehension:
    stored: list[ast.expr] = [ast.Name(one, ast.Store()) for one in names]
    target = stored[0] if len(stored) == 1 else ast.Tuple(stored, ast.Store())
    return ast.comprehension(target, source, list(tests), 0)
