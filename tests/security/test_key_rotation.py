"""A write key is changed under a running bridge; delivery goes on, and neither key is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.cli.api import LocalApi
from tests.e2e.api import Api
from tests.e2e.bridge import Bridge
from tests.parts.process import wait_until

OLD, NEW = "S3CRET-old-key", "S3CRET-new-key"
RULES = """
from: {topics: [shop.orders]}
rules:
  - name: order
    emit:
      - {event_type: track, event_name: Order, user_id: event.user}
"""


def renamed(folder: Path, key: str) -> None:
    """A new file takes the old one's place."""
    (folder / "next").write_text(key)
    (folder / "next").rename(folder / "key")


def relinked(folder: Path, key: str) -> None:
    """As Kubernetes does it: the file is a link through ``..data``, which is swapped."""
    (made := folder / f"..{len(list(folder.iterdir()))}").mkdir()
    (made / "key").write_text(key)
    (folder / "..next").symlink_to(made.name)
    (folder / "..next").rename(folder / "..data")
    if not (folder / "key").is_symlink():
        (folder / "key").symlink_to("..data/key")


@pytest.mark.parametrize("put", [renamed, relinked])
def test_a_key_is_changed_without_a_restart(tmp_path: Path, put: Callable[[Path, str], None]) -> None:
    """The API takes the new key alone: nothing is lost, nothing dead-lettered, the process is the same."""
    (keys := tmp_path / "keys").mkdir()
    put(keys, OLD)
    local = LocalApi(port=0, write_keys=(OLD,))
    api = Api(local.url)
    lines = tmp_path / "in.jsonl"
    lines.touch()
    retry = {"base": "50ms", "cap": "200ms"}
    destination = {"url": api.events_url, "write_key": {"file": "keys/key"}, "retry": retry}
    source = {"name": "shop", "type": "file", "path": "in.jsonl", "follow": True}
    letters = {"type": "file", "path": "letters.jsonl"}
    config = {
        "sources": [{**source, "format": "raw", "topic": "shop.orders"}],
        "destinations": {"default": destination},
        "dead_letters": letters,
        "log": {"level": "debug"},
    }
    bridge = Bridge(tmp_path, config, {"order.yaml": RULES})

    def order(user: str) -> None:
        with lines.open("a") as file:
            file.write(json.dumps({"user": user}) + "\n")

    try:
        bridge.start()
        order("a")
        wait_until(lambda: api.accepted_count() == 1, timeout_seconds=20, what="the old key serves")
        api.control(keys=[NEW])
        order("b")
        wait_until(lambda: bridge.total("bridge_stalled", "auth") == 1, timeout_seconds=20, what="auth")
        put(keys, NEW)
        wait_until(lambda: api.accepted_count() == 2, timeout_seconds=20, what="the new key serves")
        assert bridge.total("bridge_dead_letters_total") == 0
        bridge.stop()
    finally:
        bridge.kill()
        local.stop()
    said = bridge.log.read_text()
    assert "auth" in said
    assert not [key for key in (OLD, NEW) if key in said]
