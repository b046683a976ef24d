"""Lines appended by several processes: whole, or not there."""

from __future__ import annotations

import multiprocessing
import os
import resource
from pathlib import Path

import pytest

from bridge.settle.line_file import append_lines

LINES = 200


def _append(path: Path, name: str) -> None:
    for number in range(LINES):
        append_lines(path, [f"{name} {number} {'x' * 5_000}".encode()])


def test_two_processes_never_mix_their_lines(tmp_path: Path) -> None:
    """All of both, each whole and in its order."""
    path = tmp_path / "deep" / "lines"
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_append, args=(path, name)) for name in "ab"]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    lines = [line.split(" ") for line in path.read_text().splitlines()]

    assert all(len(rest) == 5_000 for _, _, rest in lines)
    for name in "ab":
        assert [int(number) for who, number, _ in lines if who == name] == list(range(LINES))


def test_a_line_that_a_crash_cut_stands_alone(tmp_path: Path) -> None:
    """What comes next would be lost with it."""
    path = tmp_path / "lines"
    path.write_bytes(b'whole\n{"cut')
    append_lines(path, [b"next", b"last"])
    assert path.read_bytes() == b'whole\n{"cut\nnext\nlast\n'


def _fill(path: Path) -> None:
    """A limit on the size of files is a full disk: a write is cut short, and the next one refused."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    append_lines(path, [b"x" * 60])
    with pytest.raises(OSError, match=r"space|large"):
        append_lines(path, [b"y" * 60])
    os._exit(0 if path.read_bytes() == b"x" * 60 + b"\n" else 1)


def test_what_a_full_disk_cuts_short_is_taken_back(tmp_path: Path) -> None:
    """The file is as before."""
    process = multiprocessing.get_context("spawn").Process(target=_fill, args=(tmp_path / "lines",))
    process.start()
    process.join()
    assert process.exitcode == 0
