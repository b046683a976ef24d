"""Run again when a file changes."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.cli.watching import watch


def runs_of(find: Callable[[], list[Path]], *steps: Callable[[], object]) -> int:
    """How often ``watch`` ran, when each look was preceded by one step."""
    waiting = list(steps)
    count = 0

    def run() -> None:
        nonlocal count
        count += 1

    def pause() -> None:
        if not waiting:
            raise KeyboardInterrupt
        waiting.pop(0)()

    with pytest.raises(KeyboardInterrupt):
        watch(find, run, pause)
    return count


def nothing() -> None:
    """A look without a change."""


def test_without_a_change_it_runs_once(tmp_path: Path) -> None:
    """Looks cost nothing."""
    path = tmp_path / "a"
    path.write_text("1")
    assert runs_of(lambda: [path], nothing, nothing) == 1


def test_every_change_is_a_run(tmp_path: Path) -> None:
    """Written, touched, deleted, and there again."""
    path = tmp_path / "a"
    path.write_text("1")
    steps = [
        lambda: path.write_text("12"),
        nothing,
        lambda: os.utime(path, (1, 1)),
        path.unlink,
        lambda: path.write_text("1"),
    ]
    assert runs_of(lambda: [path], *steps) == 5


def test_a_new_file_is_a_change(tmp_path: Path) -> None:
    """What is looked at is asked each time."""
    assert runs_of(lambda: list(tmp_path.iterdir()), (tmp_path / "b").touch, nothing) == 2


def test_a_change_during_a_run_is_no_lost_one(tmp_path: Path) -> None:
    """The stamps are older than the run."""
    path = tmp_path / "a"
    texts = ["1", "22"]

    def run() -> None:
        if texts:
            path.write_text(texts.pop(0))
        else:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch(lambda: [path], run, lambda: pytest.fail("it should not have waited"))


RULES = """\
from: {topics: [t]}
rules:
  - {name: r, emit: [{event_type: track, event_name: E, user_id: event.id}]}
tests:
  - {given: {event: {id: u}}, expect: [{event_type: track, event_name: E, user_id: u}]}
"""


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """A shell starts background jobs with SIGINT ignored, and children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_the_command_tells_again_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    """Passed, failed, not even YAML, and passed again; exit code 0."""
    path = tmp_path / "rules.yaml"
    _put(path, RULES)
    command = [sys.executable, "-m", "bridge", "test", "--watch", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        try:
            assert "1 passed, 0 failed" in _one_run(process)
            _put(path, RULES.replace("user_id: u}", "user_id: other}"))
            assert "0 passed, 1 failed" in _one_run(process)
            _put(path, "rules: [")
            assert "error: " in _one_run(process)
            _put(path, RULES)
            assert "1 passed, 0 failed" in _one_run(process)
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            watchdog.cancel()
            process.kill()


def _put(path: Path, text: str) -> None:
    """At once, as editors do: a file half written would be a run of its own."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def _one_run(process: "subprocess.Popen[str]") -> str:
    """The output up to the line that ends a run."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("watching"):
            break
    return "".join(lines)
