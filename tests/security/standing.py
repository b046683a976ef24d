"""A bridge that its broker does not let in: it stands, says so in few lines, and tells no secret."""

from __future__ import annotations

import json

from tests.e2e.api import Api
from tests.e2e.bridge import Bridge
from tests.parts.process import wait_until


def stands(bridge: Bridge, api: Api, most_lines: int, *secrets: str) -> None:
    """Nothing is delivered; the process lives, is not ready, and names the reason."""
    wait_until(
        lambda: bridge.total("bridge_stalled", 'reason="broker_down"') == 1,
        timeout_seconds=30,
        what="broker_down",
    )
    assert api.accepted_count() == 0
    assert bridge.status("/livez") == 200
    assert bridge.status("/readyz") == 503
    lines = [json.loads(line) for line in bridge.log.read_text().splitlines()]
    assert sum(line.get("event") == "broker link" for line in lines) <= most_lines
    for secret in secrets:
        assert secret not in bridge.log.read_text()
