"""The sink as the harness uses it: started, steered and asked; its program is in ``sink/``."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.parts.process import Process, free_port
from tests.send.http1.certificates import Pair

TOKEN = "bench-token"


@dataclass(frozen=True)
class Manner:
    """How it answers.

    Attributes:
        tls: version, such as ``1.3``; empty: plain.
        always: the status of every answer; 0: 200.
        users: the status that answers each event of a user.
        partitions: count accepted events by partition too.
    """

    latency: str = "0s"
    jitter: str = "0s"
    fail_share: float = 0.0
    retry_after: int = 0
    tls: str = ""
    always: int = 0
    users: Mapping[str, int] = field(default_factory=dict)
    partitions: bool = False


PLAIN = Manner()


class Sink:
    """One running sink.

    Attributes:
        url: where events are posted to.
    """

    def __init__(self, program: Path, log: Path, manner: Manner, pair: Pair) -> None:
        """No I/O; ``pair`` is its certificate, used where the manner asks for TLS."""
        self._port, control = free_port(), free_port()
        self.url = f"{'https' if manner.tls else 'http'}://127.0.0.1:{self._port}/events"
        self._control = f"http://127.0.0.1:{control}"
        words = {
            "events": f"127.0.0.1:{self._port}",
            "control": f"127.0.0.1:{control}",
            "token": TOKEN,
            "latency": manner.latency,
            "jitter": manner.jitter,
            "fail-share": str(manner.fail_share),
            "retry-after": str(manner.retry_after),
            "always": str(manner.always),
            "partitions": str(manner.partitions).lower(),
        }
        if manner.tls:
            words |= {"tls": manner.tls, "cert": str(pair.cert), "key": str(pair.key)}
        command = [str(program), *(f"-{name}={value}" for name, value in words.items())]
        command += [f"-answer={user}={status}" for user, status in manner.users.items()]
        self._process = Process(command, log=log)

    def start(self) -> None:
        """Start it and return when it listens."""
        self._process.start()
        self._process.wait_ready(self._answers, timeout_seconds=10, what="the sink answers")

    def end(self) -> None:
        """End it."""
        self._process.stop()

    def counts(self) -> dict[str, Any]:
        """All it counted so far."""
        counted: dict[str, Any] = self._ask("GET", "/counts")
        return counted

    def timeline(self) -> list[int]:
        """Events accepted for the first time, in each tenth of a second since the first."""
        return self._ask("GET", "/timeline") or []

    def partitions(self) -> dict[str, int]:
        """Requests accepted, by the partition that their event names."""
        return dict(self.counts()["partitions"])

    def samples(self) -> list[str]:
        """The first bodies; one that could not be read comes first."""
        kept = self._ask("GET", "/samples")
        bodies: list[str] = [kept["unreadable"]] * bool(kept["unreadable"]) + kept["bodies"]
        return bodies

    def shut(self) -> None:
        """Close the door: the listener goes, every connection is reset."""
        self._ask("POST", "/stop")

    def open(self) -> None:
        """Open it again, on the same port."""
        self._ask("POST", "/start")

    def _ask(self, method: str, path: str) -> Any:
        request = urllib.request.Request(self._control + path, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def _answers(self) -> bool:
        try:
            self.counts()
        except (urllib.error.URLError, OSError):
            return False
        return True
