"""One thing that the linter has to say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bridge.located_yaml import KeyPath, Located, Place, key_path_text


class Severity(StrEnum):
    """An ``error`` can never work; a ``warning`` works, but hardly as meant."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding with its place in a rule file.

    Args:
        code: which check found it, such as ``unused-let``; fixed, for filters of other tools.
        severity: how bad it is.
        path: the file, as the user named it.
        line: 1-based.
        column: 1-based.
        where: the key path.
        message: what is wrong, one line.
        hint: the remedy; may be empty.
    """

    code: str
    severity: Severity
    path: str
    line: int
    column: int
    where: str
    message: str
    hint: str = ""


def at(located: Located, place: Place, keypath: KeyPath) -> tuple[str, int, int, str]:
    """``path line column where`` of a finding."""
    return located.name, *place, key_path_text(keypath)
