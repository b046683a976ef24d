"""A real schema registry for tests: Apicurio, in memory, on loopback, with Confluent's API.

The program comes from ``scripts/setup-parts`` into ``.parts/apicurio``.
"""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from pathlib import Path

from confluent_kafka.schema_registry import SchemaRegistryClient

from tests.parts.process import Process, free_port

PROGRAM = Path(__file__).parents[2] / ".parts" / "apicurio" / "apicurio-registry-app-3.0.9-runner.jar"


def missing() -> str:
    """What a registry would need and this machine lacks, one line; empty when nothing."""
    if shutil.which("java") is None:
        return "Apicurio: no `java` here (install a Java 17 runtime)"
    if not PROGRAM.is_file():
        return "Apicurio: it is not in .parts/apicurio (run scripts/setup-parts, needs `mvn`)"
    return ""


class Apicurio:
    """One registry. Its address stays over ``stop`` and ``start``; its schemas do not: they lie in memory.

    Attributes:
        url: of Confluent's API.
        log: everything it wrote.
    """

    def __init__(self, home: Path) -> None:
        """No I/O; ``home`` must exist."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
        self.log = home / "registry.log"
        command: list[str | Path] = [
            *("java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            *("-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={port}", "-jar", PROGRAM),
        ]
        self._process = Process(command, log=self.log)

    def start(self, *, timeout_seconds: float = 90.0) -> None:
        """Start it and return when it answers.

        Raises:
            PartFailed: not ready in time; with the tail of its log.
        """
        self._process.start()
        self._process.wait_ready(self._answers, timeout_seconds=timeout_seconds, what="the registry answers")

    def stop(self) -> None:
        """End it in good order (SIGTERM)."""
        self._process.stop()

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._process.kill()

    def freeze(self) -> None:
        """Let it hang with its connections open (SIGSTOP)."""
        self._process.freeze()

    def thaw(self) -> None:
        """Let it go on after ``freeze``."""
        self._process.thaw()

    def client(self) -> SchemaRegistryClient:
        """A fresh client of Confluent's, for a ``with`` statement."""
        return SchemaRegistryClient({"url": self.url})

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/schemas/types", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
