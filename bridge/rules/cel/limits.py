"""How much an expression may cost: its text before it runs, its loops and results while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bridge.rules.cel.faults import EvalFault


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one expression and on one evaluation.

    Args:
        steps: elements that all loops of one evaluation may visit together.
        string_bytes: UTF-8 size of a text, or elements of a list, that an operator or function may build.
        expression_chars: length of an expression's text.
        depth: nesting of an expression.
    """

    steps: int = 10_000
    string_bytes: int = 64 * 1024
    expression_chars: int = 4096
    depth: int = 50


class Budget:
    """The loop steps that one evaluation has left; make a new one for every call of a built function."""

    __slots__ = ("left",)

    def __init__(self, steps: int = 10_000) -> None:
        self.left = steps

    def charge(self, steps: int) -> None:
        """Take ``steps`` off.

        Raises:
            EvalFault: of kind ``budget`` when fewer are left.
        """
        self.left -= steps
        if self.left < 0:
            raise EvalFault("too many loop steps for one evaluation", "budget")

    def weigh(self, value: Any) -> Any:
        """``value`` itself; one that is large takes steps, for work on it is no single step.

        Raises:
            EvalFault: of kind ``budget``.
        """
        shift = _SHIFTS.get(value.__class__)
        if shift is not None:
            steps = len(value) >> shift
            if steps:
                self.charge(steps)
        return value


SMALL = 32
"""A list of fewer elements weighs nothing."""

SMALL_TEXT = 1024
"""So does a text of fewer characters."""

# How much of a value costs one step: 32 elements, or 1,024 characters of text. So 10,000 steps
# hold some 100 MB of texts at most (four times that where every text has an emoji).
_SHIFTS: dict[type, int] = {list: 5, dict: 5, str: 10, bytes: 10}
