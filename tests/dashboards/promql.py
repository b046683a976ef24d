"""Just enough of PromQL to see what a query selects, and in which functions. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}\s*(\[[^\]]*\])?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
_CALL = re.compile(r"(\w+)\s*\(\s*$")


class Selected(NamedTuple):
    """One selector: ``within`` is the function it stands directly in, ``span`` its range with brackets."""

    name: str
    matchers: dict[str, tuple[str, str]]
    span: str
    within: str


def selected(expression: str) -> list[Selected]:
    """Every selector that has braces."""
    return [
        Selected(found[1], _matchers(found[2]), found[3] or "", _function_before(expression[: found.start()]))
        for found in _SELECTOR.finditer(expression)
    ]


def names_without_braces(expression: str, names: frozenset[str]) -> set[str]:
    """Which of these metrics the expression has bare, where no matcher holds them."""
    return {word for word in re.findall(r"[a-zA-Z_:][\w:]*(?!\s*\{)\b", expression) if word in names}


def _matchers(text: str) -> dict[str, tuple[str, str]]:
    return {name: (operator, value) for name, operator, value in _MATCHER.findall(text)}


def _function_before(text: str) -> str:
    found = _CALL.search(text)
    return found[1] if found else ""
