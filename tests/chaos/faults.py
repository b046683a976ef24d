"""What a fault is: a name, what it needs, and what it does to an arena while records flow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tests.chaos.arena import Arena, Setting

Where_contra = TypeVar("Where_contra", bound=Arena, contravariant=True)


@dataclass(frozen=True)
class Fault(Generic[Where_contra]):
    """One line of the table.

    Attributes:
        name: of the line.
        strike: breaks something, waits for its stall reason where it has one, and mends it; events flow when
            it begins, and again when it returns.
        setting: of the arena.
        reasons: of ``bridge_stalled``, at least one of which must have been seen; empty: nothing need stall.
        in_short: runs in CI.
    """

    name: str
    strike: Callable[[Where_contra], None]
    setting: Setting = field(default_factory=Setting)
    reasons: Sequence[str] = ()
    in_short: bool = True
