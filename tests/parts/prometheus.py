"""A real Prometheus for tests: it scrapes what it is told to once a second, and answers queries.

Debian's package ``prometheus`` has it, and promtool, which judges rules without a server.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.parts.process import Process, free_port, wait_until

SCRAPE_SECONDS = 1


def missing() -> str:
    """What a Prometheus would need and this machine lacks, one line; empty when nothing."""
    lacking = [name for name in ("prometheus", "promtool") if shutil.which(name) is None]
    return f"Prometheus: no {' and no '.join(lacking)} here (Debian: apt-get install prometheus)" * bool(
        lacking
    )


def promtool(*words: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run it; whoever asks looks at the exit code."""
    command = ["promtool", *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


class QueryFailed(AssertionError):
    """Prometheus did not take a query; the message is its own."""


class Series(NamedTuple):
    """One series of an answer: its labels, and its numbers by seconds since 1970."""

    labels: dict[str, str]
    points: list[tuple[float, float]]


class Prometheus:
    """One server.

    Args:
        home: its folder, which must exist and be empty.
        targets: ``host:port`` of what it scrapes, whether it runs already or not, by its ``instance``.
        labels: put on every series that it scrapes.
        rules: rule files to evaluate, each second too.
    """

    def __init__(
        self, home: Path, targets: Mapping[str, str], labels: dict[str, str], rules: Sequence[Path] = ()
    ) -> None:
        every = f"{SCRAPE_SECONDS}s"
        shared = {name: value for name, value in labels.items() if name != "job"}
        config = {
            "global": {"scrape_interval": every, "evaluation_interval": every, "scrape_timeout": every},
            "rule_files": [str(path) for path in rules],
            "scrape_configs": [
                {
                    "job_name": labels["job"],
                    "static_configs": [
                        {"targets": [address], "labels": {**shared, "instance": name}}
                        for name, address in targets.items()
                    ],
                }
            ],
        }
        (home / "prometheus.yml").write_text(json.dumps(config))
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        command: list[str | Path] = ["prometheus", f"--config.file={home / 'prometheus.yml'}"]
        command += [f"--storage.tsdb.path={home / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]
        self._process = Process([*command, "--log.level=warn"], log=home / "prometheus.log")

    def start(self) -> None:
        """Start it, and return when it answers."""
        self._process.start()
        self._process.wait_ready(self._is_ready, timeout_seconds=30, what="Prometheus is ready")

    def stop(self) -> None:
        """End it."""
        self._process.kill()

    def now(self, expression: str) -> list[Series]:
        """What a query gives right now.

        Raises:
            QueryFailed: it cannot be parsed or evaluated.
        """
        found = self._ask("query", query=expression)["result"]
        return [Series(one["metric"], [_point(one["value"])]) for one in found]

    def number(self, expression: str) -> float:
        """The only number that a query gives right now; 0 where it gives none."""
        return sum(number for one in self.now(expression) for _, number in one.points)

    def over(self, expression: str, start: float, end: float, step_seconds: float = 1) -> list[Series]:
        """What a query gives at each step of a time.

        Raises:
            QueryFailed: as ``now``.
        """
        found = self._ask("query_range", query=expression, start=start, end=end, step=step_seconds)["result"]
        return [Series(one["metric"], [_point(pair) for pair in one["values"]]) for one in found]

    def label_values(self, label: str, series: str) -> list[str]:
        """The values that a label has among these series."""
        found: list[str] = self._ask(f"label/{label}/values", **{"match[]": series})
        return found

    def rules(self) -> list[dict[str, Any]]:
        """Every rule that it evaluates, with its health."""
        return [rule for group in self._ask("rules")["groups"] for rule in group["rules"]]

    def until(self, expression: str, *, timeout_seconds: float = 30) -> None:
        """Wait until a query gives something but 0."""
        wait_until(
            lambda: self.number(expression) != 0,
            timeout_seconds=timeout_seconds,
            what=f"in Prometheus: {expression}",
        )

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return int(answer.status) == 200
        except OSError:
            return False

    def _ask(self, path: str, **query: object) -> Any:
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise QueryFailed(json.loads(error.read() or b"{}").get("error", str(error))) from None


def _point(pair: list[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
