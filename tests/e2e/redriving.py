"""`filum-bridge dlq` as an operator runs it, beside the bridge that wrote the letters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.api import Api
from tests.e2e.auditor import Made, Taken, taken_of
from tests.parts.process import Process

BAD = 'user_id: "event.usr"'
GOOD = 'user_id: "event.user"'


@dataclass
class Home:
    """A folder with a configuration, whose rule can be mended.

    Args:
        path: the folder.
        config: the configuration as data, without rules.
        rules: the rule file.
        env: for the commands.
    """

    path: Path
    config: Mapping[str, Any]
    rules: str
    env: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        whole = {"rules": ["rules.yaml"], "admin": {"host": "127.0.0.1", "port": 0}, **self.config}
        (self.path / "bridge.yaml").write_text(json.dumps(whole, indent=1))
        (self.path / "rules.yaml").write_text(self.rules)

    def spoil(self) -> None:
        """The rule asks for a field that no record has."""
        (self.path / "rules.yaml").write_text(self.rules.replace(GOOD, BAD))

    def mend(self) -> None:
        """The rule is good."""
        (self.path / "rules.yaml").write_text(self.rules)

    @property
    def environ(self) -> dict[str, str]:
        """Of every command."""
        return {**os.environ, "FILUM_WRITE_KEY": "test-key-of-dlq", "COLUMNS": "200", **self.env}

    def run(self, *words: str, code: int = 0) -> str:
        """One command to its end, with its exit code; no secret may be in what it says."""
        command = [sys.executable, "-m", "bridge", *words, "--config", str(self.path / "bridge.yaml")]
        answer = subprocess.run(
            command, env=self.environ, capture_output=True, text=True, timeout=120, check=False
        )
        assert answer.returncode == code, answer.stdout + answer.stderr
        assert "test-key-of-dlq" not in answer.stdout + answer.stderr
        self.said = answer.stderr
        return answer.stdout

    def dlq(self, *words: str, code: int = 0) -> str:
        """``filum-bridge dlq``."""
        return self.run("dlq", *words, code=code)

    def listed(self, *words: str) -> list[dict[str, Any]]:
        """``dlq ls --json``."""
        return [json.loads(line) for line in self.dlq("ls", "--json", *words).splitlines()]

    def start(self, *words: str) -> Process:
        """``filum-bridge dlq`` as a process that can be killed."""
        command = [sys.executable, "-m", "bridge", "dlq", *words, "--config", str(self.path / "bridge.yaml")]
        process = Process(command, log=self.path / "dlq.log", env=self.environ)
        process.start()
        return process


def destination(api: Api, **more: object) -> dict[str, Any]:
    """The local API as the only destination."""
    return {"default": {"url": api.events_url, "write_key": {"env": "FILUM_WRITE_KEY"}, **more}}


def firsts(api: Api) -> list[Taken]:
    """What the API accepted, without repetitions, which must be exact ones."""
    found: dict[tuple[str, int], Taken] = {}
    for one in taken_of(api.accepted()):
        assert found.setdefault((one.user, one.seq), one).event_id == one.event_id
    return list(found.values())


def assert_in_order(made: Sequence[Made], taken: Sequence[Taken]) -> None:
    """Each of these records once, each user's in their order."""
    assert sorted((one.user, one.seq) for one in made) == sorted((one.user, one.seq) for one in taken)
    for user in {one.user for one in made}:
        seqs = [one.seq for one in taken if one.user == user]
        assert seqs == sorted(seqs), user
