"""What the harness shows: a bar on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class Screen:
    """Writes to standard error; tables go to standard output."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        console = Console(stderr=True)
        self._bars = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)

    def tell(self, text: str) -> None:
        """One line."""
        if self._bars.disable:
            sys.stderr.write(f"bench: {text}\n")
            sys.stderr.flush()
        else:
            self._bars.console.print(text, highlight=False, soft_wrap=True)

    @contextmanager
    def bar(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        """A bar for one heat; what is given is told how far it is."""
        with self._bars:
            task = self._bars.add_task(title, total=total)
            try:
                yield lambda done: self._bars.update(task, completed=done)
            finally:
                self._bars.remove_task(task)
