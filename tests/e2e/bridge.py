"""The bridge as an operator runs it: a process with a configuration, watched from outside."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.parts.process import Process, free_port

START_TIMEOUT_SECONDS = 60.0


class Bridge:
    """One ``filum-bridge run`` that can be killed and started again.

    Args:
        home: its folder; configuration, rules and log are written there.
        config: the configuration as data; ``admin`` is added.
        rules: rule files by name.
        env: more environment.
    """

    def __init__(
        self,
        home: Path,
        config: Mapping[str, Any],
        rules: Mapping[str, str],
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home
        self.log = home / "bridge.log"
        self._admin = f"http://127.0.0.1:{(port := free_port())}"
        (home / "rules").mkdir(exist_ok=True)
        for name, text in rules.items():
            (home / "rules" / name).write_text(text)
        whole = {"rules": ["rules/*.yaml"], **config, "admin": {"host": "127.0.0.1", "port": port}}
        (home / "bridge.yaml").write_text(json.dumps(whole, indent=1))
        command: list[str | Path] = [sys.executable, "-m", "bridge", "run", "--config", home / "bridge.yaml"]
        self.process = Process(command, log=self.log, env={"FILUM_WRITE_KEY": "test-key", **(env or {})})

    @property
    def metrics_url(self) -> str:
        """Of its ``/metrics``."""
        return self._admin + "/metrics"

    def start(self) -> None:
        """Start, and wait until it is ready."""
        self.process.start()
        self.process.wait_ready(
            lambda: self.status("/readyz") == 200, timeout_seconds=START_TIMEOUT_SECONDS, what="/readyz"
        )

    def stop(self) -> None:
        """SIGTERM, and wait for the drain."""
        self.process.stop()

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()

    def status(self, path: str) -> int:
        """The HTTP status of a page of the admin server; 0 when it does not answer."""
        try:
            with urllib.request.urlopen(self._admin + path, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def metrics(self) -> dict[str, float]:
        """Every sample of ``/metrics``, by its name and labels as written there."""
        with urllib.request.urlopen(self._admin + "/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return {
            name: float(value)
            for name, _, value in (line.rpartition(" ") for line in lines if line and line[0] != "#")
        }

    def total(self, name: str, *labels: str) -> float:
        """The sum over all series of a metric whose labels contain each of ``labels``."""
        return sum(
            value
            for series, value in self.metrics().items()
            if series.partition("{")[0] == name and all(label in series for label in labels)
        )
