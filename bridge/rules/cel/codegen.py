"""A resolved tree to Python ``ast`` nodes, in one of two shapes.

The exact shape has the full meaning of every operator: ``&&``, ``||``, ``all`` and ``exists`` absorb a fault
where another operand decides. The fast shape leaves that to Python's own short circuit: it gives the same
value, or a fault that need not be the expression's own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import singledispatchmethod
from itertools import count
from typing import Protocol

from bridge.rules.cel import pyast, tree
from bridge.rules.cel.environment import Environment, Local, python_name
from bridge.rules.cel.functions.table import Overload
from bridge.rules.cel.static import (
    NUMBERS,
    Code,
    arithmetic_type,
    distinct_texts,
    equals,
    fits,
    heavy,
    literal_texts,
    orders,
    proven,
    truth_fails,
)
from bridge.rules.cel.tree import Node, Span
from bridge.rules.cel.values import kind_of

BUDGET = "b_budget"

_ARITHMETIC = {"+": "add", "-": "sub", "*": "mul", "/": "div", "%": "mod"}
_ORDER = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_PYTHON: dict[str, type[ast.cmpop]] = {
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
    "==": ast.Eq,
    "!=": ast.NotEq,
}
_INLINE_TEXTS = 16


class Globals(Protocol):
    """What generated code may name besides locals."""

    limit: int

    def constant(self, value: object) -> ast.expr:
        """A run-time constant."""

    def helper(self, name: str) -> ast.expr:
        """One of the language's own operators by name."""

    def function(self, name: str, overloads: tuple[Overload, ...], *, guarded: bool) -> ast.expr:
        """A function of the table."""


class Generator:
    """Generates code for one expression.

    Args:
        environment: what names stand for.
        globals_: where constants and helpers live.
        locals_: extra names.
        base: the line number of the expression's first character.
        fast: which shape.

    ``absorbs`` tells afterwards whether the two shapes differ.
    """

    def __init__(
        self,
        environment: Environment,
        globals_: Globals,
        locals_: Mapping[str, Local],
        base: int,
        *,
        fast: bool = False,
    ) -> None:
        self.absorbs = False
        self._fast = fast
        self._environment = environment
        self._globals = globals_
        self._base = base
        self._scope: dict[str, Local] = dict(locals_)
        self._numbers = count()

    def generate(self, root: Node) -> Code:
        """The code of a whole expression; every node of it has a line number."""
        code = self._visit(root)
        if not hasattr(code.node, "lineno"):
            self._place(root.span, code.node)
        ast.fix_missing_locations(code.node)
        return code

    def _place(self, span: Span, node: ast.expr) -> ast.expr:
        node.lineno = node.end_lineno = self._base + span.offset
        node.col_offset = node.end_col_offset = 0
        return node

    def _help(self, span: Span, helper: str, *arguments: ast.expr) -> ast.expr:
        return self._place(span, pyast.call(self._globals.helper(helper), *arguments))

    @singledispatchmethod
    def _visit(self, node: Node) -> Code:
        raise NotImplementedError(type(node).__name__)

    @_visit.register
    def _unbound(self, node: tree.Unbound) -> Code:
        return Code(self._help(node.span, "unbound", ast.Constant(node.message)))

    @_visit.register
    def _has(self, node: tree.Has) -> Code:
        operand = self._visit(node.operand)
        return Code(self._help(node.span, "has", operand.node, ast.Constant(node.field)), "bool")

    @_visit.register
    def _literal(self, node: tree.Literal) -> Code:
        value = node.value
        inline = value is None or value.__class__ in {bool, int, float, str, bytes}
        made = ast.Constant(value) if inline else self._globals.constant(value)  # type: ignore[arg-type]
        return Code(made, kind_of(value), fails=False)

    @_visit.register
    def _name(self, node: tree.Name) -> Code:
        known = None if node.absolute else self._scope.get(node.name)
        if known is not None:
            return Code(self._place(node.span, known.make()), known.type, known.fails)
        if node.name in self._environment.constants:
            value = self._environment.constants[node.name]
            return Code(self._globals.constant(value), kind_of(value), fails=False)
        return Code(pyast.name(python_name(node.name)), fails=False)

    @_visit.register
    def _select(self, node: tree.Select) -> Code:
        operand, field = self._visit(node.operand), ast.Constant(node.field)
        if node.optional:
            return Code(self._help(node.span, "opt_select", operand.node, field), "optional")
        return Code(self._subscript(node.span, operand, field))

    def _subscript(self, span: Span, operand: Code, field: ast.expr) -> ast.expr:
        """Python's own subscript by a text means just the same, and its exceptions are translated."""
        if operand.type not in {"dyn", "map", "optional"}:
            return self._help(span, "unselectable", operand.node, field)
        return self._place(span, ast.Subscript(operand.node, field, ast.Load()))

    @_visit.register
    def _index(self, node: tree.Index) -> Code:
        operand, key = self._visit(node.operand), self._visit(node.key)
        if node.optional:
            return Code(self._help(node.span, "opt_index", operand.node, key.node), "optional")
        if key.type == "string" and isinstance(key.node, ast.Constant):
            return Code(self._subscript(node.span, operand, key.node))
        return Code(self._help(node.span, "index", operand.node, key.node))

    @_visit.register
    def _invoke(self, node: tree.Invoke) -> Code:
        arguments = [self._visit(argument) for argument in node.arguments]
        overloads = node.function.taking(len(arguments))
        fitting = tuple(one for one in overloads if fits(one, arguments)) or overloads
        results = {one.result for one in fitting}
        known = len(fitting) == 1 and proven(fitting[0], arguments)
        callee = self._globals.function(node.function.name, fitting, guarded=not known)
        made = self._place(node.span, pyast.call(callee, *self._passed(node, fitting[0], arguments)))
        if "list" in results:
            made = self._help(node.span, "weigh", made, pyast.name(BUDGET))
        return Code(made, results.pop() if len(results) == 1 else "dyn")

    def _passed(self, node: tree.Invoke, overload: Overload, arguments: list[Code]) -> list[ast.expr]:
        """The arguments as the implementation takes them; what is heavy is weighed on its way."""
        parts = [argument.node for argument in arguments]
        if parts and heavy(overload):
            parts[0] = self._help(node.span, "weigh", parts[0], pyast.name(BUDGET))
        if overload.variadic:
            parts = [ast.List(parts, ast.Load())]
        return [*parts, pyast.name(BUDGET)] if overload.charging else parts

    @_visit.register
    def _optional_call(self, node: tree.Call) -> Code:
        """``orValue`` and ``or``, whose argument is computed only when it is needed."""
        assert node.target is not None  # noqa: S101 -- resolve() leaves no other calls
        other = self._visit(node.arguments[0])
        if node.name == "or":
            target = self._visit(node.target).node
            return Code(
                self._help(node.span, "or_optional", target, pyast.function([], other.node)), "optional"
            )
        if other.fails:
            target = self._visit(node.target).node
            return Code(self._help(node.span, "or_value_lazy", target, pyast.function([], other.node)))
        if isinstance(node.target, tree.Select) and node.target.optional:
            operand, field = self._visit(node.target.operand).node, ast.Constant(node.target.field)
            return Code(self._help(node.target.span, "field_or", operand, field, other.node))
        return Code(self._help(node.span, "or_value", self._visit(node.target).node, other.node))

    @_visit.register
    def _unary(self, node: tree.Unary) -> Code:
        operand = self._visit(node.operand)
        if node.operator == "!":
            return Code(
                ast.UnaryOp(ast.Not(), self._truth(node.operand, operand)), "bool", truth_fails(operand)
            )
        made = self._help(node.span, "neg", operand.node)
        return Code(made, operand.type if operand.type in NUMBERS else "dyn")

    def _truth(self, node: Node, code: Code) -> ast.expr:
        return code.node if code.type == "bool" else self._help(node.span, "truth", code.node)

    @_visit.register
    def _binary(self, node: tree.Binary) -> Code:
        left, right = self._visit(node.left), self._visit(node.right)
        if node.operator in _ARITHMETIC:
            return self._arithmetic(node, left, right)
        if node.operator == "in":
            return self._membership(node, left, right)
        fails = left.fails or right.fails
        if node.operator in _ORDER:
            if orders(left.type, right.type):
                return Code(self._compared(node, left, right), "bool", fails)
            return Code(self._help(node.span, _ORDER[node.operator], left.node, right.node), "bool")
        if equals(left.type, right.type):
            return Code(self._compared(node, left, right), "bool", fails)
        helper = "eq" if node.operator == "==" else "ne"
        return Code(self._help(node.span, helper, left.node, right.node, pyast.name(BUDGET)), "bool", fails)

    def _compared(self, node: tree.Binary, left: Code, right: Code) -> ast.expr:
        return self._place(node.span, ast.Compare(left.node, [_PYTHON[node.operator]()], [right.node]))

    def _arithmetic(self, node: tree.Binary, left: Code, right: Code) -> Code:
        extra = [ast.Constant(self._globals.limit)] if node.operator == "+" else []
        made = self._help(node.span, _ARITHMETIC[node.operator], left.node, right.node, *extra)
        return Code(made, arithmetic_type(left.type, right.type))

    def _membership(self, node: tree.Binary, left: Code, right: Code) -> Code:
        texts = literal_texts(node.right)
        if texts is not None and len(texts) <= _INLINE_TEXTS:
            made = ast.Compare(left.node, [ast.In()], [ast.Constant(texts)])  # type: ignore[arg-type]
            return Code(self._place(node.span, made), "bool", left.fails)
        return Code(self._help(node.span, "contains", left.node, right.node, pyast.name(BUDGET)), "bool")

    @_visit.register
    def _logic(self, node: tree.Logic) -> Code:
        operands = [self._visit(part) for part in node.operands]
        fails = any(truth_fails(one) for one in operands)
        parts = [self._truth(part, one) for part, one in zip(node.operands, operands, strict=True)]
        if any(truth_fails(one) for one in operands[:-1]):
            self.absorbs = True
            if not self._fast:
                helper = "both" if node.operator == "&&" else "either"
                thunks = [pyast.function([], one.node) for one in operands]
                return Code(self._help(node.span, helper, *thunks), "bool")
        joined = ast.BoolOp(ast.And() if node.operator == "&&" else ast.Or(), parts)
        return Code(self._place(node.span, joined), "bool", fails)

    @_visit.register
    def _conditional(self, node: tree.Conditional) -> Code:
        test, yes, no = self._visit(node.test), self._visit(node.yes), self._visit(node.no)
        made = ast.IfExp(self._truth(node.test, test), yes.node, no.node)
        fails = truth_fails(test) or yes.fails or no.fails
        return Code(self._place(node.span, made), yes.type if yes.type == no.type else "dyn", fails)

    @_visit.register
    def _list(self, node: tree.ListOf) -> Code:
        items = [self._visit(item.value) for item in node.items]
        fails = any(item.fails for item in items)
        if not any(item.optional for item in node.items):
            return Code(ast.List([item.node for item in items], ast.Load()), "list", fails)
        pairs = [_tuple(code.node, item.optional) for code, item in zip(items, node.items, strict=True)]
        return Code(self._help(node.span, "make_list", *pairs), "list")

    @_visit.register
    def _map(self, node: tree.MapOf) -> Code:
        keys = [self._visit(entry.key) for entry in node.entries]
        values = [self._visit(entry.value) for entry in node.entries]
        if distinct_texts(node) and not any(entry.optional for entry in node.entries):
            made = ast.Dict([key.node for key in keys], [value.node for value in values])
            return Code(made, "map", any(value.fails for value in values))
        parts = [
            _tuple(key.node, value.node, entry.optional)
            for key, value, entry in zip(keys, values, node.entries, strict=True)
        ]
        return Code(self._help(node.span, "make_map", *parts), "map")

    @contextmanager
    def _names(self, names: tuple[str, ...], types: tuple[str, ...] = ()) -> Iterator[list[str]]:
        """Loop names in scope; each gets a Python name of its own, so that none is captured."""
        outer = dict(self._scope)
        made = [f"x{next(self._numbers)}_{one}" for one in names]
        for position, one in enumerate(names):
            kind = types[position] if types else "dyn"
            self._scope[one] = Local(lambda text=made[position]: pyast.name(text), kind, fails=False)  # type: ignore[misc]
        yield made
        self._scope = outer

    @_visit.register
    def _bind(self, node: tree.Bind) -> Code:
        value = self._visit(node.value)
        with self._names((node.name,), (value.type,) if node.macro == "bind" else ()) as names:
            body = self._visit(node.body)
        function = pyast.function(names, body.node)
        if node.macro == "bind":
            made = self._place(node.span, pyast.call(function, value.node))
            return Code(made, body.type, value.fails or body.fails)
        helper = "opt_map" if node.macro == "optMap" else "opt_flat_map"
        return Code(self._help(node.span, helper, value.node, function), "optional")

    @_visit.register
    def _loop(self, node: tree.Loop) -> Code:
        helper = "loop" if len(node.names) == 1 else "loop_pairs"
        source = self._help(node.source.span, helper, self._visit(node.source).node, pyast.name(BUDGET))
        with self._names(node.names) as names:
            return (
                self._sorted(node, source, names)
                if node.macro == "sortBy"
                else self._loop_body(node, source, names)
            )

    def _sorted(self, node: tree.Loop, source: ast.expr, names: list[str]) -> Code:
        """The list is needed twice, so it gets a name: ``(lambda x: sort_by(x, [key for … in x]))(list)``."""
        assert node.body is not None  # noqa: S101 -- the macro has one
        held = f"x{next(self._numbers)}"
        keys = pyast.generated(self._visit(node.body).node, names, pyast.name(held))
        made = self._help(node.span, "sort_by", pyast.name(held), keys)
        return Code(pyast.call(pyast.function([held], made), source), "list")

    def _loop_body(self, node: tree.Loop, source: ast.expr, names: list[str]) -> Code:
        tests = [] if node.test is None else [self._truth(node.test, self._visit(node.test))]
        if node.body is None:
            return Code(pyast.generated(pyast.name(names[-1]), names, source, tests), "list")
        body = self._visit(node.body)
        match node.macro:
            case "all" | "exists":
                return self._tested(node, source, names, body)
            case "exists_one":
                test = self._truth(node.body, body)
                found = pyast.generated(ast.Constant(value=True), names, source, [test])
                return Code(self._help(node.span, "single", found), "bool")
            case "transformMap":
                key = pyast.name(names[0])
                return Code(pyast.generated_map(key, body.node, names, source, tests), "map")
            case "transformMapEntry":
                made = pyast.generated(body.node, names, source, tests)
                return Code(self._help(node.span, "merged", made), "map")
            case _:
                return Code(pyast.generated(body.node, names, source, tests), "list")

    def _tested(self, node: tree.Loop, source: ast.expr, names: list[str], body: Code) -> Code:
        assert node.body is not None  # noqa: S101 -- the macro has one
        self.absorbs = True
        if self._fast:
            truths = pyast.lazily(self._truth(node.body, body), names, source)
            return Code(self._help(node.span, node.macro, truths), "bool")
        function = pyast.function(names, body.node)
        if len(names) > 1:
            pair = f"x{next(self._numbers)}"
            function = pyast.function(
                [pair], ast.Call(function, [ast.Starred(pyast.name(pair), ast.Load())], [])
            )
        helper = "every" if node.macro == "all" else "some"
        return Code(self._help(node.span, helper, source, function), "bool")


def _tuple(*parts: ast.expr | bool) -> ast.expr:
    return ast.Tuple(
        [part if isinstance(part, ast.expr) else ast.Constant(part) for part in parts], ast.Load()
    )
