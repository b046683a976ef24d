"""How a redrive goes: a bar on a terminal, a line now and then in a pipe; what stays, at once."""

from __future__ import annotations

import sys
import time
from collections import Counter
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bridge.logs import redacted
from bridge.redrive.found import FoundLetter
from bridge.redrive.plan import Plan

_LINE_SECONDS = 5.0


class Showing:
    """See ``redrive.redriver.Reporter``. Results go to standard output, progress to standard error.

    Args:
        total: letters to come.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._progress: Progress | None = None
        self._said_seconds = time.monotonic()
        self._waits = ""
        self.ends: Counter[str] = Counter()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            columns = (TextColumn("redriving"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._progress = Progress(
                *columns,
                TextColumn("{task.fields[waits]}"),
                console=self._console,
                redirect_stdout=sys.stdout.isatty(),  # above the bar; a pipe gets what is its own
            )
            self._progress.start()
            self._progress.add_task("", total=self._total, waits="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def accepted(self, letter: FoundLetter) -> None:
        """Counted."""
        self._count("accepted")

    def failed(self, letter: FoundLetter, why: str) -> None:
        """Said."""
        self._say(letter, f"failed again: {why}")
        self._count("failed again")

    def kept(self, letter: FoundLetter, plan: Plan) -> None:
        """Said."""
        self._say(letter, str(plan))
        self._count("stay")

    def waits(self, why: str) -> None:
        """Said once."""
        if why == self._waits:
            return
        self._waits = why
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], waits=redacted(why))
        else:
            self._write(redacted(why) or "it goes on")

    def summary(self) -> str:
        """All counts."""
        counted = [f"{self.ends[name]} {name}" for name in ("accepted", "failed again", "stay")]
        rest = self._total - self.ends.total()
        return ", ".join([*counted, *([f"{rest} not reached"] if rest else [])])

    def _count(self, end: str) -> None:
        self.ends[end] += 1
        if self._progress is not None:
            self._progress.advance(self._progress.task_ids[0])
        elif time.monotonic() - self._said_seconds >= _LINE_SECONDS:
            self._said_seconds = time.monotonic()
            self._write(f"{self.ends.total()} of {self._total}: {self.summary()}")

    def _say(self, letter: FoundLetter, what: str) -> None:
        sys.stdout.write(
            f"{letter.place}  {letter.reason}  {redacted(letter.rule) or '-'}  {redacted(what)}\n"
        )
        sys.stdout.flush()

    def _write(self, text: str) -> None:
        self._console.print(text, markup=False)
