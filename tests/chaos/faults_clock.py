"""The wall clock jumps, by libfaketime; the monotonic clock does not, as on any machine."""

from __future__ import annotations

import glob

from tests.chaos.arena import Arena, Setting
from tests.chaos.faults import Fault

_LIBRARY = "/usr/lib/*/faketime/libfaketime.so.1"
_JUMPS = ("+1h", "-1h", "+10d", "+0")


def library() -> str:
    """Where Debian has it; empty where it is not."""
    return next(iter(glob.glob(_LIBRARY)), "")  # noqa: PTH207 - an absolute pattern


def missing() -> str:
    """What this machine lacks, one line; empty when nothing."""
    return "" if library() else "libfaketime: not here (Debian: apt-get install libfaketime)"


def jump(arena: Arena) -> None:
    """Forward an hour, back two, forward ten days, home again."""
    dial = arena.home / "clock"
    arena.first.stop()
    dial.write_text("+0\n")
    arena.first.bridge.process.env |= {
        "LD_PRELOAD": library(),
        "FAKETIME_TIMESTAMP_FILE": str(dial),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    arena.first.start()
    for offset in _JUMPS:
        dial.write_text(f"{offset}\n")
        arena.flows()
    arena.healed()


CLOCK_FAULTS = (Fault("clock jumps", jump, Setting()),)
