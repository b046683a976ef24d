"""A real toxiproxy for tests: TCP that is cut, slowed or reset on demand, on loopback.

The program comes from ``scripts/setup-parts`` into ``.parts/toxiproxy``.
"""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

from tests.parts.process import Process, free_port

PROGRAM = Path(__file__).parents[2] / ".parts" / "toxiproxy" / "server"


def missing() -> str:
    """What a toxiproxy would need and this machine lacks, one line; empty when nothing."""
    if not PROGRAM.is_file():
        return "toxiproxy: it is not in .parts/toxiproxy (run scripts/setup-parts, needs `go`)"
    return ""


class Toxiproxy:
    """One server with any number of proxies."""

    def __init__(self, home: Path) -> None:
        """No I/O; ``home`` must exist."""
        port = free_port()
        self._url = f"http://127.0.0.1:{port}"
        command: list[str | Path] = [PROGRAM, "-host", "127.0.0.1", "-port", str(port)]
        self._process = Process(command, log=home / "toxiproxy.log")

    def start(self) -> None:
        """Start it and return when it answers.

        Raises:
            PartFailed: not ready in time; with the tail of its log.
        """
        self._process.start()
        self._process.wait_ready(self._answers, timeout_seconds=20, what="toxiproxy answers")

    def kill(self) -> None:
        """End it."""
        self._process.kill()

    def proxy(self, upstream_port: int, port: int = 0) -> Proxy:
        """A way to a port of loopback."""
        port = port or free_port()
        body = {"name": str(port), "listen": f"127.0.0.1:{port}", "upstream": f"127.0.0.1:{upstream_port}"}
        self.ask("POST", "/proxies", {**body, "enabled": True})
        return Proxy(self, port)

    def ask(self, method: str, path: str, body: Any = None) -> None:
        """One call of its HTTP API."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        request.add_header("User-Agent", "tests")
        with urllib.request.urlopen(request, timeout=10):
            pass

    def _answers(self) -> bool:
        try:
            self.ask("GET", "/version")
        except OSError:
            return False
        return True


class Proxy:
    """One way.

    Attributes:
        port: where it listens.
    """

    def __init__(self, server: Toxiproxy, port: int) -> None:
        self._server = server
        self.port = port

    def cut(self) -> None:
        """Close all connections and refuse new ones."""
        self._server.ask("POST", f"/proxies/{self.port}", {"enabled": False})

    def mend(self) -> None:
        """Undo ``cut``."""
        self._server.ask("POST", f"/proxies/{self.port}", {"enabled": True})

    def poison(self, kind: str, stream: str = "downstream", **attributes: int) -> None:
        """Put a toxic on, such as ``latency`` with ``latency=300``; ``downstream`` is towards the client."""
        body = {
            "name": f"{kind}-{stream}",
            "type": kind,
            "stream": stream,
            "toxicity": 1.0,
            "attributes": attributes,
        }
        self._server.ask("POST", f"/proxies/{self.port}/toxics", body)

    def cure(self, kind: str, stream: str = "downstream") -> None:
        """Take it off."""
        self._server.ask("DELETE", f"/proxies/{self.port}/toxics/{kind}-{stream}")
