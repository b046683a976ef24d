"""Run again when files change, noticed by their times: works on every file system and mount."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

Stamps: TypeAlias = Mapping[Path, tuple[int, int] | None]


def watch(find: Callable[[], Iterable[Path]], run: Callable[[], object], pause: Callable[[], object]) -> None:
    """Run once, and again after every change; ends only by an exception, such as that of Ctrl-C.

    Args:
        find: the files to look at; asked each time, so that new ones count.
        run: what to do.
        pause: waits until it is time to look again.
    """
    while True:
        # Taken before the run: what changes while it runs is a change.
        seen = stamps(find())
        run()
        while stamps(find()) == seen:
            pause()


def stamps(paths: Iterable[Path]) -> Stamps:
    """Time and size of each file; None of one that is not there."""
    return {path: _stamp(path) for path in paths}


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
