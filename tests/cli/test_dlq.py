"""`filum-bridge dlq`: what it says, and how it refuses what it cannot use."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bridge.cli import dlq_lines
from bridge.cli.dlq_asked import filter_of, time_ms
from bridge.errors import UsageError
from bridge.model import Stream
from bridge.record_lines import line_of
from bridge.settle.line_file import append_lines
from tests.redrive.lying import ORDER, entry_of, found

NOW_MS = 1_700_000_000_000
HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", NOW_MS - 2 * HOUR_MS),
        ("1m30s", NOW_MS - 90_000),
        ("2023-11-14T22:13:20Z", NOW_MS),
        ("2023-11-15T05:13:20+07:00", NOW_MS),
        ("2023-11-14 22:13:20", NOW_MS),
        ("", None),
    ],
)
def test_a_time_is_a_while_ago_or_a_moment(text: str, expected: int | None) -> None:
    """Without an offset it is UTC."""
    assert time_ms("--since", text, NOW_MS) == expected


@pytest.mark.parametrize("text", ["yesterday", "2h ago", "-2h", "2023-13-01"])
def test_what_is_no_time_is_wrong_usage(text: str) -> None:
    """Named by its option."""
    with pytest.raises(UsageError, match="--until"):
        time_ms("--until", text, NOW_MS)


def test_a_reason_that_there_is_not_is_wrong_usage() -> None:
    """With those that there are; it would look as if there were no letters."""
    with pytest.raises(UsageError, match="one of undecodable, rule_fault"):
        filter_of(["rule-fault"], None, None, "", "")


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "0s"), (59, "59s"), (60, "1m"), (7_199, "1h"), (200_000, "2d"), (-5, "0s")]
)
def test_an_age_is_one_word(seconds: int, expected: str) -> None:
    """The largest unit that fits."""
    assert dlq_lines.age(NOW_MS - seconds * 1000, NOW_MS) == expected


def test_what_a_record_brings_cannot_write_to_the_terminal() -> None:
    """Topics, keys and headers may hold anything."""
    evil = msgspec.structs.replace(
        ORDER, stream=Stream("shop", "t\x1b[2J"), key=b"\x1b]0;x", headers=(("h\x1b", b"\x9b\n"),)
    )
    letter = found(evil)
    said = dlq_lines.line(letter, NOW_MS, redriven=True) + dlq_lines.whole(
        letter, redriven=True, payload=False
    )
    assert all(one.isprintable() or one == "\n" for one in said)
    assert "\x1b" not in dlq_lines.as_json(dlq_lines.as_data(letter, NOW_MS, redriven=False))


def test_bytes_that_are_no_text_are_shown_all_the_same() -> None:
    """As base64, for people and for scripts."""
    letter = found(msgspec.structs.replace(ORDER, key=b"\xff", value=b"\x00\xff"))
    assert "key: base64 /w==\n" in dlq_lines.whole(letter, redriven=False, payload=True)
    data = dlq_lines.whole_as_data(letter, NOW_MS, redriven=False, payload=True)
    assert (data["key"], data["body"]) == ({"base64": "/w=="}, {"base64": "AP8="})
    assert data["headers"] == [("h", "1"), ("h", "2"), ("n", None)]
    assert "body" not in dlq_lines.whole_as_data(letter, NOW_MS, redriven=False, payload=False)


CONFIG = {
    "sources": [{"name": "shop", "type": "file", "path": "x"}],
    "destinations": {"default": {"url": "http://127.0.0.1:1", "write_key": {"env": "KEY"}}},
    "dead_letters": {"type": "file", "path": "letters.jsonl"},
    "rules": ["rules.yaml"],
}
RULES = """
from: {topics: [orders]}
rules: [{name: r, emit: [{event_type: identify, user_id: "event.user", event_params: {Name: "event.user"}}]}]
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "bridge.yaml").write_text(json.dumps(CONFIG))
    (tmp_path / "rules.yaml").write_text(RULES)
    append_lines(tmp_path / "letters.jsonl", [line_of(entry_of(ORDER)), b"no letter"])
    return tmp_path


def command(home: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "bridge", "dlq", *words, "--config", str(home / "bridge.yaml")]


def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KEY": "key-of-the-test"}
    return subprocess.run(
        command(home, *words), env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ls", "--where", "evnt.a == 1"), "--where, character 1: "),
        (("ls", "--reason", "nothing"), "--reason: no reason 'nothing'"),
        (("redrive", "--since", "soon"), "--since: "),
        (("redrive", "--rate", "0"), "--rate: "),
    ],
)
def test_wrong_usage_is_2(home: Path, words: tuple[str, ...], said: str) -> None:
    """And one line."""
    answer = run(home, *words)
    assert answer.returncode == 2
    assert answer.stderr.startswith("error: ")
    assert said in answer.stderr
    assert answer.stdout == ""


def test_what_is_no_letter_is_counted(home: Path) -> None:
    """It is neither hidden nor in the way; counts of a listing for scripts go to standard error."""
    answer = run(home, "ls", "--json")
    assert [json.loads(line)["place"] for line in answer.stdout.splitlines()] == ["1"]
    assert answer.stderr.endswith("1 entries that are no letters\n")


def test_identify_stays_unless_it_is_asked_for(home: Path) -> None:
    """Nothing is sent, not even tried: the destination of this test is not there."""
    answer = run(home, "redrive")
    assert answer.returncode == 1
    assert (
        "stays: it sends identify (it may overwrite what is newer; --include-identify sends it)"
        in answer.stdout
    )
    assert "1 would be sent" in run(home, "redrive", "--include-identify", "--dry-run").stdout


def test_a_terminal_gets_a_bar(home: Path) -> None:
    """Results go to standard output all the same."""
    ours, theirs = pty.openpty()
    answer = subprocess.run(
        command(home, "redrive"),
        env={**os.environ, "KEY": "key-of-the-test", "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=60,
        check=False,
    )
    os.close(theirs)
    drawn = os.read(ours, 65_536).decode()
    os.close(ours)

    assert "redriving" in drawn
    assert "1/1" in drawn
    assert b"stays: it sends identify" in answer.stdout
