"""Warnings that a comment silences: ``# filum-bridge: ignore[unused-let]``.

On a line of its own it speaks for the line below, before the first line of a rule for the whole rule; behind
a value for its line. Errors are not silenced: what can never work is to be mended.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from bridge.config_words import nearest
from bridge.rules.lint.finding import Finding, Severity
from bridge.rules.rule import RuleFile

_COMMENT = re.compile(r"(?:^|(?<=\s))#\s*filum-bridge:\s*(ignore)?(?:\s*\[([^\]]*)\])?")
_CODE = "ignore-comment"


@dataclass(slots=True)
class _Ignore:
    line: int
    column: int
    codes: list[str]
    first: int
    last: int
    used: set[str] = field(default_factory=set)


def silence(
    found: Sequence[Finding],
    files: Sequence[RuleFile],
    known: Collection[str],
    *,
    asleep: Collection[str] = (),
) -> list[Finding]:
    """Leave out what comments silence, and tell of comments that silence nothing.

    Args:
        found: of these files, complete: a comment that silences none of it is told.
        files: the rule files.
        known: every code there is.
        asleep: codes that were not looked for this time; a comment may name them all the same.
    """
    kept = list(found)
    for file in files:
        ignores = _ignores(file)
        kept = [one for one in kept if one.path != file.located.name or not _silenced(one, ignores)]
        kept += [one for ignore in ignores for one in _idle(file, ignore, known, asleep)]
    return kept


def _silenced(one: Finding, ignores: Sequence[_Ignore]) -> bool:
    if one.severity is Severity.ERROR:
        return False
    fitting = [ignore for ignore in ignores if ignore.first <= one.line <= ignore.last]
    named = [ignore for ignore in fitting if one.code in ignore.codes]
    for ignore in named:
        ignore.used.add(one.code)
    return bool(named)


def _ignores(file: RuleFile) -> list[_Ignore]:
    lines = file.located.text.splitlines()
    rules = [file.located.at(rule.keypath)[0] for rule in file.rules]
    found = []
    for number, line in enumerate(lines, 1):
        if match := _COMMENT.search(line):
            codes = [code.strip() for code in (match[2] or "").split(",") if match[1] and code.strip()]
            first, last = number, number
            if not line[: match.start()].strip():
                first = last = _next_line(lines, number)
                if first in rules:
                    last = min((start - 1 for start in rules if start > first), default=len(lines))
            found.append(_Ignore(number, match.start() + 1, codes, first, last))
    return found


def _next_line(lines: Sequence[str], number: int) -> int:
    """The next line that says something."""
    after = enumerate(lines[number:], number + 1)
    return next((at for at, line in after if line.strip() and not line.lstrip().startswith("#")), number)


def _idle(file: RuleFile, ignore: _Ignore, known: Collection[str], asleep: Collection[str]) -> list[Finding]:
    place = (file.located.name, ignore.line, ignore.column, "")
    if not ignore.codes:
        message = "this comment names no code"
        return [Finding(_CODE, Severity.WARNING, *place, message, "write # filum-bridge: ignore[CODE]")]
    told = []
    for code in ignore.codes:
        if code not in known:
            told.append(
                Finding(_CODE, Severity.WARNING, *place, f"no check is called `{code}`", nearest(code, known))
            )
        elif code not in ignore.used and code not in asleep:
            told.append(
                Finding(_CODE, Severity.WARNING, *place, f"this silences no `{code}`", "leave it out")
            )
    return told
