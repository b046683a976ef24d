"""One Python module built out of many expressions, and the way back from a fault to its place."""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Any

from bridge.rules.cel import access, arithmetic, flow, pyast, relations
from bridge.rules.cel.codegen import BUDGET, Generator
from bridge.rules.cel.environment import Environment, LocalLike, local, python_name
from bridge.rules.cel.faults import EvalFault
from bridge.rules.cel.functions.guards import bind
from bridge.rules.cel.functions.guards import guarded as guard
from bridge.rules.cel.functions.lists import sort_by
from bridge.rules.cel.functions.table import Overload
from bridge.rules.cel.limits import Budget, Limits
from bridge.rules.cel.parser import parse
from bridge.rules.cel.resolve import resolve
from bridge.rules.cel.tree import Index, Literal, Node, Select, walk
from bridge.rules.cel.values import kind_of_class, no_field

# Far from the lines of what the caller composes, which it may have parsed out of a template.
_FIRST_LINE = 100_000
_PLACED = (ast.stmt, ast.expr, ast.arg, ast.keyword, ast.alias, ast.excepthandler)
_NO_LOCALS: Mapping[str, LocalLike] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a unit: the expression's index and the 0-based character in its text."""

    index: int
    offset: int


@dataclass(frozen=True, slots=True)
class Compiled:
    """An expression of a unit.

    Args:
        node: the Python expression; splice it in once.
        index: the expression's number in the unit.
        checked: the tree with all names resolved.
        type: the static type, ``dyn`` when only run time knows it.
        text: the expression.
        fast: the fast shape where it differs: the value, or a fault out of ``FAULTS``; then ``node`` knows.
    """

    node: ast.expr
    index: int
    checked: Node
    type: str
    text: str
    fast: ast.expr | None = None

    def assign(self, target: str) -> list[ast.stmt]:
        """Statements that compute the expression into the Python local ``target``."""
        return [ast.Assign([ast.Name(target, ast.Store())], self.node)]


class Unit:
    """Compiles expressions and builds the function that they are composed into.

    Args:
        environment: what the expressions may name.
        filename: names the generated code in tracebacks; one unit, one name.
        limits: bounds on text, nesting and results.
    """

    def __init__(self, environment: Environment, *, filename: str, limits: Limits | None = None) -> None:
        self.environment = environment
        self.filename = filename
        self.limits = limits or Limits()
        self.limit = self.limits.string_bytes
        self._globals: dict[str, Any] = {"__builtins__": {}}
        self._bases: list[int] = []
        self._texts: list[str] = []
        self._checked: list[Node] = []
        self._functions: dict[tuple[Any, ...], str] = {}

    def expression(
        self,
        text: str,
        *,
        locals: Mapping[str, LocalLike] = _NO_LOCALS,  # noqa: A002
        checked: bool = True,
    ) -> Compiled:
        """Compile one expression.

        Args:
            text: the expression.
            locals: extra names of it: the Python local that holds the value, a factory of the Python
                expression to splice in at every use, or a ``Local``.
            checked: refuse what is unknown; without it, that is a fault where and when it is evaluated.

        Returns:
            The compiled expression.

        Raises:
            CompileFault: it must not run.
        """
        resolved = resolve(parse(text, self.limits), self.environment, locals, checked=checked)
        base = self._bases[-1] + len(self._texts[-1]) + 1 if self._bases else _FIRST_LINE
        names = {name: local(value) for name, value in locals.items()}
        exact = Generator(self.environment, self, names, base)
        code = exact.generate(resolved)
        short = Generator(self.environment, self, names, base, fast=True) if exact.absorbs else None
        fast = short.generate(resolved).node if short else None
        self._bases.append(base)
        self._texts.append(text)
        self._checked.append(resolved)
        return Compiled(code.node, len(self._bases) - 1, resolved, code.type, text, fast)

    def shaped(self, compiled: Compiled) -> ast.expr:
        """The expression in both its shapes, the fast one first; splice it in once, and ``node`` nowhere."""
        if compiled.fast is None:
            return compiled.node
        shapes = (pyast.function([], pyast.copied(one)) for one in (compiled.fast, compiled.node))
        made = pyast.call(self.helper("shaped"), *shapes, pyast.name(BUDGET))
        return ast.fix_missing_locations(ast.copy_location(made, compiled.node))

    def constant(self, value: object) -> ast.expr:
        """A run-time constant, such as a callable or a map, as a global of the unit."""
        name = f"c{len(self._globals)}"
        self._globals[name] = value
        return pyast.name(name)

    def helper(self, name: str) -> ast.expr:
        """One of the language's own operators, for generated code."""
        self._globals[f"r_{name}"] = _HELPERS[name]
        return pyast.name(f"r_{name}")

    def function(self, name: str, overloads: tuple[Overload, ...], *, guarded: bool) -> ast.expr:
        """A function of the table, for generated code; ``guarded`` tests the kinds of its arguments."""
        key = (name, *map(id, overloads), guarded)
        if key not in self._functions:
            made = f"f{len(self._functions)}"
            self._functions[key] = made
            self._globals[made] = (
                guard(name, overloads, self.limit) if guarded else bind(overloads[0], self.limit)
            )
        return pyast.name(self._functions[key])

    def build(self, function: ast.FunctionDef) -> Callable[..., Any]:
        """Compile the function that the caller composed.

        Args:
            function: a definition whose parameters are ``python_name(variable)`` for every variable that
                its expressions use, and ``BUDGET`` for a fresh ``Budget`` per call. Its own line
                numbers, where it has any, are below 100,000.

        Returns:
            The Python function.
        """
        if not hasattr(function, "lineno"):
            _fill_lines(function)
        module = ast.Module([function], [])
        scope = self._globals
        exec(compile(module, self.filename, "exec"), scope)  # noqa: S102 -- our own nodes, never source text
        built: Callable[..., Any] = scope[function.name]
        return built

    def locate(self, exc: BaseException) -> Location | None:
        """The place of the innermost generated frame that ``exc`` went through."""
        line = self._line(exc.__traceback__)
        index = bisect_right(self._bases, line) - 1
        return Location(index, line - self._bases[index]) if index >= 0 else None

    def _line(self, trace: TracebackType | None) -> int:
        line = 0
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == self.filename:
                line = trace.tb_lineno
            trace = trace.tb_next
        return line

    def fault(self, exc: BaseException) -> EvalFault | None:
        """Translate what a built function raised.

        Args:
            exc: the exception.

        Returns:
            The fault of the expression; None for an exception that is a defect of the program.
        """
        if isinstance(exc, EvalFault):
            return exc
        if isinstance(exc, RecursionError):
            return EvalFault("value is nested too deep", "budget")
        if not self.raised_here(exc) or self.locate(exc) is None:
            return None
        if isinstance(exc, KeyError):
            return EvalFault(f"no such key {exc.args[0]!r}", "missing")
        return no_field(self._field(exc), _subscripted(exc)) if isinstance(exc, TypeError) else None

    def _field(self, exc: BaseException) -> str:
        """The field that the faulty selection names."""
        place = self.locate(exc)
        if place is None:
            return ""
        for node in walk(self._checked[place.index]):
            if isinstance(node, Select) and node.span.offset == place.offset:
                return node.field
            if isinstance(node, Index) and node.span.offset == place.offset:
                return str(node.key.value) if isinstance(node.key, Literal) else ""
        return ""

    def raised_here(self, exc: BaseException) -> bool:
        """Whether it comes out of the built code itself, or of what C did for it."""
        trace = exc.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        return trace is not None and trace.tb_frame.f_code.co_filename == self.filename


def _subscripted(exc: TypeError) -> str:
    """The kind of what Python could not subscript by a text, out of its message."""
    name = str(exc).replace("'", "").split()[0]
    return kind_of_class({"string": "str", "byte": "bytes"}.get(name, name))


def _fill_lines(node: ast.AST) -> None:
    """Give the caller's own nodes line 1, which is no expression's; expressions keep theirs."""
    for inner in pyast.walk(node):
        if isinstance(inner, _PLACED) and not hasattr(inner, "lineno"):
            inner.lineno = inner.end_lineno = 1
            inner.col_offset = inner.end_col_offset = 0


_HELPERS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        *(arithmetic.add, arithmetic.sub, arithmetic.mul, arithmetic.div, arithmetic.mod, arithmetic.neg),
        *(
            relations.eq,
            relations.ne,
            relations.lt,
            relations.le,
            relations.gt,
            relations.ge,
            relations.contains,
        ),
        *(
            access.index,
            access.opt_index,
            access.opt_select,
            access.field_or,
            access.has,
            access.unselectable,
            access.or_value,
        ),
        *(access.or_value_lazy, access.or_optional, access.opt_map, access.opt_flat_map),
        *(access.make_list, access.make_map),
        *(flow.truth, flow.both, flow.either, flow.loop, flow.loop_pairs, flow.every, flow.some),
        *(flow.single, flow.merged, flow.weigh, flow.shaped, flow.unbound, sort_by),
    )
} | {"all": all, "exists": any}


def evaluate(
    text: str,
    bindings: Mapping[str, object] = MappingProxyType({}),
    environment: Environment | None = None,
    *,
    checked: bool = True,
    exact: bool = True,
) -> object:
    """Compile and run one expression.

    Args:
        text: the expression.
        bindings: the values of its variables.
        environment: what it may name; by default the names of ``bindings`` and the standard functions.
        checked: refuse what is unknown; without it, that is a fault where and when it is evaluated.
        exact: run the exact shape alone; else the fast one, and the exact one where that faults.

    Returns:
        The value.

    Raises:
        CompileFault: it must not run.
        EvalFault: it has no value for these bindings.
    """
    unit = Unit(environment or Environment(bindings), filename="<expression>")
    compiled = unit.expression(text, checked=checked)
    node = compiled.node if exact else unit.shaped(compiled)
    run = unit.build(single_function([python_name(name) for name in bindings], node))
    try:
        return run(*bindings.values(), Budget(unit.limits.steps))
    except Exception as exc:
        fault = unit.fault(exc)
        if fault is None or fault is exc:
            raise
        raise fault from exc


def single_function(parameters: list[str], body: ast.expr) -> ast.FunctionDef:
    """``def run(parameters, b_budget): return body``."""
    arguments = ast.arguments([], [ast.arg(one) for one in (*parameters, BUDGET)], None, [], [], None, [])
    return ast.FunctionDef("run", arguments, [ast.Return(body)], [], None)
