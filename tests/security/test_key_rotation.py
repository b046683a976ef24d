"""A write key is changed under a running bridge; delivery goes on, and neither key is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
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


class World:
    """A running bridge that follows a file, and an API that takes the old key."""

    def __init__(self, home: Path, put: Callable[[Path, str], None]) -> None:
        self._put = put
        (home / "keys").mkdir()
        self._keys = home / "keys"
        self.put(OLD)
        self._local = LocalApi(port=0, write_keys=(OLD,))
        self.api = Api(self._local.url)
        self._lines = home / "in.jsonl"
        self._lines.touch()
        self.bridge = Bridge(home, configuration(self.api.events_url), {"order.yaml": RULES})
        self.bridge.start()

    def put(self, key: str) -> None:
        """Another key in the file."""
        self._put(self._keys, key)

    def order(self, user: str) -> None:
        """One more record."""
        with self._lines.open("a") as file:
            file.write(json.dumps({"user": user}) + "\n")

    def arrives(self, count: int) -> None:
        """Wait until so many were accepted."""
        wait_until(lambda: self.api.accepted_count() == count, timeout_seconds=20, what=f"event {count}")

    def says(self, text: str) -> None:
        """Wait until its log has this."""
        wait_until(lambda: text in self.bridge.log.read_text(), timeout_seconds=20, what=text)

    def end(self) -> None:
        """Whatever happened."""
        self.bridge.kill()
        self._local.stop()


def configuration(url: str) -> dict[str, object]:
    """Without the rules."""
    retry = {"base": "50ms", "cap": "200ms"}
    source = {"name": "shop", "type": "file", "path": "in.jsonl", "follow": True}
    return {
        "sources": [{**source, "format": "raw", "topic": "shop.orders"}],
        "destinations": {"default": {"url": url, "write_key": {"file": "keys/key"}, "retry": retry}},
        "dead_letters": {"type": "file", "path": "letters.jsonl"},
        "log": {"level": "debug"},
    }


@pytest.fixture(params=[renamed, relinked])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """For each way in which the file changes."""
    made = World(tmp_path, request.param)
    yield made
    made.end()


def test_a_key_is_changed_without_a_restart(world: World) -> None:
    """The API takes the new key alone: nothing is lost, nothing dead-lettered, the process is the same."""
    world.order("a")
    world.arrives(1)
    world.api.control(keys=[NEW])
    world.order("b")
    wait_until(lambda: world.bridge.total("bridge_stalled", "auth") == 1, timeout_seconds=20, what="auth")
    world.put(NEW)
    world.arrives(2)
    assert world.bridge.total("bridge_dead_letters_total") == 0
    world.bridge.stop()
    said = world.bridge.log.read_text()
    assert "auth" in said
    assert not [key for key in (OLD, NEW) if key in said]


def test_a_new_key_is_used_before_the_old_one_is_refused(world: World) -> None:
    """Both are good for a while: the new one is in use when the old one ends, and no request is refused."""
    world.order("a")
    world.arrives(1)
    world.put(NEW)
    world.says("write key reloaded")
    world.api.control(keys=[NEW])
    world.order("b")
    world.arrives(2)
    assert world.bridge.total("bridge_requests_total", 'code="401"') == 0


def test_a_new_key_that_is_none_is_told_and_the_old_one_stays(world: World) -> None:
    """Once, with what is wrong; not the key."""
    world.put(f"{NEW}\nmore")
    world.says("write key not reloaded, the old one stays")
    world.order("a")
    world.arrives(1)
    world.put(NEW)
    world.says("write key reloaded")
    said = world.bridge.log.read_text()
    assert said.count("write key not reloaded") == 1
    assert "a line break" in said
    assert NEW not in said
