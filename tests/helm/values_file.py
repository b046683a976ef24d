"""``helm/values.yaml`` as data: each value with its default, its comment, and what ``@schema`` says of it.

A comment belongs to the key under it. ``## …`` begins a section; a line indented within a comment belongs to
an example; ``# @schema {…}`` is JSON Schema, for what the default alone does not say. A mapping without it is
a group of values; everything else is one value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

_KEY = re.compile(r"( *)([A-Za-z]+):(?: |$)")
_COMMENT = re.compile(r" *#(.*)")


@dataclass(frozen=True, slots=True)
class Value:
    """One key; ``children`` where it is a group."""

    path: tuple[str, ...]
    default: Any
    text: str
    schema: dict[str, Any]
    section: str
    children: list[Value] = field(default_factory=list)

    @property
    def is_group(self) -> bool:
        """Whether its keys are values of their own."""
        return isinstance(self.default, dict) and bool(self.default) and not self.schema

    def all(self) -> Iterator[Value]:
        """It, and what is below."""
        yield self
        for child in self.children:
            yield from child.all()


def read_values(path: Path) -> list[Value]:
    """The values at the top, in the order of the file.

    Raises:
        ValueError: a comment that belongs to no key.
    """
    text = path.read_text()
    defaults = YAML(typ="safe").load(text)
    top: list[Value] = []
    groups: list[Value] = []
    said: list[str] = []
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if comment := _COMMENT.fullmatch(line):
            said.append(comment[1].removeprefix(" "))
        elif key := _KEY.match(line):
            value = _value(groups, key, said, defaults, section)
            if value is not None:
                groups = [*groups[: len(value.path) - 1], value]
                (groups[-2].children if len(groups) > 1 else top).append(value)
            said = []
        elif not line.strip():
            section = said[0].removeprefix("# ") if said and said[0].startswith("# ") else section
            said = []
        elif said:
            raise ValueError(f"{path.name}:{number}: the comment above belongs to no key")
    return top


def _value(
    groups: list[Value], key: re.Match[str], said: list[str], defaults: dict[str, Any], section: str
) -> Value | None:
    """The value of this line; None inside a value that is no group."""
    depth = len(key[1]) // 2
    if depth > len(groups) or (depth and not groups[depth - 1].is_group):
        return None
    path = (*(groups[depth - 1].path if depth else ()), key[2])
    default: Any = defaults
    for name in path:
        default = default[name]
    schema = [line.removeprefix("@schema ") for line in said if line.startswith("@schema ")]
    told = [line for line in said if not line.startswith(("@schema ", "  "))]
    return Value(path, default, " ".join(told), YAML(typ="safe").load(schema[0]) if schema else {}, section)
