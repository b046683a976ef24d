"""Plain text of a file that is read otherwise than it looks: names of events and topics, YAML 1.1 scalars."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bridge.located_yaml import KeyPath
from bridge.rules.lint.finding import Finding, Severity, at
from bridge.rules.lint.view import EmitView, RuleView
from bridge.rules.rule import Kind, RuleFile

_EXPRESSION = re.compile(r"^(event|meta|item|before|source|maps)\b\s*[.\[?]|\$\{|\{\{|^'.*'$|\w\(.*\)")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_OLD_BOOLEAN = re.compile(r"(?i:y|n|yes|no|on|off)")
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?([Tt ].*)?")
_OCTAL = re.compile(r"[-+]?0[0-9_]+")
_SIXTIES = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+")
_OLD = ((_OLD_BOOLEAN, "a boolean"), (_DATE, "a date"), (_OCTAL, "an octal number"), (_SIXTIES, "a number"))


def check(view: RuleView) -> Iterator[Finding]:
    """Event names, and defaults of parameters."""
    for emit in view.emits:
        yield from _event_name(view, emit)
        for parameter in emit.emit.params:
            keypath = (*emit.keypath, "event_params", parameter.key, "default")
            if parameter.kind is Kind.STRING:
                yield from _scalar(view.file, keypath, parameter.default)


def check_file(file: RuleFile) -> Iterator[Finding]:
    """Topics, and keys and values of maps."""
    told: set[KeyPath] = set()
    for rule in file.rules:
        item = file.located.value["rules"][rule.keypath[-1]]
        top = (*rule.keypath, "from") if "from" in item else ("from",)
        if top not in told:
            told.add(top)
            for index, name in enumerate(rule.reads.topics):
                yield from _topic(file, (*top, "topics", index), name)
    for name, entries in (file.maps or {}).items():
        for key, value in entries.items() if isinstance(entries, dict) else ():
            yield from _scalar(file, ("maps", name, key), key, key=True)
            yield from _scalar(file, ("maps", name, key), value)


def _event_name(view: RuleView, emit: EmitView) -> Iterator[Finding]:
    name = emit.emit.event_name
    if emit.emit.event_type == "track" and _EXPRESSION.search(name):
        message = "an event_name is plain text, and this looks like an expression"
        hint = "write the name itself; one rule for each name"
        keypath = (*emit.keypath, "event_name")
        yield _finding(view.file, "event-name-expression", keypath, message, hint)


def _topic(file: RuleFile, keypath: KeyPath, name: str) -> Iterator[Finding]:
    if not name.startswith("^") and not _TOPIC.fullmatch(name):
        pattern = re.escape(name).replace(r"\*", ".*").replace(r"\#", ".*").replace("\\-", "-")
        hint = f"a regular expression begins with ^: '^{pattern}$'" if set(name) & set("*?[(|#+") else ""
        message = "no topic of Kafka can be called so"
        yield _finding(file, "topic-name", keypath, message, hint or "letters, digits, `.`, `_` and `-`")


def _scalar(file: RuleFile, keypath: KeyPath, value: Any, *, key: bool = False) -> Iterator[Finding]:
    """Text here, as YAML 1.2 says, and something else in most other tools."""
    if not isinstance(value, str):
        return
    place = file.located.key_at(keypath) if key else file.located.at(keypath)
    if file.located.is_quoted_at(place):
        return
    for pattern, what in _OLD:
        if pattern.fullmatch(value):
            message = f"`{value}` is text here, and {what} to tools that read YAML 1.1"
            hint = f'say which: "{value}"'
            yield Finding(
                "ambiguous-text", Severity.WARNING, *at(file.located, place, keypath), message, hint
            )
            return


def _finding(file: RuleFile, code: str, keypath: KeyPath, message: str, hint: str) -> Finding:
    place = at(file.located, file.located.at(keypath), keypath)
    return Finding(code, Severity.WARNING, *place, message, hint)
