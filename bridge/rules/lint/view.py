"""A rule as the checks see it: every expression parsed and resolved, with what is known of its names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bridge.config import Limits
from bridge.located_yaml import KeyPath
from bridge.rules import cel
from bridge.rules.cel.kinds import ANY, Kinds, kinds
from bridge.rules.cel.parser import parse
from bridge.rules.cel.reads import free_names
from bridge.rules.cel.resolve import resolve
from bridge.rules.cel.tree import Node
from bridge.rules.compile import FITTING, ID_KINDS, TIME_KINDS, bounds_of, environment_of
from bridge.rules.lint.finding import Finding, Severity, at
from bridge.rules.rule import Emit, Expression, Kind, Rule, RuleFile

_INT: Kinds = frozenset({"int"})
_ABSENT: Kinds = frozenset({"optional", "null"})


@dataclass(frozen=True, slots=True)
class Checked:
    """One expression of a rule.

    Args:
        expression: what the file says.
        node: its resolved tree.
        names: the kinds of the lets and loop names that it may use.
        fitting: the kinds that its place takes; empty where it takes any.
        wanted: the same in words.
        kind: of the parameter, where it is one's.
    """

    expression: Expression
    node: Node
    names: dict[str, Kinds]
    fitting: Kinds = frozenset()
    wanted: str = ""
    kind: Kind | None = None


@dataclass(slots=True)
class EmitView:
    """An emit and the expressions of it."""

    emit: Emit
    keypath: KeyPath
    each: Checked | None = None
    ids: list[Checked] = field(default_factory=list)
    others: list[Checked] = field(default_factory=list)

    def all(self) -> Iterator[Checked]:
        """Every expression, in the order of evaluation."""
        yield from ([self.each] if self.each is not None else [])
        yield from (*self.ids, *self.others)


@dataclass(slots=True)
class RuleView:
    """A rule with its file; ``lets`` are in file order."""

    file: RuleFile
    rule: Rule
    lets: dict[str, Checked] = field(default_factory=dict)
    when: Checked | None = None
    emits: list[EmitView] = field(default_factory=list)

    def all(self) -> Iterator[Checked]:
        """Every expression of the rule."""
        yield from self.lets.values()
        yield from ([self.when] if self.when is not None else [])
        for emit in self.emits:
            yield from emit.all()

    def lets_of(self, roots: Iterable[Checked]) -> set[str]:
        """The lets that expressions name, directly or through other lets."""
        waiting = [name for one in roots for name in free_names(one.node)]
        found: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in self.lets and name not in found:
                found.add(name)
                waiting += free_names(self.lets[name].node)
        return found

    def inside(
        self, code: str, severity: Severity, one: Checked, offset: int, message: str, hint: str = ""
    ) -> Finding:
        """A finding at character ``offset`` of an expression."""
        keypath = one.expression.keypath
        place = self.file.located.scalar_position(keypath, offset)
        return Finding(code, severity, *at(self.file.located, place, keypath), message, hint)

    def key(self, code: str, severity: Severity, keypath: KeyPath, message: str, hint: str = "") -> Finding:
        """A finding at the key of an entry."""
        place = self.file.located.key_at(keypath)
        return Finding(code, severity, *at(self.file.located, place, keypath), message, hint)


def views_of(file: RuleFile, limits: Limits) -> list[RuleView]:
    """The rules of a file whose expressions all resolve."""
    views = [_Viewer(file, rule, limits).view() for rule in file.rules]
    return [view for view in views if view is not None]


class _Viewer:
    def __init__(self, file: RuleFile, rule: Rule, limits: Limits) -> None:
        self._view = RuleView(file, rule)
        self._environment = environment_of(file, rule, dict.fromkeys(file.secrets or {}, bytes))
        self._bounds = bounds_of(limits)

    def view(self) -> RuleView | None:
        view, rule = self._view, self._view.rule
        try:
            names: dict[str, Kinds] = {}
            for name, expression in rule.lets:
                view.lets[name] = self._checked(expression, names)
                names[name] = kinds(view.lets[name].node, names)
            if rule.when is not None:
                view.when = self._checked(rule.when, names, frozenset({"bool"}), "bool")
            view.emits = [self._emit(emit, index, names) for index, emit in enumerate(rule.emits)]
        except cel.CompileFault:
            return None
        return view

    def _emit(self, emit: Emit, index: int, lets: dict[str, Kinds]) -> EmitView:
        view = EmitView(emit, (*self._view.rule.keypath, "emit", index))
        names = dict(lets)
        if emit.each is not None:
            view.each = self._checked(emit.each, lets, frozenset({"list"}) | _ABSENT, "list")
            names["item"] = ANY
        if emit.index is not None:
            names[emit.index] = _INT
        for one in (emit.user_id, emit.anonymous_id):
            if one is not None:
                view.ids.append(self._checked(one, names, ID_KINDS | _ABSENT, "string or int"))
        if emit.timestamp is not None:
            wanted = "timestamp or string"
            view.others.append(self._checked(emit.timestamp, names, TIME_KINDS | _ABSENT, wanted))
        view.others += [self._checked(one, names) for _, one in emit.context]
        for parameter in emit.params:
            kind = parameter.kind
            fitting = FITTING[kind] | _ABSENT
            view.others.append(self._checked(parameter.value, names, fitting, kind.value, kind))
        return view

    def _checked(
        self,
        expression: Expression,
        names: dict[str, Kinds],
        fitting: Kinds = frozenset(),
        wanted: str = "",
        kind: Kind | None = None,
    ) -> Checked:
        node = resolve(parse(expression.text, self._bounds), self._environment, names)
        return Checked(expression, node, dict(names), fitting, wanted, kind)
