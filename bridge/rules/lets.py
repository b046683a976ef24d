"""Lets in generated code: computed at their first use, at most once for each record.

Where the first use is certain to run, the let is computed in a statement before it. Where it may not run
(behind ``&&``, ``?:``, in a loop, under a default), a nested function computes it when it is asked for.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from copy import deepcopy

from bridge.rules.cel import pyast
from bridge.rules.snippets import snippet

_LOOPS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)

UNSET = object()
"""Stands in a let's variable until it is computed; a let's value may be null."""


def variable(name: str) -> str:
    """The Python local that holds a let."""
    return f"l_{name}"


class Lets:
    """The lets of one rule while its function is put together, in the order it will run.

    Args:
        nodes: name → compiled expression, in file order; uses of lets in it are plain variables.
        unset: the expression that gives ``UNSET`` in generated code.
        exception: the one that gives ``Exception``.
    """

    def __init__(self, nodes: dict[str, ast.expr], unset: ast.expr, exception: ast.expr) -> None:
        self._nodes = {variable(name): node for name, node in nodes.items()}
        self._unset = unset
        self._exception = exception
        self._computed: set[str] = set()
        self._lazy: dict[str, None] = {}

    def ready(self, node: ast.expr, *, certain: bool = True) -> tuple[list[ast.stmt], ast.expr]:
        """Make an expression's lets available.

        Args:
            node: a compiled expression; it is not changed.
            certain: it stands where it runs exactly once whenever the function comes so far.

        Returns:
            Statements to run before, and the expression to use instead.
        """
        before: list[ast.stmt] = []
        if certain:
            for name in unconditional(node):
                before += self._compute(name)
        return before, self._lazily(node, self._computed)

    def in_use(self, nodes: Iterable[ast.AST]) -> bool:
        """Whether any let is named in them, computed or to be computed."""
        known = {*self._nodes, *map(_function_name, self._nodes)}
        return any(name in known for node in nodes for name in _names(node))

    def prologue(self, at: ast.AST) -> list[ast.stmt]:
        """What the function begins with; ask when everything else is put together."""
        statements: list[ast.stmt] = []
        for name in self._lazy:
            statements += snippet(f"{name} = e_{name} = UNSET", at, UNSET=self._unset)
        for name in self._lazy:
            statements.append(self._function(name))
        return statements

    def _compute(self, name: str) -> list[ast.stmt]:
        if name not in self._nodes or name in self._computed:
            return []
        guarded = name in self._lazy
        before, node = self.ready(self._nodes[name])
        target = ast.copy_location(ast.Name(name, ast.Store()), node)
        assign: ast.stmt = ast.copy_location(ast.Assign([target], node), node)
        self._computed.add(name)
        if not guarded:
            return [*before, assign]
        test = ast.Compare(ast.Name(name, ast.Load()), [ast.Is()], [self._unset])
        return [*before, ast.fix_missing_locations(ast.copy_location(ast.If(test, [assign], []), node))]

    def _lazily(self, node: ast.expr, computed: set[str]) -> ast.expr:
        missing = {name for name in _names(node) if name in self._nodes and name not in computed}
        for name in missing:
            self._mark_lazy(name)
        if not missing:
            return node
        return _Lazily(missing, self._unset).visit(deepcopy(node))  # type: ignore[no-any-return]

    def _mark_lazy(self, name: str) -> None:
        """A nested function asks for its own lets lazily too, whatever was computed by then."""
        if name not in self._lazy:
            self._lazy[name] = None
            for used in _names(self._nodes[name]):
                if used in self._nodes:
                    self._mark_lazy(used)

    def _function(self, name: str) -> ast.stmt:
        node = self._nodes[name]
        source = f"""
            def {_function_name(name)}():
                nonlocal {name}, e_{name}
                if e_{name} is not UNSET:
                    raise e_{name}
                try:
                    {name} = VALUE
                except EXCEPTION as fault:
                    e_{name} = fault
                    raise
                return {name}
        """
        value, unset, exception = self._lazily(node, set()), self._unset, self._exception
        return snippet(source, node, VALUE=value, UNSET=unset, EXCEPTION=exception)[0]


class _Lazily(ast.NodeTransformer):
    def __init__(self, names: set[str], unset: ast.expr) -> None:
        self._names = names
        self._unset = unset

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self._names:
            return node
        test = ast.Compare(ast.Name(node.id, ast.Load()), [ast.IsNot()], [deepcopy(self._unset)])
        call = ast.Call(ast.Name(_function_name(node.id), ast.Load()), [], [])
        lazily = ast.IfExp(test, ast.Name(node.id, ast.Load()), call)
        for part in pyast.walk(lazily):
            if isinstance(part, ast.expr):
                ast.copy_location(part, node)
        return lazily


def _function_name(variable_name: str) -> str:
    return f"f_{variable_name}"


def _names(node: ast.AST) -> Iterator[str]:
    return (part.id for part in pyast.walk(node) if isinstance(part, ast.Name))


def unconditional(node: ast.AST) -> Iterator[str]:
    """The names that are certainly read when ``node`` runs, in order; a name may come twice."""
    if isinstance(node, ast.Name):
        yield node.id
    for part in _certain_parts(node):
        yield from unconditional(part)


def _certain_parts(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Lambda):
        return iter(())
    if isinstance(node, ast.IfExp):
        return iter((node.test,))
    if isinstance(node, ast.BoolOp):
        return iter(node.values[:1])
    if isinstance(node, ast.Compare):
        return iter((node.left, *node.comparators[:1]))
    if isinstance(node, _LOOPS):
        return iter((node.generators[0].iter,))
    return ast.iter_child_nodes(node)
