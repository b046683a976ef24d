"""A file, or standard input, as a source: one JSON object a line (``bridge.record_lines``), or raw bodies.

Each topic or queue that lines name is one stream in line order; an offset is the line's number from 0.
A line that cannot be read becomes a record with the line's bytes on the file's own stream, so that it
dead-letters instead of being skipped. Empty lines are no records.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import wait
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from bridge.config import SourceSettings
from bridge.consumers.base import ConsumerStats, Inbox, Link, SecretReader, Settles
from bridge.consumers.file_lines import LineReader, open_lines
from bridge.consumers.file_position import load_positions, save_positions
from bridge.consumers.threaded import ThreadedConsumer
from bridge.model import Position, Record, Stream
from bridge.record_lines import read_line

_TURN_SECONDS = 0.1
_BATCH = 500
_BACKLOG_RECORDS = 10_000
"""Records of paused streams that are set aside before the whole file waits for them."""
_SAVE_SECONDS = 0.2
_EPOCH = 1


class FileSettings(SourceSettings):
    """A file source. ``path: "-"`` is standard input; ``format: raw`` takes each line as a body."""

    type: Literal["file"] = "file"
    path: Path | Literal["-"]
    follow: bool = False
    position: Path | None = None
    format: Literal["lines", "raw"] = "lines"
    topic: str | None = None
    unmatched: Literal["error", "filter"] = "filter"

    @model_validator(mode="after")
    def _raw_has_topic(self) -> Self:
        if (self.format == "raw") != (self.topic is not None):
            raise ValueError("`format: raw` and `topic` go together: raw lines name no topic themselves")
        return self

    @property
    def input_path(self) -> Path | None:
        """The file; None for standard input."""
        return None if str(self.path) == "-" else Path(self.path)


class FileConsumer(ThreadedConsumer):
    """Reads a file once, or follows it.

    Args:
        settings: of the source.
        inbox: the loop.
        secret_reader: not needed.
    """

    Settings: ClassVar[type[FileSettings]] = FileSettings
    settles: ClassVar[Settles] = Settles.WATERMARK

    def __init__(
        self, settings: FileSettings, inbox: Inbox, *, secret_reader: SecretReader | None = None
    ) -> None:
        super().__init__(settings, inbox, secret_reader=secret_reader)
        self._reader = _Reader(settings, inbox, self.stats, self.serve)

    @property
    def worker(self) -> _Reader:
        """The thread's half."""
        return self._reader


class _Reader:
    """Owned by the consumer thread."""

    def __init__(
        self, settings: FileSettings, inbox: Inbox, stats: ConsumerStats, serve: Callable[[], None]
    ) -> None:
        self._settings, self._inbox, self._stats, self._serve = settings, inbox, stats, serve
        self._lines: LineReader
        self._line_number = 0
        self._read: deque[Record] = deque()
        self._aside: defaultdict[Stream, deque[Record]] = defaultdict(deque)
        self._still: set[Stream] = set()
        self._streams: set[Stream] = set()
        self._watermarks: dict[str, int] = {}
        self._has_unsaved = False
        self._save_at = 0.0
        self._has_finished = False
        self._idle = threading.Event()

    def open(self) -> None:
        """Open the input, and read how far it was settled."""
        settings = self._settings
        self._lines = open_lines(settings.input_path, follow=settings.follow)
        if settings.position is not None:
            found = load_positions(settings.position, settings.input_path)
            self._watermarks.update(found.watermarks)
        self._inbox.link(Link.CONNECTED)

    def turn(self) -> None:
        """Save positions, then read and hand over."""
        now = self._stats.last_progress_seconds = time.monotonic()
        self._save_if_due(now)
        if not self._inbox.wait_for_room(_TURN_SECONDS):
            return
        batch = self._next_batch()
        if batch:
            self._hand_over(batch)
        elif self._lines.is_at_end and not self._has_aside():
            self._finish()

    def leave(self, budget_seconds: float) -> None:
        """Drain, then save."""
        if self._streams:
            answer = self._inbox.revoked(frozenset(self._streams), budget_seconds)
            wait([answer], timeout=budget_seconds + 0.5)
            self._serve()
            self.settle(answer.result() if answer.done() else ())
        self._save()

    def close(self) -> None:
        """Close the input."""
        self._lines.close()

    def settle(self, positions: Sequence[Position]) -> None:
        """Remember; saved within a fifth of a second."""
        for position in positions:
            if position.epoch != _EPOCH or position.stream not in self._streams:
                self._stats.commits_fenced += 1
            else:
                self._watermarks[position.stream.name] = position.offset
                self._has_unsaved = True

    def pause(self, streams: Collection[Stream]) -> None:
        """Set these aside."""
        self._still.update(streams)
        self._stats.paused = frozenset(self._still & self._streams)

    def resume(self, streams: Collection[Stream]) -> None:
        """Hand over what was set aside, before anything newer."""
        for stream in self._still.intersection(streams):
            self._read.extendleft(reversed(self._aside.pop(stream, ())))
        self._still.difference_update(streams)
        self._stats.paused = frozenset(self._still & self._streams)

    # Reading

    def _next_batch(self) -> list[Record]:
        batch: list[Record] = []
        if not self._read and not self._is_aside_full():
            self._read_more()
        while self._read and len(batch) < _BATCH:
            record = self._read.popleft()
            if record.stream in self._still:
                self._aside[record.stream].append(record)
            else:
                batch.append(record)
        if not batch and not self._read:
            self._rest()
        return batch

    def _read_more(self) -> None:
        for line in self._lines.read(_TURN_SECONDS):
            record = self._record(line, self._line_number)
            self._line_number += 1
            if record is not None and record.offset >= self._watermarks.get(record.stream.name, 0):
                self._read.append(record)

    def _rest(self) -> None:
        """At the end of a regular file ``read`` returns at once; a pipe has waited already."""
        self._idle.wait(_TURN_SECONDS)

    def _record(self, line: bytes, number: int) -> Record | None:
        settings = self._settings
        if not line.strip():
            return None
        if settings.format == "raw":
            return Record(Stream(settings.name, settings.topic or ""), number, _EPOCH, line)
        try:
            read = read_line(line)
        except ValueError:
            return Record(Stream(settings.name, self._own_name), number, _EPOCH, line)
        return read.record(settings.name, number, _EPOCH)

    @property
    def _own_name(self) -> str:
        path = self._settings.input_path
        return path.name if path is not None else "-"

    def _hand_over(self, batch: list[Record]) -> None:
        if fresh := {record.stream for record in batch} - self._streams:
            self._streams |= fresh
            self._stats.assigned = frozenset(self._streams)
            self._inbox.assigned(dict.fromkeys(fresh, _EPOCH))
        self._stats.consumed_total += len(batch)
        self._inbox.records(batch, self._stats.consumed_total)

    def _has_aside(self) -> bool:
        return any(self._aside.values())

    def _is_aside_full(self) -> bool:
        return sum(map(len, self._aside.values())) >= _BACKLOG_RECORDS

    def _finish(self) -> None:
        if not self._has_finished:
            self._has_finished = True
            self._inbox.finished()

    # Positions

    def _save_if_due(self, now: float) -> None:
        if self._has_unsaved and now >= self._save_at:
            self._save_at = now + _SAVE_SECONDS
            self._save()

    def _save(self) -> None:
        """A save that fails is repeated with the next turn; meanwhile a restart reads more again."""
        position = self._settings.position
        if not self._has_unsaved:
            return
        try:
            if position is not None:
                save_positions(position, self._watermarks, self._settings.input_path)
        except OSError as error:
            self._stats.commits_failed += 1
            self._inbox.link(Link.CONNECTED, f"position file {position}: {error.strerror}")
            return
        self._has_unsaved = False
        self._stats.commits_ok += 1
        self._stats.last_commit_seconds = time.monotonic()
