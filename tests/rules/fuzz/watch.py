"""Watches over the fuzzer's own process: CPU time of one step, and what it does to the outside.

A step that takes too much CPU is interrupted by a timer; one that is stuck in C code is ended with a
traceback. Python's audit events show the trees that are compiled, and any file, import or process that
generated code would reach for.
"""

from __future__ import annotations

import ast
import faulthandler
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from types import FrameType
from typing import Any, NoReturn

# It imports a module at its first use, which would look like an escape.
datetime.strptime("1", "%d")  # noqa: DTZ007
STUCK_SECONDS = 60
# What the evaluation itself does: its own compilations, tracebacks, and look-ups of time zones.
_HARMLESS = frozenset(
    {
        "compile",
        "exec",
        "object.__getattr__",
        "sys._getframe",
        "code.__new__",
        "builtins.id",
        "gc.collect",
        "marshal.loads",
    }
)
# Data that libraries read when it is first asked for.
_DATA = ("zoneinfo", "tzdata", "_strptime", "phonenumbers")


class Hang(BaseException):
    """A step took more CPU than it may; no ``except Exception`` stops it."""


class Watch:
    """One for a process: audit hooks stay for ever.

    Args:
        seconds: CPU that one step may take.
    """

    def __init__(self, seconds: float = 2.0) -> None:
        self._seconds = seconds
        self._inside = False
        self.trees: list[ast.AST] = []
        self.reached: list[str] = []
        signal.signal(signal.SIGPROF, self._ring)
        sys.addaudithook(self._hear)

    def _ring(self, number: int, frame: FrameType | None) -> NoReturn:
        raise Hang

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "compile" and arguments and isinstance(arguments[0], ast.Module):
            self.trees.append(arguments[0])
        elif self._inside and event not in _HARMLESS and not self._is_data(event, arguments):
            self.reached.append(f"{event} {str(arguments)[:120]}")

    def _is_data(self, event: str, arguments: tuple[Any, ...]) -> bool:
        text = str(arguments[:1])
        return event in {"open", "import", "os.listdir", "os.scandir"} and any(part in text for part in _DATA)

    @contextmanager
    def step(self, *, sandboxed: bool, times: float = 1) -> Iterator[None]:
        """A bounded step; in a ``sandboxed`` one, what it reaches for is noted."""
        signal.setitimer(signal.ITIMER_PROF, self._seconds * times)
        self._inside = sandboxed
        try:
            yield
        finally:
            self._inside = False
            signal.setitimer(signal.ITIMER_PROF, 0)

    @staticmethod
    def alive() -> None:
        """Say that it goes on; where nobody says so for long, C code is stuck and the process ends."""
        faulthandler.dump_traceback_later(STUCK_SECONDS, exit=True)

    @staticmethod
    def done() -> None:
        """No more watching for what is stuck."""
        faulthandler.cancel_dump_traceback_later()
