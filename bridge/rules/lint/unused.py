"""Lets, maps and secrets that nothing uses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bridge.rules.cel import tree
from bridge.rules.cel.tree import Node
from bridge.rules.lint.finding import Finding, Severity, at
from bridge.rules.lint.view import RuleView
from bridge.rules.rule import RuleFile


def check_lets(view: RuleView) -> Iterator[Finding]:
    """Lets that neither ``when`` nor an emit needs, directly or through another let."""
    lets = view.lets
    used = view.lets_of(one for one in view.all() if one not in lets.values())
    for name, one in lets.items():
        if name not in used:
            message = f"nothing uses the let `{name}`"
            yield view.key("unused-let", Severity.WARNING, one.expression.keypath, message, "leave it out")


def check_file(file: RuleFile, views: Sequence[RuleView]) -> Iterator[Finding]:
    """Maps and secrets that no rule of their file uses; ``views`` are all of its rules."""
    nodes = [node for view in views for one in view.all() for node in tree.walk(one.node)]
    named = _maps(nodes)
    if named is not None and not named <= (file.maps or {}).keys():
        named = None  # a mistyped name is told, and means one of those that look unused
    yield from _unused(file, "maps", list(file.maps or {}), named)
    yield from _unused(file, "secrets", list(file.secrets or {}), _secrets(nodes))


def _unused(file: RuleFile, kind: str, known: list[str], used: set[str] | None) -> Iterator[Finding]:
    for name in known if used is not None else ():
        if name not in (used or ()):
            keypath = (kind, name)
            place = at(file.located, file.located.key_at(keypath), keypath)
            message = f"nothing uses the {kind[:-1]} `{name}`"
            yield Finding(f"unused-{kind[:-1]}", Severity.WARNING, *place, message, "leave it out")


def _maps(nodes: Sequence[Node]) -> set[str] | None:
    """The maps that are named in full, or None when ``maps`` is used by a computed name."""
    named = [name for name in map(_map_name, nodes) if name is not None]
    mentions = sum(isinstance(node, tree.Name) and node.name == "maps" for node in nodes)
    return set(named) if mentions == len(named) else None


def _map_name(node: Node) -> str | None:
    match node:
        case tree.Select(operand=tree.Name(name="maps"), field=field):
            return field
        case tree.Has(operand=tree.Name(name="maps"), field=field):
            return field
        case tree.Index(operand=tree.Name(name="maps"), key=tree.Literal(value=str() as field)):
            return field
        case _:
            return None


def _secrets(nodes: Sequence[Node]) -> set[str] | None:
    """The secrets that ``pii.hmac`` names, or None when it means the only one without naming it."""
    named: set[str] = set()
    for node in nodes:
        if isinstance(node, tree.Invoke) and node.function.name == "pii.hmac":
            if len(node.arguments) == 1:
                return None
            name = node.arguments[1]
            named.add(str(name.value) if isinstance(name, tree.Literal) else "")
    return named
