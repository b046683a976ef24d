"""Names to what they stand for: qualified names joined, functions found, arguments counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bridge.rules.cel import tree
from bridge.rules.cel.environment import Environment
from bridge.rules.cel.faults import CompileFault, did_you_mean
from bridge.rules.cel.functions.table import ArgumentProblem, Check, Function
from bridge.rules.cel.tree import Node
from bridge.rules.cel.values import TYPE_NAMES

_MACROS = frozenset(
    {"all", "exists", "exists_one", "existsOne", "map", "filter", "sortBy", "optMap", "optFlatMap"}
    | {"transformList", "transformMap", "transformMapEntry"}
)
# Optional's own functions have their own code, for their argument may stay uncomputed.
LAZY = frozenset({"orValue", "or"})
_NAMESPACES = frozenset({"cel"})


def resolve(
    root: Node, environment: Environment, locals_: Iterable[str] = (), *, checked: bool = True
) -> Node:
    """Check every name, function and count of arguments, also in branches that would not run.

    Args:
        root: a parsed tree.
        environment: what may be named.
        locals_: names in scope besides.
        checked: refuse what is wrong; without it, that part of the tree is ``Unbound``.

    Returns:
        The tree with qualified names joined, types as literals, and ``Invoke`` in place of ``Call``.

    Raises:
        CompileFault: the first name that is unknown or call that is wrong; it has the others.
    """
    resolver = _Resolver(environment)
    resolved = resolver.visit(root, frozenset(locals_))
    if resolver.faults and checked:
        first, *others = sorted(resolver.faults, key=lambda fault: fault.offset)
        first.others = tuple(others)
        raise first
    return resolved


class _Resolver:
    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.faults: list[CompileFault] = []

    def visit(self, node: Node, scope: frozenset[str]) -> Node:
        """The resolved node; one that is at fault is kept as ``Unbound``, so that all faults are found."""
        try:
            return self._visit(node, scope)
        except CompileFault as fault:
            self.faults.append(fault)
            return tree.Unbound(node.span, fault.message)

    def _visit(self, node: Node, scope: frozenset[str]) -> Node:
        match node:
            case tree.Name() | tree.Select():
                return self._named(node, scope)
            case tree.Call():
                return self._call(node, scope)
            case tree.Loop():
                return self._loop(node, scope)
            case tree.Bind():
                body = self.visit(node.body, scope | {node.name})
                return replace(node, value=self.visit(node.value, scope), body=body)
            case tree.ListOf():
                items = [replace(item, value=self.visit(item.value, scope)) for item in node.items]
                return replace(node, items=tuple(items))
            case tree.MapOf():
                return replace(node, entries=tuple(self._entry(entry, scope) for entry in node.entries))
            case _:
                return self._parts(node, scope)

    def _parts(self, node: Node, scope: frozenset[str]) -> Node:
        match node:
            case tree.Index():
                return replace(node, operand=self.visit(node.operand, scope), key=self.visit(node.key, scope))
            case tree.Unary() | tree.Has():
                return replace(node, operand=self.visit(node.operand, scope))
            case tree.Binary():
                return replace(node, left=self.visit(node.left, scope), right=self.visit(node.right, scope))
            case tree.Logic():
                return replace(node, operands=tuple(self.visit(part, scope) for part in node.operands))
            case tree.Conditional():
                parts = [self.visit(part, scope) for part in (node.test, node.yes, node.no)]
                return tree.Conditional(node.span, *parts)
            case _:
                return node

    def _entry(self, entry: tree.Entry, scope: frozenset[str]) -> tree.Entry:
        return replace(entry, key=self.visit(entry.key, scope), value=self.visit(entry.value, scope))

    def _loop(self, node: tree.Loop, scope: frozenset[str]) -> Node:
        inner = scope.union(node.names)
        return replace(
            node,
            source=self.visit(node.source, scope),
            test=node.test and self.visit(node.test, inner),
            body=node.body and self.visit(node.body, inner),
        )

    def _named(self, node: tree.Name | tree.Select, scope: frozenset[str]) -> Node:
        path = _path(node)
        if path is not None and (path[0] not in scope or _is_absolute(node)):
            return self._qualified(node, path, scope)
        if isinstance(node, tree.Select):
            return replace(node, operand=self.visit(node.operand, scope))
        return node

    def _qualified(self, node: tree.Name | tree.Select, path: list[str], scope: frozenset[str]) -> Node:
        name = ".".join(path)
        if name in self._environment.variables or name in self._environment.constants:
            return tree.Name(node.span, name, _is_absolute(node))
        if name in TYPE_NAMES:
            return tree.Literal(node.span, TYPE_NAMES[name])
        if isinstance(node, tree.Name):
            raise self._unknown_variable(node, scope)
        operand = self.visit(node.operand, scope)
        self._check_constant(operand, node)
        return replace(node, operand=operand)

    def _check_constant(self, operand: Node, node: tree.Select) -> None:
        """A field of a constant map is known now, so a typing error is too."""
        if not isinstance(operand, tree.Name) or node.optional:
            return
        value = self._environment.constants.get(operand.name)
        if isinstance(value, dict) and node.field not in value:
            hint = did_you_mean(node.field, [key for key in value if isinstance(key, str)])
            raise CompileFault(
                f"no {node.field!r} in {operand.name}", node.span.offset, node.span.length, hint
            )

    def _unknown_variable(self, node: tree.Name, scope: frozenset[str]) -> CompileFault:
        known = [*self._environment.variables, *self._environment.constants, *scope]
        return CompileFault(
            f"unknown variable {node.name!r}",
            node.span.offset,
            node.span.length,
            did_you_mean(node.name, known),
        )

    def _call(self, node: tree.Call, scope: frozenset[str]) -> Node:
        found = self._namespaced(node, scope)
        if found is not None:
            return self._invoke(node, found, node.arguments, scope)
        if node.target is None:
            function = self._environment.functions.find(node.name, receiver=False)
            if function is None:
                raise self._unknown_function(node, node.name, receiver=False)
            return self._invoke(node, function, node.arguments, scope)
        if node.name in LAZY and len(node.arguments) == 1:
            return replace(
                node, target=self.visit(node.target, scope), arguments=(self.visit(node.arguments[0], scope),)
            )
        function = self._environment.functions.find(node.name, receiver=True)
        if function is None:
            raise self._unknown_function(node, node.name, receiver=True)
        return self._invoke(node, function, (node.target, *node.arguments), scope)

    def _namespaced(self, node: tree.Call, scope: frozenset[str]) -> Function | None:
        """The function of ``math.abs(x)`` and the like, unless ``math`` is a variable."""
        path = _path(node.target) if node.target is not None else None
        if path is None or path[0] in scope or self._is_variable(path):
            return None
        name = ".".join([*path, node.name])
        function = self._environment.functions.find(name, receiver=False)
        if function is None and self._is_namespace(path[0]):
            raise self._unknown_function(node, name, receiver=False)
        return function

    def _is_variable(self, path: list[str]) -> bool:
        prefixes = {".".join(path[: count + 1]) for count in range(len(path))}
        return not prefixes.isdisjoint(self._environment.variables | self._environment.constants.keys())

    def _is_namespace(self, name: str) -> bool:
        known = self._environment.functions.names(receiver=False)
        return name in _NAMESPACES or any(other.startswith(f"{name}.") for other in known)

    def _unknown_function(self, node: tree.Call, name: str, *, receiver: bool) -> CompileFault:
        known = {*self._environment.functions.names(receiver=receiver)}
        known |= _MACROS | LAZY if receiver else {"has", "cel.bind"}
        hint = did_you_mean(name, known)
        if self._environment.functions.find(name, receiver=not receiver):
            hint = f"write {name}(x)" if receiver else f"write x.{name}()"
        elif name in known:
            hint = "wrong number of arguments for this macro"
        return CompileFault(f"unknown function {name!r}", node.span.offset, node.span.length, hint)

    def _invoke(
        self, node: tree.Call, function: Function, arguments: tuple[Node, ...], scope: frozenset[str]
    ) -> Node:
        given = len(arguments) - function.receiver
        if not function.taking(len(arguments)) or (not given and function.overloads[0].variadic):
            message = f"{function.name} takes {function.arities} argument(s), not {given}"
            raise CompileFault(message, node.span.offset, node.span.length)
        visited = tuple(self.visit(argument, scope) for argument in arguments)
        for position, check in function.checks.items():
            if position < len(visited):
                _check_argument(visited[position], check)
        return tree.Invoke(node.span, function, visited)


def _path(node: Node) -> list[str] | None:
    """``a.b.c`` as a list, when it is nothing but names."""
    fields: list[str] = []
    while isinstance(node, tree.Select) and not node.optional:
        fields.append(node.field)
        node = node.operand
    return [node.name, *reversed(fields)] if isinstance(node, tree.Name) else None


def _is_absolute(node: Node) -> bool:
    """Whether it begins with a dot: then no loop name is meant."""
    while isinstance(node, tree.Select):
        node = node.operand
    return isinstance(node, tree.Name) and node.absolute


def _check_argument(argument: Node, check: Check) -> None:
    span = argument.span
    if not isinstance(argument, tree.Literal):
        if check.literal:
            raise CompileFault("this argument must be written out", span.offset, span.length)
        if check.prepare is not None:
            check.prepare()
        return
    try:
        check.test(argument.value)
    except ArgumentProblem as problem:
        raise CompileFault(problem.message, span.offset, span.length, problem.hint) from None
