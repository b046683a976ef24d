"""What the page on dead letters shows is run, on a file of letters."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.cli.api import LocalApi
from bridge.model import Reason

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "dead-letters.md").read_text()
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines() if line
]
(SHOWN,) = re.findall(r"```text\n\$ (.*?)\n(.*?)```", PAGE, re.DOTALL)

CONFIG = """
sources: [{{name: shop, type: file, path: orders.jsonl}}]
destinations: {{default: {{url: "{url}", write_key: {{env: FILUM_WRITE_KEY}}}}}}
dead_letters: {{type: file, path: letters.jsonl}}
rules: [rules.yaml]
admin: {{host: 127.0.0.1, port: 0}}
"""
RULES = """
from: {topics: [orders]}
rules:
  - name: order-paid
    emit: [{event_type: track, event_name: Order Paid, user_id: "event.customer.ref"}]
"""
ORDERS = """
{"topic": "orders", "json": {"customer": {"id": "1"}, "total": 500}}
{"topic": "orders", "json": {"customer": {"id": "2", "ref": "r2"}, "total": 5}}
{"topic": "orders", "json": {"customer": {"id": "3"}, "total": 300}}
"""


def filum_bridge(words: str, home: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bridge", *shlex.split(words)[1:]]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "FILUM_WRITE_KEY": "k" * 9,
        "FILUM_BRIDGE_CONFIG": "bridge.yaml",
    }
    return subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A folder in which the page's story has happened, and the rule is mended."""
    with LocalApi(port=0) as api:
        (tmp_path / "bridge.yaml").write_text(CONFIG.format(url=f"{api.url}/events"))
        (tmp_path / "orders.jsonl").write_text(ORDERS.lstrip())
        (tmp_path / "rules.yaml").write_text(RULES)
        assert filum_bridge("filum-bridge run", tmp_path).returncode == 0
        (tmp_path / "rules.yaml").write_text(RULES.replace("customer.ref", "customer.id"))
        yield tmp_path


def test_a_listing_looks_as_shown(home: Path) -> None:
    """But for the age."""
    words, lines = SHOWN
    assert re.sub(r"\d+[smhd]\n", "5m\n", filum_bridge(words, home).stdout) == lines


@pytest.mark.parametrize("words", COMMANDS)
def test_a_documented_command_does_its_work(words: str, home: Path) -> None:
    """It ends well, and means the two letters."""
    answer = filum_bridge(words, home)

    assert len(COMMANDS) == 10
    assert answer.returncode == 0, answer.stdout + answer.stderr
    said = answer.stdout + answer.stderr
    assert "2 letters" in said or "place: 1" in said


def test_the_page_names_every_reason() -> None:
    """As `--reason` takes them."""
    named = re.findall(r"Reasons: `(.*?)`", PAGE, re.DOTALL)[0].split()
    assert named == [one.value for one in Reason]


@pytest.mark.parametrize("command", ["ls", "show", "redrive"])
def test_each_command_has_help_with_examples(command: str, tmp_path: Path) -> None:
    """As that of every other."""
    answer = filum_bridge(f"filum-bridge dlq {command} --help", tmp_path)
    assert f"filum-bridge dlq {command}" in answer.stdout
    assert "Examples:" in answer.stdout
