"""Fields and keys that are not there whatever the record is: of a file's own maps, and of what has none."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.config_words import nearest
from bridge.rules.cel import tree
from bridge.rules.cel.kinds import certain, kinds, outcomes
from bridge.rules.cel.tree import Node
from bridge.rules.cel.values import kind_of
from bridge.rules.hints import misfit
from bridge.rules.lint.finding import Finding, Severity
from bridge.rules.lint.view import Checked, RuleView

_HOLDERS = frozenset({"map", "optional", "dyn", "null"})
_SIZED = frozenset({"length", "size", "count", "len"})


def check(view: RuleView) -> Iterator[Finding]:
    """Every expression of a rule."""
    for one in view.all():
        bound = {name for node in tree.walk(one.node) for name in getattr(node, "names", ())}
        for node in tree.walk(one.node):
            yield from _map_name(view, one, node)
            yield from _map_key(view, one, node)
            if not bound:
                yield from _field(view, one, node)
        if one.fitting:
            yield from _map_value(view, one)


def _map_name(view: RuleView, one: Checked, node: Node) -> Iterator[Finding]:
    """``maps['regoin']``; of ``maps.regoin`` the compiler tells."""
    match node:
        case tree.Index(operand=tree.Name(name="maps"), key=tree.Literal(value=str() as name)):
            if name not in (view.file.maps or {}):
                hint = nearest(name, view.file.maps or {})
                message = f"no map is called `{name}`"
                severity = Severity.WARNING if node.optional else Severity.ERROR
                yield view.inside("unknown-map", severity, one, node.key.span.offset, message, hint)


def _map_key(view: RuleView, one: Checked, node: Node) -> Iterator[Finding]:
    """A key that is written out and that the map has not."""
    match node:
        case tree.Index(operand=holder, key=tree.Literal(value=key), optional=optional):
            place = node.key.span.offset
        case tree.Select(operand=holder, field=key, optional=optional):
            place = node.span.offset
        case _:
            return
    name = _named(holder)
    entries = (view.file.maps or {}).get(name)
    if isinstance(entries, dict) and not any(key == known for known in entries):
        hint = nearest(str(key), map(str, entries))
        severity = Severity.WARNING if optional else Severity.ERROR
        message = f"the map `{name}` has no key `{key}`"
        yield view.inside("unknown-map-key", severity, one, place, message, hint)


def _named(node: Node) -> str:
    """The map that ``maps.region`` or ``maps['region']`` is."""
    match node:
        case tree.Select(operand=tree.Name(name="maps"), field=name):
            return name
        case tree.Index(operand=tree.Name(name="maps"), key=tree.Literal(value=str() as name)):
            return name
        case _:
            return ""


def _field(view: RuleView, one: Checked, node: Node) -> Iterator[Finding]:
    """``[1, 2].length``: only maps have fields."""
    if not isinstance(node, tree.Select):
        return
    found = kinds(node.operand, one.names)
    if certain(found) and found.isdisjoint(_HOLDERS):
        words = " or ".join(sorted(found))
        message = f"{words} has no fields, and so no `{node.field}`"
        hint = "write size(x)" if node.field in _SIZED else ""
        yield view.inside("no-such-field", Severity.ERROR, one, node.span.offset, message, hint)


def _map_value(view: RuleView, one: Checked) -> Iterator[Finding]:
    """``maps.fee[event.x]`` where the map's values are no kind that its place takes."""
    for outcome in outcomes(one.node):
        node: Node = outcome
        if isinstance(node, tree.Index):
            yield from _judged_values(view, one, node)
    for index in _indexes_with_default(one.node):
        yield from _judged_values(view, one, index)


def _indexes_with_default(node: Node) -> Iterator[tree.Index]:
    """``maps.fee[?x]`` of each ``.orValue(…)`` that an expression's value may be."""
    match node:
        case tree.Conditional(yes=yes, no=no):
            yield from _indexes_with_default(yes)
            yield from _indexes_with_default(no)
        case tree.Call(name="orValue", target=tree.Index() as index):
            yield index


def _judged_values(view: RuleView, one: Checked, node: tree.Index) -> Iterator[Finding]:
    entries = (view.file.maps or {}).get(_named(node.operand))
    found = frozenset(map(kind_of, entries.values())) if isinstance(entries, dict) else frozenset()
    wrong = found - one.fitting
    if wrong:
        words = " or ".join(sorted(wrong))
        always = wrong == found
        code, severity = ("type-mismatch", Severity.ERROR) if always else _MAY
        holds = "values" if always else "some values"
        message = f"{holds} of the map `{_named(node.operand)}` are {words}, and {one.wanted} is expected"
        hint = "put them in quotes" if "string" in one.fitting else misfit(wrong, one.fitting)
        yield view.inside(code, severity, one, node.span.offset, message, hint)


_MAY = ("type-may-mismatch", Severity.WARNING)
