"""Reads values out of a located YAML file and collects what is wrong with them, instead of stopping."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from bridge.config_words import nearest
from bridge.errors import ConfigError, RuleFileError
from bridge.located_yaml import KeyPath, Located, key_path_text
from bridge.rules.rule import Expression


class Reader:
    """One file; every fault it met is in ``errors``, in the order met."""

    def __init__(self, located: Located) -> None:
        self.located = located
        self.errors: list[ConfigError] = []

    def fault(self, keypath: KeyPath, problem: str, hint: str = "", *, key: bool = False) -> None:
        """Something is wrong with the value at ``keypath``, or with its ``key``."""
        place = self.located.key_at(keypath) if key else self.located.at(keypath)
        self._add(place, keypath, problem, hint)

    def fault_inside(self, expression: Expression, offset: int, problem: str, hint: str = "") -> None:
        """Something is wrong with character ``offset`` of an expression."""
        place = self.located.scalar_position(expression.keypath, offset)
        self._add(place, expression.keypath, problem, hint)

    def _add(self, place: tuple[int, int], keypath: KeyPath, problem: str, hint: str) -> None:
        line, column = place
        where = key_path_text(keypath)
        path = self.located.name
        error = RuleFileError(problem, path=path, line=line, column=column, where=where, hint=hint)
        self.errors.append(error)

    def mapping(self, value: Any, keypath: KeyPath, known: Collection[str] | None = None) -> dict[str, Any]:
        """A mapping with text keys; with ``known``, others are faults. Empty where it is none."""
        if not isinstance(value, dict):
            self.fault(keypath, "must be a mapping")
            return {}
        found = {}
        for key, item in value.items():
            if not isinstance(key, str):
                self.fault((*keypath, key), "this key must be text", "put it in quotes", key=True)
            elif known is not None and key not in known:
                self.fault((*keypath, key), f"unknown key `{key}`", nearest(key, known), key=True)
            else:
                found[key] = item
        return found

    def sequence(self, value: Any, keypath: KeyPath) -> list[Any]:
        """A list; empty where it is none."""
        if isinstance(value, list):
            return value
        self.fault(keypath, "must be a list")
        return []

    def text(self, value: Any, keypath: KeyPath) -> str | None:
        """Text with something in it."""
        if isinstance(value, str) and value.strip():
            return value
        self.fault(keypath, "must be text" if not isinstance(value, str) else "must not be empty")
        return None

    def one_of(self, value: Any, keypath: KeyPath, choices: Sequence[str]) -> str | None:
        """One of a few words."""
        if isinstance(value, str) and value in choices:
            return value
        hint = nearest(value, choices) if isinstance(value, str) else ""
        self.fault(keypath, f"must be one of {', '.join(choices)}", hint)
        return None

    def expression(self, value: Any, keypath: KeyPath, where: str) -> Expression | None:
        """The text of an expression. Unquoted, YAML would cut some short (``#``) and change others."""
        if isinstance(value, str) and value.strip():
            if not self.located.style(keypath) and not _is_path(value):
                self.fault(keypath, "an expression must be quoted", f'write "{_doubled(value)}"')
                return None
            return Expression(value, keypath, where)
        if isinstance(value, str):
            self.fault(keypath, "must be an expression, and is empty")
        elif isinstance(value, bool | int | float):
            self.fault(keypath, "must be an expression in quotes", f'write "{str(value).lower()}"')
        else:
            self.fault(keypath, "must be an expression in quotes")
        return None


def _is_path(text: str) -> bool:
    """``items``, ``event.order.items``: words that mean the same to YAML and to CEL."""
    return all(word.isidentifier() for word in text.removeprefix(".").split("."))


def _doubled(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
