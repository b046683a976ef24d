"""A file of letters: places are line numbers, marks are lines like any other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bridge.errors import ConsumerError, DeadLetterError
from bridge.record_lines import line_of, read_line
from bridge.redrive.archive import Entry
from bridge.redrive.found import FoundLetter
from bridge.redrive.marks import mark_entry
from bridge.settle.line_file import append_lines


class FileArchive:
    """See ``archive.Archive``. A file that is not there holds no letters.

    Raises:
        ConsumerError: it cannot be opened.
    """

    note = ""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._end = path.stat().st_size if path.exists() else 0
        except OSError as error:
            raise ConsumerError(f"{path}: {error.strerror}", "correct `dead_letters.path`") from error

    def read(self) -> Iterator[Entry]:
        """Line by line."""
        if not self._end:
            return
        try:
            with self._path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    if file.tell() > self._end:
                        return
                    if line.strip() and (entry := _entry(number, line)) is not None:
                        yield entry
        except OSError as error:
            raise ConsumerError(f"{self._path}: {error.strerror}", "correct `dead_letters.path`") from error

    def mark(self, letters: Sequence[FoundLetter]) -> None:
        """Append a line for each."""
        now = datetime.now(UTC)
        lines = []
        for letter in letters:
            mark = mark_entry(letter, now)
            lines.append(line_of(mark))
        try:
            append_lines(self._path, lines)
        except OSError as error:
            raise DeadLetterError(
                f"{self._path}: {error.strerror or os.strerror(error.errno or 0)}"
            ) from error

    def close(self) -> None:
        """Nothing is held open."""


def _entry(number: int, line: bytes) -> Entry | None:
    """A last line without its end is one that is being written now, or that a crash cut: no letter."""
    try:
        record = read_line(line.rstrip(b"\n")).record("", number, 0)
    except ValueError:
        return Entry(str(number), None) if line.endswith(b"\n") else None
    return Entry(str(number), record)
