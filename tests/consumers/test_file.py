"""The file source beyond the contract: ends, raw lines, positions, odd lines."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.consumers.base import Link
from bridge.consumers.file import FileConsumer, FileSettings
from bridge.consumers.file_lines import LineReader
from bridge.consumers.file_position import load_positions, save_positions
from bridge.errors import ConsumerError
from bridge.model import Record, Stream
from tests.contract.inbox import RecordingInbox, close, done_with, eventually


def _read(settings: FileSettings) -> tuple[FileConsumer, RecordingInbox]:
    inbox = RecordingInbox()
    consumer = FileConsumer(settings, inbox)
    consumer.start()
    return consumer, inbox


def _file(path: Path, text: str, **more: Any) -> FileSettings:
    path.write_text(text)
    return FileSettings.model_validate({"name": "f", "type": "file", "path": str(path), **more})


def test_the_end_of_the_input_is_said_after_the_last_record(tmp_path: Path) -> None:
    """A last line without a line end counts."""
    consumer, inbox = _read(_file(tmp_path / "a", '{"topic":"t","value":"1"}\n\n{"queue":"q","json":{}}'))
    assert inbox.wait_until(lambda: inbox.ended)
    assert [(r.stream.name, r.value, r.offset, r.queue) for r in inbox.received] == [
        ("t", b"1", 0, False),
        ("q", b"{}", 2, True),
    ]
    assert inbox.calls[-1] == "finished"
    close(consumer)


def test_a_line_that_cannot_be_read_becomes_a_record_of_the_files_own_stream(tmp_path: Path) -> None:
    """Its bytes go on untouched, so that it is dead-lettered and not skipped."""
    consumer, inbox = _read(_file(tmp_path / "in.jsonl", 'not json\n{"topic":"t","value":"1"}\n'))
    assert inbox.wait_until(lambda: inbox.ended)
    assert [(r.stream.name, r.value) for r in inbox.received] == [("in.jsonl", b"not json"), ("t", b"1")]
    close(consumer)


def test_raw_lines_are_bodies_of_the_given_topic(tmp_path: Path) -> None:
    """Nothing of a line is taken away but its line end."""
    consumer, inbox = _read(_file(tmp_path / "a", ' {"a":1} \r\nx', format="raw", topic="t"))
    assert inbox.wait_until(lambda: inbox.ended)
    assert [(r.stream.name, r.value) for r in inbox.received] == [("t", b' {"a":1} \r'), ("t", b"x")]
    close(consumer)


def test_raw_without_a_topic_is_refused(tmp_path: Path) -> None:
    """And a topic without raw."""
    for more in ({"format": "raw"}, {"topic": "t"}):
        with pytest.raises(ValidationError, match="raw"):
            _file(tmp_path / "a", "", **more)


def test_a_position_of_another_file_is_refused(tmp_path: Path) -> None:
    """It would skip lines that were never read."""
    position = tmp_path / "position"
    settings = _file(tmp_path / "a", '{"topic":"t","value":"1"}\n', position=str(position))
    consumer, inbox = _read(settings)
    consumer.settle(done_with(inbox.wait_for_records(1), consumer.settles))
    assert eventually(lambda: consumer.stats.commits_ok > 0)
    close(consumer)
    _file(tmp_path / "a", '{"topic":"t","value":"2"}\n')
    consumer, inbox = _read(settings)
    assert inbox.wait_until(lambda: bool(inbox.failures))
    assert "another file" in str(inbox.failures[0])
    close(consumer)


def test_a_damaged_position_file_is_an_error_and_not_a_beginning(tmp_path: Path) -> None:
    """Starting over silently would send everything again."""
    (tmp_path / "p").write_bytes(b"\x00")
    with pytest.raises(ConsumerError, match="delete it"):
        load_positions(tmp_path / "p", None)


def test_positions_are_read_back(tmp_path: Path) -> None:
    """A second save replaces the first."""
    (tmp_path / "a").write_bytes(b"x" * 3000)
    for offset in (1, 2):
        save_positions(tmp_path / "p", {"t": offset}, tmp_path / "a")
    assert load_positions(tmp_path / "p", tmp_path / "a").watermarks == {"t": 2}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "p"]


def test_a_file_that_is_not_there_fails_the_source(tmp_path: Path) -> None:
    """With the remedy; the last word is ``CLOSED``."""
    consumer, inbox = _read(FileSettings(name="f", path=tmp_path / "none"))
    assert inbox.wait_until(lambda: inbox.links[-1:] == [(Link.CLOSED, "")])
    assert "No such file" in str(inbox.failures[0])
    close(consumer)


def test_a_followed_file_that_is_cut_fails_instead_of_waiting_for_ever(tmp_path: Path) -> None:
    """Line numbers would mean other lines from then on."""
    settings = _file(tmp_path / "a", '{"topic":"t","value":"1"}\n', follow=True)
    consumer, inbox = _read(settings)
    inbox.wait_for_records(1)
    os.truncate(tmp_path / "a", 3)
    assert inbox.wait_until(lambda: bool(inbox.failures))
    close(consumer)


def test_the_end_waits_for_what_a_paused_stream_holds(tmp_path: Path) -> None:
    """Records set aside are handed over in order before ``finished`` is said."""
    text = "".join(f'{{"topic":"{"ab"[n % 2]}","value":"{n}"}}\n' for n in range(6))
    settings = _file(tmp_path / "f", text)
    inbox = RecordingInbox()
    consumer = FileConsumer(settings, inbox)
    consumer.pause([Stream("f", "a")])
    consumer.start()
    assert [r.value for r in inbox.wait_for_records(3)] == [b"1", b"3", b"5"]
    assert not inbox.wait_until(lambda: inbox.ended, 0.4)
    consumer.resume([Stream("f", "a")])
    assert [r.value for r in inbox.wait_for_records(6)][3:] == [b"0", b"2", b"4"]
    assert inbox.wait_until(lambda: inbox.ended)
    close(consumer)


class _OneBatchInbox(RecordingInbox):
    """Has no room after the first batch until the test gives it."""

    def records(self, batch: Sequence[Record], consumed_total: int) -> None:
        super().records(batch, consumed_total)
        if len(self.totals) == 1:
            self.give_room(False)


def test_what_was_set_aside_comes_before_what_was_read_later(tmp_path: Path) -> None:
    """Order within a stream survives a resume in the middle of what is read."""
    others = '{"topic":"b","value":"x"}\n' * 600
    settings = _file(tmp_path / "f", f'{{"topic":"a","value":"1"}}\n{others}{{"topic":"a","value":"2"}}\n')
    inbox = _OneBatchInbox()
    consumer = FileConsumer(settings, inbox)
    consumer.pause([Stream("f", "a")])
    consumer.start()
    inbox.wait_for_records(500)
    consumer.resume([Stream("f", "a")])
    said_at = time.monotonic()
    assert eventually(lambda: consumer.stats.last_progress_seconds > said_at)
    inbox.give_room(True)
    received = inbox.wait_for_records(602)
    assert [r.value for r in received if r.stream.name == "a"] == [b"1", b"2"]
    close(consumer)


def test_a_pipe_is_read_as_it_comes() -> None:
    """Half a line waits for its other half; the end of the pipe ends the last line."""
    reading, writing = os.pipe()
    lines = LineReader(reading, "pipe")
    os.write(writing, b"one\ntw")
    assert lines.read(5.0) == [b"one"]
    threading.Timer(0.05, os.write, (writing, b"o\nthree")).start()
    assert lines.read(5.0) == [b"two"]
    os.close(writing)
    assert lines.read(5.0) == [b"three"]
    assert lines.is_at_end
    assert lines.read(0.0) == []
    lines.close()
