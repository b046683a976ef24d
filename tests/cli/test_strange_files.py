"""`check` on files that are none, are strange, or are too large: a line for a person, no traceback."""

import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bridge.cli.check import check
from bridge.errors import UsageError

GOOD = """\
from: {topics: [t]}  # Café \u2028\x85
rules:
  - name: r
    when: "event.a == 'Café'"
    emit: [{event_type: track, event_name: E, user_id: "event.id"}]
"""
WRONG = GOOD.replace("event.id", "evnt.id")


def said(*paths: Path) -> str:
    app = typer.Typer()
    app.command()(check)
    result = CliRunner().invoke(app, [str(path) for path in paths])
    if isinstance(result.exception, UsageError):
        return str(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.output


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rules.yaml"


@pytest.mark.parametrize("lines", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_marks(path: Path, lines: str, mark: bytes) -> None:
    """The place and the line shown are right with any of them."""
    path.write_bytes(mark + GOOD.replace("\n", lines).encode())
    assert "0 errors, 0 warnings" in said(path)
    path.write_bytes(mark + WRONG.replace("\n", lines).encode())
    told = said(path).splitlines()
    assert told[0] == f"{path}:5:57: error: unknown variable 'evnt'"
    assert told[2].index("^") == told[1].index("evnt")


def test_a_byte_order_mark_does_not_move_the_caret(path: Path) -> None:
    """It is no character of the first line."""
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("{topics", "{topcs").encode())
    told = said(path).splitlines()
    assert told[0] == f"{path}:1:8: error: unknown key `topcs`"
    assert told[1].endswith("| from: {topcs: [t]}  # Café \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}")
    assert told[2].index("^") == told[1].index("topcs")


@pytest.mark.parametrize(
    ("encoding", "hint"),
    [
        ("latin-1", "save it as UTF-8"),
        ("utf-16", "it looks like UTF-16"),
        ("utf-16-be", "it looks like UTF-16"),
        ("utf-16-le", "it looks like UTF-16"),
        ("utf-32", "it looks like UTF-16"),
    ],
)
def test_other_encodings_are_told(path: Path, encoding: str, hint: str) -> None:
    """With what to do, and without their bytes on the terminal."""
    path.write_bytes(GOOD.replace("\u2028\x85", "").encode(encoding))
    told = said(path)
    assert "error: the file is not UTF-8 text" in told
    assert f"hint: {hint}" in told
    assert " | " not in told


def test_a_control_character_is_told_and_not_printed(path: Path) -> None:
    """It could do something to the terminal."""
    path.write_text(GOOD.replace("name: r", "name: \x1b[2Jr"))
    told = said(path)
    assert f"{path}:3:11: error: a control character" in told
    assert "\x1b" not in told


def test_a_long_line_is_cut_around_the_place(path: Path) -> None:
    """The caret still stands under it."""
    path.write_text(WRONG.replace("event_name: E", f"event_name: {'E' * 3000}"))
    told = said(path).splitlines()
    assert len(told[1]) < 200
    assert told[1][told[2].index("^") :].startswith("evnt.id")


def test_wide_characters_move_the_caret(path: Path) -> None:
    """They take two places on a terminal."""
    path.write_text(WRONG.replace("event_name: E", "event_name: 注文"))
    told = said(path).splitlines()
    assert told[2].index("^") == told[1].index("evnt") + 2


def test_too_much_is_told(path: Path) -> None:
    """Size, depth, and aliases that multiply."""
    path.write_text(GOOD + "#" + "x" * 1024 * 1024)
    assert "larger than 1048576 bytes" in said(path)
    path.write_text("a: " + "[" * 5000)
    assert "nested deeper than 100" in said(path)
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [f"{one}: &{one} [{','.join([f'*{chr(ord(one) - 1)}'] * 9)}]" for one in "bcdefghijk"]
    path.write_text("\n".join(lines))
    assert "more than 100000 nodes" in said(path)


def test_what_is_no_file(tmp_path: Path, path: Path) -> None:
    """Missing, dangling, a loop, a pipe, a pattern that the shell left alone."""
    path.symlink_to(tmp_path / "nowhere.yaml")
    assert said(path) == f"no such file: {path}"
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    assert said(loop) == f"no such file: {loop}"
    os.mkfifo(tmp_path / "pipe.yaml")
    assert said(tmp_path / "pipe.yaml").startswith("no such file")
    assert said(tmp_path / "x*.yaml").endswith("x*.yaml (no file matches the pattern)")


def test_a_folder_means_its_files(tmp_path: Path) -> None:
    """Links count, tests beside rules are no rules, folders in it are left alone."""
    assert said(tmp_path) == f"no YAML file in the folder {tmp_path}"
    (tmp_path / "real").write_text(GOOD)
    (tmp_path / "a.yaml").symlink_to(tmp_path / "real")
    (tmp_path / "b.yml").write_text(GOOD.replace("name: r", "name: s"))
    (tmp_path / "a.cases.yaml").write_text("tests: []\n")
    (tmp_path / "inner.yaml").mkdir()
    assert "0 errors, 1 warnings (2 rule files, 2 rules)" in said(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(path: Path) -> None:
    """As the system says it."""
    path.write_text(GOOD)
    path.chmod(0)
    assert "cannot read the file: Permission denied" in said(path)
