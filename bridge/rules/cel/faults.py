"""What can go wrong with an expression: before it runs, and while it runs."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["missing", "type", "overflow", "divide", "budget", "argument", "conversion"]


class CompileFault(Exception):
    """An expression that must not run.

    Args:
        message: what is wrong, one line.
        offset: 0-based character in the expression's text.
        length: how many characters the fault covers; at least 1.
        hint: the nearest known name or the remedy; may be empty.

    ``others`` are faults of the same expression behind this one.
    """

    def __init__(self, message: str, offset: int = 0, length: int = 1, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.length = max(length, 1)
        self.hint = hint
        self.others: tuple[CompileFault, ...] = ()

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class EvalFault(Exception):
    """A value that an expression could not be computed for.

    Args:
        message: what is wrong, one line; names fields and types, never the values of the data.
        kind: one of a closed set, fit for a metric's label.
    """

    def __init__(self, message: str, kind: Kind = "argument") -> None:
        super().__init__(message)
        self.message = message
        self.kind: Kind = kind

    @property
    def missing(self) -> bool:
        """True exactly for a field, key or index that is not there: a default may serve it."""
        return self.kind == "missing"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The hint for an unknown name: ``did you mean 'x'?``, or empty when nothing is near."""
    choices = sorted(known)
    folded = {choice.lower(): choice for choice in reversed(choices)}
    near = get_close_matches(name, choices, n=1) or [
        folded[match] for match in get_close_matches(name.lower(), list(folded), n=1)
    ]
    return f"did you mean {near[0]!r}?" if near else ""
