"""A file of letters, looked into while the bridge may write to it."""

from __future__ import annotations

from pathlib import Path

from bridge.record_lines import line_of
from bridge.redrive.file_archive import FileArchive
from bridge.redrive.found import read_letter
from bridge.redrive.marks import mark_of, read_mark
from bridge.settle.line_file import append_lines
from tests.redrive.lying import ORDER, TICKET, entry_of


def test_it_ends_where_it_ended_when_it_was_opened(tmp_path: Path) -> None:
    """Marks and new letters come behind that; each look gives the same."""
    path = tmp_path / "letters.jsonl"
    lines = [line_of(entry_of(one)) for one in (ORDER, TICKET)]
    append_lines(path, lines)
    archive = FileArchive(path)
    letters = [read_letter(place, record) for place, record in archive.read() if record is not None]
    first = letters[0]
    assert first is not None
    archive.mark([first])
    append_lines(path, lines)

    assert [place for place, _ in archive.read()] == ["1", "2"]
    now = list(FileArchive(path).read())
    assert [place for place, _ in now] == ["1", "2", "3", "4", "5"]
    assert now[2].record is not None
    assert read_mark(now[2].record) == mark_of(first)


def test_a_line_that_is_none_is_foreign_and_one_without_an_end_is_not_there_yet(tmp_path: Path) -> None:
    """The second may be under way just now."""
    path = tmp_path / "letters.jsonl"
    path.write_bytes(b'{"cut\n\n' + line_of(entry_of(ORDER))[:-9])
    assert list(FileArchive(path).read()) == [("1", None)]


def test_a_file_that_is_not_there_holds_none(tmp_path: Path) -> None:
    """No letter was ever written."""
    assert list(FileArchive(tmp_path / "none").read()) == []
