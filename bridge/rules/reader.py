"""Reads values out of a located YAML file and collects what is wrong with them, instead of stopping.

A key that is plainly meant otherwise is told and then read as what was meant, so that one slip of the pen is
one fault.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from bridge.config_words import nearest
from bridge.errors import ConfigError, RuleFileError
from bridge.located_yaml import KeyPath, Located, key_path_text
from bridge.rules.rule import Expression
from bridge.rules.words import KEYS, REMARKS, VALUES
from bridge.yaml_problems import flow_value, quoted

_LITERAL = re.compile(r"[\w .,:/+-]*", re.UNICODE)
_BRACED = re.compile(r"\$\{\s*([^{}]+?)\s*\}")
_WORD = re.compile(r"[A-Za-z_][\w-]*")
_TYPOGRAPHIC = str.maketrans("“”„‘’", '"""\'\'')


class Reader:
    """One file; every fault it met is in ``errors``, in the order met."""

    def __init__(self, located: Located) -> None:
        self.located = located
        self.errors: list[ConfigError] = []

    def fault(self, keypath: KeyPath, problem: str, hint: str = "", *, key: bool = False) -> None:
        """Something is wrong with the value at ``keypath``, or with its ``key``."""
        place = self.located.key_at(keypath) if key else self.located.at(keypath)
        self._add(place, keypath, problem, hint)

    def misfit(self, value: Any, keypath: KeyPath, problem: str, hint: str = "") -> None:
        """The value is of a wrong shape; one that was left out is told at its key."""
        if value is None and not self.located.is_written(keypath):
            self.fault(keypath, f"`{keypath[-1]}` has no value", hint or problem, key=True)
        else:
            self.fault(keypath, problem, hint)

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

    def mapping(
        self,
        value: Any,
        keypath: KeyPath,
        known: Collection[str] | None = None,
        *,
        meant: Mapping[str, str] = KEYS,
        hint: str = "",
    ) -> dict[str, Any]:
        """A mapping with text keys; empty where it is none.

        Args:
            value: what the file says.
            keypath: its place.
            known: its keys; others are faults. Without it any text is one.
            meant: wrong key → the one that is meant; a mapping is read as if it said that.
            hint: what to write where it is no mapping.
        """
        if not isinstance(value, dict):
            self.misfit(value, keypath, "must be a mapping", hint or "`key: value` lines without dashes")
            return {}
        found = {}
        for key, item in value.items():
            if not isinstance(key, str):
                self.fault((*keypath, key), "this key must be text", "put it in quotes", key=True)
            elif known is None or key in known:
                found[key] = item
            elif not self._is_rest(key, item, value, keypath):
                right = _meant(key, known, value, meant)
                hint_of_key = _hint_of_key(key, right, known)
                self.fault((*keypath, key), f"unknown key `{key}`", hint_of_key, key=True)
                if right:
                    found[right] = _as_meant(key, right, item)
                    self.located.rename(keypath, key, right)
        return found

    def _is_rest(self, key: str, item: Any, value: dict[Any, Any], keypath: KeyPath) -> bool:
        """``{double: math.max(1, 2)}``: what a comma cut off an unquoted expression, which is told there."""
        keys = list(value)
        before = keys[keys.index(key) - 1] if keys.index(key) else None
        plain = isinstance(value.get(before), str) and not self.located.style((*keypath, before or ""))
        return item is None and plain and not _WORD.fullmatch(key)

    def sequence(self, value: Any, keypath: KeyPath, hint: str = "") -> list[Any]:
        """A list; empty where it is none."""
        if isinstance(value, list):
            return value
        self.misfit(value, keypath, "must be a list", hint)
        return []

    def text(self, value: Any, keypath: KeyPath) -> str | None:
        """Text with something in it."""
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, str):
            self.fault(keypath, "must not be empty")
        else:
            simple = isinstance(value, bool | int | float)
            self.misfit(value, keypath, "must be text", "put it in quotes" if simple else "")
        return None

    def one_of(self, value: Any, keypath: KeyPath, choices: Sequence[str]) -> str | None:
        """One of a few words."""
        if isinstance(value, str) and value in choices:
            return value
        hint = ""
        if isinstance(value, str) and VALUES.get(value.lower()) in choices:
            hint = f"did you mean `{VALUES[value.lower()]}`?"
        elif isinstance(value, str):
            hint = nearest(value, choices)
        self.misfit(
            value, keypath, f"must be one of {', '.join(choices)}", "" if hint.startswith("known") else hint
        )
        return None

    def expression(self, value: Any, keypath: KeyPath, where: str) -> Expression | None:
        """The text of an expression. Unquoted, YAML would cut some short (``#``) and change others."""
        if isinstance(value, str) and value.strip():
            if not self.located.style(keypath) and not _is_path(value):
                problem = "an expression must be quoted"
                if value.translate(_TYPOGRAPHIC) != value and value[0] in "“”„‘’":
                    problem = "typographic quotes are no quotes"
                self.fault(keypath, problem, self._written(value, keypath))
                return None
            return Expression(value, keypath, where)
        if isinstance(value, str):
            self.fault(keypath, "must be an expression, and is empty", "leave the key out, or write one")
        elif isinstance(value, bool | int | float):
            self.fault(keypath, "must be an expression in quotes", f'write "{str(value).lower()}"')
        else:
            hint = _hint_of_shape(value) or "write one, or leave the key out"
            self.misfit(value, keypath, "must be an expression in quotes", hint)
        return None

    def _written(self, value: str, keypath: KeyPath) -> str:
        """How to write an expression that YAML took for plain text, in full even where YAML cut it off."""
        if braced := _BRACED.fullmatch(value):
            return f'write "{braced[1]}"'
        if value[-1] in "\"'" and value.count(value[-1]) == 1:
            return f"write {_doubled(value[:-1])}"
        plain = value.translate(_TYPOGRAPHIC)
        if plain != value:
            return f"write {quoted(plain)}"
        if _LITERAL.fullmatch(value) and not re.search(r"\w\s*[+/-]\s*\w|^[.\w]+\(", value.replace("-", "_")):
            return f'text is written "\'{value}\'", a field of the record "event.…"'
        whole = flow_value(self.located.text, self.located.offset(keypath))
        cut = value.count("'") % 2 or value.count('"') % 2 or not whole.startswith(f"{value} #")
        full = whole if cut and "\n" not in value and whole.startswith(value[:1]) else value
        return f"write {_doubled(full)}"


def _meant(key: str, known: Collection[str], there: Mapping[Any, Any], words: Mapping[str, str]) -> str:
    """The known key that a wrong one stands for, unless that is there too; empty when nobody knows."""
    free = [name for name in known if name not in there]
    plain = key.lower().replace("-", "_").replace(" ", "_")
    for candidate in (words.get(key), words.get(plain), plain):
        if candidate in free:
            return str(candidate)
    close = get_close_matches(plain, [] if key in REMARKS else free, n=1, cutoff=0.75)
    return close[0] if close else ""


def _as_meant(key: str, right: str, item: Any) -> Any:
    if right == "from" and key in _STREAMS:
        names = [item] if isinstance(item, str) else item
        return {_STREAMS[key]: names}
    return [item] if right in ("topics", "queues") and isinstance(item, str) else item


_STREAMS = {"topic": "topics", "topics": "topics", "queue": "queues", "queues": "queues"}


def _hint_of_key(key: str, right: str, known: Collection[str]) -> str:
    if right == "from" and key in _STREAMS:
        return f"write `from: {{{_STREAMS[key]}: [NAME]}}`"
    if right:
        return f"did you mean `{right}`?"
    if key in REMARKS:
        return "remarks are written as a comment: # …"
    if key in ("enabled", "disabled"):
        return 'to switch a rule off write `when: "false"`, or leave it out'
    return nearest(key, known)


def _hint_of_shape(value: Any) -> str:
    if isinstance(value, list):
        return "a list goes through json.encode(…) or ….join(', ')"
    return "an object is written in one expression: \"{'key': event.x}\"" if isinstance(value, dict) else ""


def _is_path(text: str) -> bool:
    """``items``, ``event.order.items``: words that mean the same to YAML and to CEL."""
    return all(word.isidentifier() for word in text.removeprefix(".").split("."))


def _doubled(text: str) -> str:
    """In double quotes, by the fewest signs."""
    if '"' in text and "'" not in text:
        return quoted(text)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
