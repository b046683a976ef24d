"""The local Event API as tests use it: over HTTP, like any other client."""

from __future__ import annotations

import json
import urllib.request
from typing import Any


class Api:
    """A running ``filum-bridge api``.

    Args:
        url: its root, such as ``http://127.0.0.1:8089``.
    """

    def __init__(self, url: str) -> None:
        self.root = url
        self.events_url = url + "/events"

    def accepted(self) -> list[dict[str, Any]]:
        """Every event it accepted, in the order of acceptance."""
        events: list[dict[str, Any]] = self._ask("GET", "/events?limit=1000000")["events"]
        return events

    def stats(self) -> dict[str, Any]:
        """Its counts."""
        return self._ask("GET", "/stats")

    def accepted_count(self) -> int:
        """How many events it accepted so far."""
        return int(self.stats()["accepted"])

    def forget(self) -> None:
        """It begins anew: nothing accepted yet."""
        self._ask("DELETE", "/events")

    def control(self, **faults: object) -> None:
        """Make it fail, or behave again, from the next request on."""
        self._ask("PUT", "/control", faults)

    def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.root + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            answered: dict[str, Any] = json.loads(answer.read() or b"{}")
            return answered
