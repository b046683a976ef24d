"""``${VAR}`` and ``${VAR:-default}`` in the scalars of a parsed document. Pure but for the mapping it asks.

Substitution happens after parsing, so a value can never change the document's structure. Keys are left
alone. ``$${`` stands for a literal ``${``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bridge.errors import ConfigError
from bridge.located_yaml import KeyPath, Located, key_path_text, plain_value

_REFERENCE = re.compile(r"\$?\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})?")


class Substitution:
    """One pass over a document.

    Args:
        located: the document.
        environ: the environment.

    After ``run``, ``errors`` holds every unset or malformed reference with its own line and column,
    and ``used`` the values that came from the environment, by name, so that messages can leave them out.
    """

    def __init__(self, located: Located, environ: Mapping[str, str]) -> None:
        self._located = located
        self._environ = environ
        self.errors: list[ConfigError] = []
        self.used: dict[str, str] = {}

    def run(self) -> Any:
        """The document's value with its references resolved; the original is left as it is."""
        return self._resolved(self._located.value, ())

    def _resolved(self, value: Any, keypath: KeyPath) -> Any:
        if isinstance(value, dict):
            return {key: self._resolved(item, (*keypath, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self._resolved(item, (*keypath, index)) for index, item in enumerate(value)]
        if isinstance(value, str) and "${" in value:
            return self._text(value, keypath)
        return value

    def _text(self, text: str, keypath: KeyPath) -> Any:
        result = _REFERENCE.sub(lambda match: self._reference(match, keypath), text)
        whole = _REFERENCE.fullmatch(text)
        is_plain = whole and not whole[0].startswith("$$") and not self._located.style(keypath)
        return plain_value(result) if is_plain and result else result

    def _reference(self, match: re.Match[str], keypath: KeyPath) -> str:
        name, default = match["name"], match["default"]
        if match[0].startswith("$$"):
            return match[0][1:]
        if name is None:
            return self._fail(match, keypath, "not a reference", "write ${NAME}, ${NAME:-default}, or $${")
        value = self._environ.get(name)
        if value is None and default is None:
            return self._fail(
                match, keypath, f"the variable {name} is not set", f"set it, or write ${{{name}:-default}}"
            )
        if value or default is None:
            self.used[name] = value or ""
            return value or ""
        return str(default)

    def _fail(self, match: re.Match[str], keypath: KeyPath, problem: str, hint: str) -> str:
        line, column = self._located.scalar_position(keypath, match.start())
        where, path = key_path_text(keypath), self._located.name
        self.errors.append(ConfigError(problem, path=path, line=line, column=column, where=where, hint=hint))
        return ""
