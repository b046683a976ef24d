"""Set up wrongly: one clear line with a remedy and its exit code, or a process that waits and says why."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.auditor import kafka_rules
from tests.e2e.bridge import Bridge
from tests.parts.process import free_port, wait_until

RULES = kafka_rules("orders")


def config_of(**changes: Any) -> dict[str, Any]:
    """A good configuration of a file source, with changes."""
    return {
        "sources": [{"name": "in", "type": "file", "path": "in.jsonl", "position": "in.position"}],
        "destinations": {
            "default": {"url": "http://127.0.0.1:9/events", "write_key": {"env": "FILUM_WRITE_KEY"}}
        },
        "dead_letters": {"type": "file", "path": "letters.jsonl"},
        "rules": ["rules/*.yaml"],
        "admin": {"host": "127.0.0.1", "port": 0},
        **changes,
    }


def run(
    home: Path, config: dict[str, Any], rules: str = "", *, write_key: str | None = "k"
) -> subprocess.CompletedProcess[str]:
    """``filum-bridge run`` to its end."""
    (home / "rules").mkdir()
    (home / "rules" / "audit.yaml").write_text(rules or RULES)
    (home / "in.jsonl").write_text("")
    (home / "bridge.yaml").write_text(json.dumps(config, indent=1))
    env = {name: value for name, value in os.environ.items() if name != "FILUM_WRITE_KEY"}
    if write_key is not None:
        env["FILUM_WRITE_KEY"] = write_key
    command = [sys.executable, "-m", "bridge", "run", "--config", "bridge.yaml"]
    return subprocess.run(command, cwd=home, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_a_good_file_run_ends_by_itself(tmp_path: Path) -> None:
    """The base of this file's cases: without a change, all is well."""
    ended = run(tmp_path, config_of())

    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("changes", "rules", "write_key", "says"),
    [
        ({"admn": {}}, "", "k", ("bridge.yaml:", "admn", "admin")),
        ({"dead_letters": {"type": "file"}}, "", "k", ("dead_letters", "path")),
        ({"rules": ["nowhere/*.yaml"]}, "", "k", ("nowhere/*.yaml",)),
        (
            {},
            kafka_rules("orders").replace('"event.user"', '"uper(event.user)"'),
            "k",
            ("audit.yaml:", "uper"),
        ),
        (
            {},
            kafka_rules("orders").replace('"event.seq"', '"evnt.seq"'),
            "k",
            ("audit.yaml:", "evnt", "event"),
        ),
        ({}, RULES.replace("int:", "integer:"), "k", ("audit.yaml:", "integer", "int")),
        ({}, "", None, ("FILUM_WRITE_KEY", "not set")),
        ({}, "", "", ("FILUM_WRITE_KEY", "empty")),
    ],
    ids=["key", "letters", "glob", "function", "variable", "kind", "secret unset", "secret empty"],
)
def test_what_is_wrong_is_told_in_lines(
    tmp_path: Path, changes: dict[str, Any], rules: str, write_key: str | None, says: tuple[str, ...]
) -> None:
    """Where, what, and the nearest right word; exit code 2; no traceback."""
    ended = run(tmp_path, config_of(**changes), rules, write_key=write_key)

    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    for words in says:
        assert words in ended.stderr


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    """Before any record is read."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        admin = {"host": "127.0.0.1", "port": taken.getsockname()[1]}
        ended = run(tmp_path, config_of(admin=admin))

    assert ended.returncode in (2, 3)
    assert str(admin["port"]) in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("kind", ["kafka", "rabbitmq"])
def test_an_unreachable_broker_is_waited_for_and_told(tmp_path: Path, kind: str) -> None:
    """The process lives, is not ready, says so once, and leaves at SIGTERM."""
    place = f"127.0.0.1:{free_port()}"
    source = (
        {"name": "far", "type": kind, "brokers": place, "group": "g", "topics": ["orders"]}
        if kind == "kafka"
        else {"name": "far", "type": kind, "url": f"amqp://{place}", "queues": ["orders"]}
    )
    rules = RULES if kind == "kafka" else RULES.replace("topics", "queues")
    bridge = Bridge(tmp_path, config_of(sources=[source]), {"audit.yaml": rules})
    bridge.process.start()
    try:
        wait_until(
            lambda: place.partition(":")[2] in bridge.log.read_text(),
            timeout_seconds=30,
            what="a line that names the broker",
        )
        wait_until(lambda: bridge.status("/livez") == 200, timeout_seconds=30, what="/livez")
        assert bridge.status("/readyz") == 503
    finally:
        bridge.stop()
    assert "Traceback" not in bridge.log.read_text()
