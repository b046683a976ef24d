"""Rules that can never apply, and rules that say what another has said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bridge.rules.cel.never import never, same
from bridge.rules.lint.finding import Finding, Severity
from bridge.rules.lint.view import Checked, RuleView


def check(view: RuleView) -> Iterator[Finding]:
    """A ``when`` that is false for every record."""
    if view.when is None:
        return
    part = never(view.when.node, {name: one.node for name, one in view.lets.items()})
    if part is not None:
        message = "this `when` can never be true: with this part no record is left"
        yield view.inside("never-true", Severity.WARNING, view.when, part.span.offset, message)


def check_twins(views: Sequence[RuleView]) -> Iterator[Finding]:
    """Rules of one stream, one condition and one payload: every record gives each event twice."""
    seen: dict[object, RuleView] = {}
    for view in views:
        first = seen.setdefault(_meaning(view), view)
        if first is not view:
            message = f"sends what rule `{first.rule.name}` sends: every event leaves twice"
            hint = f"in {first.file.located.name}; all rules that match a record apply"
            yield view.key("duplicate-rule", Severity.WARNING, (*view.rule.keypath, "name"), message, hint)


def _meaning(view: RuleView) -> object:
    """What a rule says, without its name and without places."""
    rule = view.rule
    emits = tuple(
        (
            (one.emit.event_type, one.emit.event_name, one.emit.index, one.emit.without_timestamp),
            tuple((parameter.key, parameter.kind, parameter.default) for parameter in one.emit.params),
            tuple(key for key, _ in one.emit.context),
            (one.emit.each is None, one.emit.user_id is None, one.emit.timestamp is None),
            tuple(_said(checked) for checked in one.all()),
        )
        for one in view.emits
    )
    lets = tuple((name, _said(one)) for name, one in view.lets.items())
    maps = repr(view.file.maps)
    scope = (rule.reads, rule.timezone, rule.envelope, rule.destination)
    return scope, maps, lets, None if view.when is None else _said(view.when), emits


def _said(one: Checked) -> object:
    return same(one.node)
