"""Values that can never be what their place takes, or are not on one of their ways."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.rules.cel.kinds import Kinds, certain, kinds, outcomes
from bridge.rules.cel.tree import Invoke, Literal, Node
from bridge.rules.hints import misfit
from bridge.rules.lint.finding import Finding, Severity
from bridge.rules.lint.view import Checked, EmitView, RuleView


def check(view: RuleView) -> Iterator[Finding]:
    """Kinds against declarations, and events that can be about nobody."""
    for one in view.all():
        yield from _fit(view, one)
    for emit in view.emits:
        yield from _identity(view, emit)


def _fit(view: RuleView, one: Checked) -> Iterator[Finding]:
    if not one.fitting:
        return
    whole = kinds(one.node, one.names)
    if certain(whole) and whole.isdisjoint(one.fitting):
        message = f"expected {one.wanted}, and this is always {_words(whole)}"
        yield view.inside("type-mismatch", Severity.ERROR, one, 0, message, misfit(whole, one.fitting))
        return
    for outcome in outcomes(one.node):
        part = kinds(outcome, one.names)
        if certain(part) and part.isdisjoint(one.fitting):
            message = f"this outcome is always {_words(part)}, and {one.wanted} is expected"
            hint = misfit(part, one.fitting)
            offset = outcome.span.offset
            yield view.inside("type-may-mismatch", Severity.WARNING, one, offset, message, hint)


def _words(found: Kinds) -> str:
    return " or ".join(sorted(found))


def _identity(view: RuleView, emit: EmitView) -> Iterator[Finding]:
    if emit.ids and all(_absent(one.node) for one in emit.ids):
        message = "neither user_id nor anonymous_id can ever have a value"
        hint = "name a field that every record has, such as event.customer.id"
        yield view.inside("no-identity", Severity.ERROR, emit.ids[0], 0, message, hint)


def _absent(node: Node) -> bool:
    """Whether an id leaves the property out whatever the record is."""
    if isinstance(node, Literal):
        return node.value in ("", None)
    return isinstance(node, Invoke) and node.function.name == "optional.none"
