"""Regular expressions, always RE2: linear time, no look-around, no back-references."""

from __future__ import annotations

import re as python_re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import re2

from bridge.rules.cel.arithmetic import sized
from bridge.rules.cel.faults import EvalFault
from bridge.rules.cel.functions.linear import linear
from bridge.rules.cel.functions.table import ArgumentProblem, Check, Function, Overload, method, plain
from bridge.rules.cel.functions.types import utf8
from bridge.rules.cel.limits import Budget
from bridge.rules.cel.values import NONE, Optional

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_REFERENCE = python_re.compile(r"\\(?:([0-9])|(\\)|(.?))", python_re.DOTALL)


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> Any:
    same = linear(_encodable(pattern))
    if same is not None:
        return same
    try:
        return re2.compile(pattern, _OPTIONS)
    except re2.error:
        raise EvalFault("not a regular expression of RE2", "argument") from None


def check_pattern(pattern: object) -> None:
    """Refuse what is no regular expression.

    Raises:
        ArgumentProblem: with RE2's own words.
    """
    if not isinstance(pattern, str):
        raise ArgumentProblem("a regular expression is text")
    try:
        re2.compile(pattern, _OPTIONS)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ArgumentProblem(f"not a regular expression of RE2: {text}") from None


def starts_with(text: str, pattern: str) -> bool:
    """Whether the expression fits the beginning of the text; outside of evaluations, so no budget pays."""
    return _compiled(pattern).match(text) is not None


def _encodable(text: str) -> str:
    """``text`` unless it has a lone surrogate, which RE2 cannot read."""
    if not text.isascii():
        utf8(text)
    return text


def _charged(pattern: str, text: str, budget: Budget) -> Any:
    """The expression, after the budget paid for one search: RE2 takes text × program at worst."""
    compiled = _compiled(pattern)
    budget.charge((len(text) + _TO_COMPILE) * _size(compiled) >> _SEARCH_SHIFT)
    return compiled


def _size(compiled: Any) -> int:
    """Instructions of RE2's program; of what Python's engine was proven to run without them, none."""
    return 0 if isinstance(compiled, python_re.Pattern) else int(compiled.programsize)


# Without its cache RE2 does some 200 million instructions a second: 2**13 of them take 0.04 ms. Behind a
# match it mostly stops early, so that twice as many are one step.
_SEARCH_SHIFT, _MATCH_SHIFT = 13, 14
# Making a program of a pattern that comes with the data costs as much as running it on so many characters.
_TO_COMPILE = 64


def _matches(text: str, pattern: str, budget: Budget) -> bool:
    return _charged(pattern, text, budget).search(_encodable(text)) is not None


def _one_group(pattern: str, text: str, budget: Budget) -> Any:
    compiled = _charged(pattern, text, budget)
    if compiled.groups > 1:
        raise EvalFault("the regular expression has more than one group", "argument")
    return compiled


def _extract(text: str, pattern: str, budget: Budget) -> Optional:
    compiled = _one_group(pattern, text, budget)
    match = compiled.search(_encodable(text))
    found = match.group(compiled.groups) if match else None
    return NONE if found is None else Optional(found)


def _extract_all(text: str, pattern: str, budget: Budget) -> list[str]:
    compiled = _one_group(pattern, text, budget)
    found = (match.group(compiled.groups) for match in _occurrences(compiled, text, budget))
    return [one for one in found if one is not None]


def _occurrences(compiled: Any, text: str, budget: Budget) -> Iterator[Any]:
    """All matches as RE2 counts them: an empty one right behind another is none.

    Each is a search of its own, and may look as far as the end of the text.
    """
    last, cost, size = -1, 0, _size(compiled)
    for match in compiled.finditer(_encodable(text)):
        start, end = match.span()
        cost += (len(text) - end) * size
        if cost >> _MATCH_SHIFT:
            budget.charge(cost >> _MATCH_SHIFT)
            cost = 0
        if start != end or start != last:
            yield match
        last = end


def _replace(text: str, pattern: str, new: str, budget: Budget, limit: int) -> str:
    return _replace_some(text, pattern, new, -1, budget, limit)


def _replace_some(text: str, pattern: str, new: str, count: int, budget: Budget, limit: int) -> str:
    compiled = _charged(pattern, text, budget)
    template = _template(new, compiled.groups)
    if _plain(compiled, template) and len(text) * (1 + len(new)) <= limit and count:
        return str(compiled.sub("".join(map(str, template)), _encodable(text), max(count, 0)))
    return _rebuilt(_occurrences(compiled, text, budget), text, template, count, limit)


def _plain(compiled: Any, template: tuple[str | int, ...]) -> bool:
    """Whether Python's own substitution does the same: no references, nothing to escape."""
    return isinstance(compiled, python_re.Pattern) and (
        not template or (len(template) == 1 and isinstance(template[0], str) and "\\" not in template[0])
    )


def _rebuilt(
    matches: Iterator[Any], text: str, template: tuple[str | int, ...], count: int, limit: int
) -> str:
    parts: list[str] = []
    position, size = 0, 0
    for number, match in enumerate(matches):
        if number == count or size > limit:
            break
        parts += [text[position : match.start()], *_filled(template, match)]
        size += sum(map(len, parts[-1 - len(template) :]))
        position = match.end()
    return str(sized("".join([*parts, text[position:]]), limit))


def _filled(template: tuple[str | int, ...], match: Any) -> Iterator[str]:
    for part in template:
        yield part if isinstance(part, str) else match.group(part) or ""


@lru_cache(maxsize=512)
def _template(new: str, groups: int) -> tuple[str | int, ...]:
    parts: list[str | int] = []
    position = 0
    for match in _REFERENCE.finditer(new):
        parts.append(new[position : match.start()])
        parts.append(_reference(match, groups))
        position = match.end()
    return tuple(part for part in (*parts, new[position:]) if part != "")


def _reference(match: python_re.Match[str], groups: int) -> str | int:
    if match[2]:
        return "\\"
    if match[1] is None or int(match[1]) > groups:
        raise EvalFault(f"replacement has no group {match.group()}", "argument")
    return int(match[1])


_PATTERN = {1: Check(check_pattern)}
_REPLACE = (
    Overload(("string", "string", "string"), "string", _replace, bounded=True, charging=True, heavy=True),
    Overload(
        ("string", "string", "string", "int"),
        "string",
        _replace_some,
        bounded=True,
        charging=True,
        heavy=True,
    ),
)

FUNCTIONS = (
    method(
        *("matches", "string string", "bool", _matches, "Whether the expression occurs in the text."),
        "'abc'.matches('^a.c$')",
        checks=_PATTERN,
        charging=True,
        heavy=True,
    ),
    plain(
        *("matches", "string string", "bool", _matches, "Whether the expression occurs in the text."),
        "matches('abc', 'b')",
        checks=_PATTERN,
        charging=True,
        heavy=True,
    ),
    Function(
        "regex.replace",
        _REPLACE,
        "Occurrences replaced, all or a number of them; \\1 is the first group.",
        "regex.replace('+84 91-234', '[^0-9]', '') == '8491234'",
        checks=_PATTERN,
    ),
    plain(
        *(
            "regex.extract",
            "string string",
            "optional",
            _extract,
            "The first occurrence, or its one group; or none.",
        ),
        "regex.extract('order 42', '([0-9]+)').value() == '42'",
        checks=_PATTERN,
        charging=True,
        heavy=True,
    ),
    plain(
        *("regex.extractAll", "string string", "list", _extract_all, "All occurrences, or their one group."),
        "regex.extractAll('a1b22', '[0-9]+') == ['1', '22']",
        checks=_PATTERN,
        charging=True,
        heavy=True,
    ),
)
