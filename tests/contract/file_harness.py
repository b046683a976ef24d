"""The contract suite on a file that is followed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bridge.consumers.base import Consumer, Inbox, Settles
from bridge.consumers.file import FileConsumer, FileSettings
from bridge.model import Record, Stream
from bridge.record_lines import line_of
from tests.contract.harness import Abilities, Message


class FileHarness:
    """Two topics of one file."""

    abilities = Abilities(Settles.WATERMARK, revokes=False, loses=False, drops=False)

    def __init__(self, folder: Path) -> None:
        self._path, self._position = folder / "records.jsonl", folder / "position.json"
        self._path.touch()

    def produce(self, messages: Sequence[Message], number: int = 0) -> None:
        """Append lines."""
        stream = Stream("f", f"t{number}")
        with self._path.open("ab") as file:
            for one in messages:
                record = Record(stream, 0, 0, one.value, key=one.key, headers=one.headers)
                file.write(line_of(record) + b"\n")

    def consumer(self, inbox: Inbox) -> Consumer:
        """A reader of the file, with its position."""
        settings = FileSettings(name="f", path=self._path, follow=True, position=self._position)
        return FileConsumer(settings, inbox)

    def revoke(self) -> None:
        """Nobody takes a file away."""
        raise NotImplementedError

    def lose(self) -> None:
        """Nobody takes a file away."""
        raise NotImplementedError

    def drop_connection(self) -> None:
        """There is none."""
        raise NotImplementedError

    def close(self) -> None:
        """The folder goes with the test."""


def open_harness(request: pytest.FixtureRequest, *, own_broker: bool) -> FileHarness:
    """A fresh file."""
    return FileHarness(request.getfixturevalue("tmp_path"))
