"""Operators and functions: calls that can never work, and those that work otherwise than they look."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from bridge.config_words import nearest
from bridge.rules.cel import tree
from bridge.rules.cel.functions.linear import linear
from bridge.rules.cel.kinds import Kinds, clash, fitting_overloads, kinds, never_equal
from bridge.rules.cel.tree import Node
from bridge.rules.lint.finding import Finding, Severity
from bridge.rules.lint.view import Checked, RuleView
from bridge.rules.meta import FIELDS
from bridge.rules.rule import Kind

_WHOLE: Kinds = frozenset({"int", "uint"})
_OPTIONAL: Kinds = frozenset({"optional"})
_SIMPLE = "characters and classes in a row, of which only the last may repeat (+), run on the fast engine"


def check(view: RuleView) -> Iterator[Finding]:
    """Every node of every expression; names that an expression binds itself are of unknown kind."""
    for one in view.all():
        bound = {name for node in tree.walk(one.node) for name in _bound(node)}
        names = {name: kind for name, kind in one.names.items() if name not in bound}
        for node in tree.walk(one.node):
            for judge in _JUDGES:
                yield from judge(view, one, node, names)


def _bound(node: Node) -> tuple[str, ...]:
    if isinstance(node, tree.Loop):
        return node.names
    return (node.name,) if isinstance(node, tree.Bind) else ()


def _clash(view: RuleView, one: Checked, node: Node, names: dict[str, Kinds]) -> Iterator[Finding]:
    if not isinstance(node, tree.Binary):
        return
    if found := clash(node, names):
        left, right = map(_words, found)
        message = f"`{node.operator}` never works on {left} and {right}"
        yield view.inside("operand-kinds", Severity.ERROR, one, node.span.offset, message, _hint(found))
    elif found := never_equal(node, names):
        left, right = map(_words, found)
        message = f"{left} never equals {right}, so this is always {str(node.operator == '!=').lower()}"
        yield view.inside("never-equal", Severity.WARNING, one, node.span.offset, message, _hint(found))


def _words(found: Kinds) -> str:
    return " or ".join("any value" if kind == "dyn" else kind for kind in sorted(found))


def _hint(found: tuple[Kinds, Kinds]) -> str:
    if _OPTIONAL in found:
        return "say what counts when it is absent: .orValue(…)"
    return "wrap it in string(…)" if frozenset({"string"}) in found else ""


def _call(view: RuleView, one: Checked, node: Node, names: dict[str, Kinds]) -> Iterator[Finding]:
    if not isinstance(node, tree.Invoke) or fitting_overloads(node, names):
        return
    given = ", ".join(_words(kinds(argument, names)) for argument in node.arguments)
    hint = "say what counts when it is absent: .orValue(…)" if "optional" in given else ""
    if node.function.name == "contains" and given.startswith("list"):
        hint = "of a list write x in list"
    message = f"{node.function.name} never works on ({given})"
    yield view.inside("operand-kinds", Severity.ERROR, one, node.span.offset, message, hint)


def _division(view: RuleView, one: Checked, node: Node, names: dict[str, Kinds]) -> Iterator[Finding]:
    """Two ints; or, where a double is declared, a whole number written out and an unknown."""
    if not isinstance(node, tree.Binary) or node.operator != "/" or one.kind is Kind.INT:
        return
    left, right = kinds(node.left, names), kinds(node.right, names)
    if left <= _WHOLE and right <= _WHOLE:
        message = "a division of two whole numbers cuts the fraction off"
    elif _becomes_double(view, one) and left <= _WHOLE | {"dyn"} and right <= _WHOLE | {"dyn"}:
        if left & right:
            return
        message = "where both are whole numbers, this division cuts the fraction off"
    else:
        return
    hint = "write double(x) / y"
    yield view.inside("integer-division", Severity.WARNING, one, node.span.offset, message, hint)


def _becomes_double(view: RuleView, one: Checked) -> bool:
    """Whether it is the value of a double, or a let that one uses."""
    if one.kind is not None:
        return one.kind is Kind.DOUBLE
    own = [name for name, let in view.lets.items() if let is one]
    return bool(own) and own[0] in view.lets_of(other for other in view.all() if other.kind is Kind.DOUBLE)


def _regex(view: RuleView, one: Checked, node: Node, _: dict[str, Kinds]) -> Iterator[Finding]:
    if not isinstance(node, tree.Invoke) or node.function.name not in _REGEX:
        return
    pattern = node.arguments[1]
    if isinstance(pattern, tree.Literal) and isinstance(pattern.value, str) and linear(pattern.value) is None:
        message = "this regular expression needs the slow engine"
        yield view.inside("slow-regex", Severity.WARNING, one, pattern.span.offset, message, _SIMPLE)


_REGEX = frozenset({"matches", "regex.replace", "regex.extract", "regex.extractAll"})


def _meta(view: RuleView, one: Checked, node: Node, _: dict[str, Kinds]) -> Iterator[Finding]:
    """``meta`` has the fields it has, whatever the record is."""
    if not isinstance(node, tree.Select | tree.Has) or node.operand.__class__ is not tree.Name:
        return
    if getattr(node.operand, "name", "") != "meta" or node.field in FIELDS:
        return
    plain = isinstance(node, tree.Select) and not node.optional
    severity = Severity.ERROR if plain else Severity.WARNING
    message, hint = f"meta has no `{node.field}`", nearest(node.field, FIELDS)
    yield view.inside("unknown-meta", severity, one, node.span.offset, message, hint)


def _format(view: RuleView, one: Checked, node: Node, _: dict[str, Kinds]) -> Iterator[Finding]:
    """As many values as clauses, and clauses that there are."""
    if not isinstance(node, tree.Invoke) or node.function.name != "format":
        return
    text, values = node.arguments
    if not isinstance(text, tree.Literal) or not isinstance(text.value, str):
        return
    clauses = re.findall(r"%(?:%|(?:\.\d+)?(.?))", text.value)
    wrong = [clause for clause in clauses if clause and clause not in "sdfeboxX"]
    wanted = len([clause for clause in clauses if clause])
    message = f"format has no clause %{wrong[0]}" if wrong else ""
    if isinstance(values, tree.ListOf) and not message and wanted != len(values.items):
        message = f"{wanted} clause(s), and {len(values.items)} value(s)"
    if message:
        severity = Severity.WARNING if not wrong and wanted < len(_items(values)) else Severity.ERROR
        hint = "clauses are %s %d %f %.2f %e %b %o %x %X, and %% for a percent sign"
        yield view.inside("format-arguments", severity, one, text.span.offset, message, hint)


def _items(node: Node) -> tuple[object, ...]:
    return tuple(node.items) if isinstance(node, tree.ListOf) else ()


_JUDGES: tuple[Callable[[RuleView, Checked, Node, dict[str, Kinds]], Iterator[Finding]], ...]
_JUDGES = (_clash, _call, _division, _regex, _meta, _format)
