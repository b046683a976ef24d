"""A whole process whose admin server is flooded: what it holds is told by the system."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from bridge.admin.door import Bounds
from tests.e2e.bridge import Bridge
from tests.parts.process import free_port, wait_until
from tests.security.stranger import connect, get, lines

FLOOD = 600
MOST_MEBIBYTES = 32
_HOLDS = (
    b"",
    b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: ",
    b"G" * 16_000,
    lines(get("/livez", "Content-Length: 60000")) + b"x" * 50_000,
    lines(get("/metrics")),
    lines(get("/")) * 400,
)
"""What a connection may send, to say no more and to read nothing."""
RULES = """
from: {topics: [shop.orders]}
rules:
  - name: order
    emit: [{event_type: track, event_name: Order, user_id: event.user}]
"""


def idle_bridge(home: Path) -> Bridge:
    """A process that waits for a line of its file."""
    (home / "in.jsonl").touch()
    source = {"name": "shop", "type": "file", "path": "in.jsonl", "follow": True}
    config = {
        "sources": [source],
        "destinations": {
            "default": {"url": f"http://127.0.0.1:{free_port()}/", "write_key": {"env": "FILUM_WRITE_KEY"}}
        },
        "dead_letters": {"type": "file", "path": "letters.jsonl"},
    }
    return Bridge(home, config, {"order.yaml": RULES})


class Held(NamedTuple):
    """What a process holds of the system."""

    descriptors: int
    peak_bytes: int


def held_by(pid: int) -> Held:
    """Of a running process; Linux tells."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return Held(len(list(Path(f"/proc/{pid}/fd").iterdir())), int(status["VmHWM"].split()[0]) * 1024)


def test_a_flood_leaves_the_process_as_it_was(tmp_path: Path, report: Callable[[str], None]) -> None:
    """Hundreds hold on to all that they can: few descriptors, little memory, and probes that are answered."""
    bridge = idle_bridge(tmp_path)
    bridge.start()
    try:
        port = urlsplit(bridge.metrics_url).port or 0
        before = held_by(bridge.process.pid)
        with ExitStack() as stack:
            for number in range(FLOOD):
                connection = stack.enter_context(connect(port))
                with suppress(ConnectionError):
                    connection.sendall(_HOLDS[number % len(_HOLDS)])
                if number % 100 == 0:
                    assert (bridge.status("/livez"), bridge.status("/readyz")) == (200, 200)
            during = held_by(bridge.process.pid)
            assert (bridge.status("/livez"), bridge.status("/readyz")) == (200, 200)
        wait_until(
            lambda: held_by(bridge.process.pid).descriptors <= before.descriptors + 1,
            timeout_seconds=20,
            what="all descriptors are given back",
        )
        bridge.stop()
    finally:
        bridge.kill()
    logged = bridge.log.read_text().splitlines()
    assert {json.loads(line)["level"] for line in logged} == {"info"}
    more, mebibytes = during.descriptors - before.descriptors, (during.peak_bytes - before.peak_bytes) / 2**20
    assert more <= Bounds().connections + Bounds().waiting
    assert mebibytes < MOST_MEBIBYTES
    report(f"{FLOOD} connections that hold on: {more} descriptors and {mebibytes:.1f} MiB more")
