"""Paths that a rule reads and that no sample record of its streams has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.config import Limits
from bridge.config_words import nearest
from bridge.model import Scope
from bridge.rules.cel.reads import Origin, Path, Read, reads
from bridge.rules.lint.finding import Finding, Severity
from bridge.rules.lint.view import Checked, RuleView, views_of
from bridge.rules.meta import FIELDS
from bridge.rules.rule import RuleFile
from bridge.rules.ruleset import Unwrapped, matches

_HINT_CHARACTERS = 200
_SCOPE = ("event", "before", "op", "source", "cloudevent")


@dataclass(frozen=True, slots=True)
class Sample:
    """One record of a stream.

    Args:
        name: the topic or queue.
        queue: whether it is a queue.
        meta: the variable ``meta``.
        unwrap: envelope → what a rule sees of the record.
    """

    name: str
    queue: bool
    meta: dict[str, Any]
    unwrap: Callable[[str], Unwrapped]


def check_samples(files: Sequence[RuleFile], samples: Sequence[Sample], limits: Limits) -> list[Finding]:
    """Hold rules against records.

    Args:
        files: without faults of shape.
        samples: of any streams; each counts for the rules that read its stream.
        limits: bounds of expressions.
    """
    views = [view for file in files for view in views_of(file, limits)]
    return [finding for view in views for finding in _check(view, samples)]


def _check(view: RuleView, samples: Sequence[Sample]) -> Iterator[Finding]:
    own = [sample for sample in samples if _is_read(view, sample)]
    scopes = [scope for sample in own if (scope := _variables(view, sample)) is not None]
    if not scopes:
        message = f"no sample is of a topic or queue of rule `{view.rule.name}`" if not own else ""
        message = message or f"no sample of rule `{view.rule.name}` can be read under its envelope"
        yield view.key("no-sample", Severity.WARNING, (*view.rule.keypath, "name"), message)
        return
    told: set[Path] = set()
    for one, read in _reads(view):
        keys = _missing(read.path, scopes)
        if keys is None or read.path in told:
            continue
        told.add(read.path)
        message = f"no sample has `{_text(read.path)}` ({len(scopes)} looked at)"
        hint = nearest(str(read.path[-1]), keys)
        hint = hint if len(hint) <= _HINT_CHARACTERS else ""
        yield view.inside("sample-path", Severity.WARNING, one, read.span.offset, message, hint)


def _is_read(view: RuleView, sample: Sample) -> bool:
    from_ = view.rule.reads
    return matches(from_, from_.source or "", sample.name, queue=sample.queue)


def _variables(view: RuleView, sample: Sample) -> dict[str, Any] | None:
    scope = sample.unwrap(view.rule.envelope)
    if not isinstance(scope, Scope):
        return None
    return {"meta": sample.meta, **{name: getattr(scope, name) for name in _SCOPE}}


def _reads(view: RuleView) -> Iterator[tuple[Checked, Read]]:
    """Every path that the rule reads, followed through lets and loops, in the order of the file."""
    names: dict[str, Origin] = {}
    for name, one in view.lets.items():
        found, names[name] = reads(one.node, names)
        yield from ((one, read) for read in found)
    if view.when is not None:
        yield from ((view.when, read) for read in reads(view.when.node, names)[0])
    for emit in view.emits:
        inner = dict(names)
        if emit.each is not None:
            found, origin = reads(emit.each.node, names)
            yield from ((emit.each, read) for read in found)
            inner["item"] = origin.element()
        if emit.emit.index is not None:
            inner[emit.emit.index] = Origin()
        for one in (*emit.ids, *emit.others):
            yield from ((one, read) for read in reads(one.node, inner)[0])


def _missing(path: Path, scopes: Sequence[dict[str, Any]]) -> set[str] | None:
    """The keys that stand in its place; None where the field is found, or nothing could hold it."""
    if path[0] == "meta" and path[1] in FIELDS and len(path) == 2:  # noqa: PLR2004 - meta and its field
        return None
    holders = [value for scope in scopes for value in _at(scope, path[:-1]) if isinstance(value, dict)]
    if not holders or path[0] not in scopes[0] or any(path[-1] in holder for holder in holders):
        return None
    return {key for holder in holders for key in holder if isinstance(key, str)}


def _at(value: Any, path: Path) -> Iterator[Any]:
    """What lies at a path; None in it is every element."""
    if not path:
        yield value
    elif path[0] is None:
        inner = value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
        for one in inner:
            yield from _at(one, path[1:])
    elif isinstance(value, dict) and path[0] in value:
        yield from _at(value[path[0]], path[1:])


def _text(path: Path) -> str:
    text = ""
    for step in path:
        text += "[]" if step is None else f".{step}" if text else step
    return text
