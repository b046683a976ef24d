"""The whole bridge in the tests' own process: memory broker, scripted API, real loop and threads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from bridge import consumers
from bridge.app import App
from bridge.config import Destination, SourceSettings
from bridge.config_file import load_config, rule_files
from bridge.consumers.base import Consumer, Inbox
from bridge.consumers.memory import MemoryBroker, MemoryConsumer, MemorySettings
from bridge.metrics import Snapshot
from bridge.rules import load_rules

DEADLINE_SECONDS = 30
RULES = """
from: {topics: [orders]}
rules:
  - name: order
    when: "event.kind == 'order'"
    emit:
      - event_type: track
        event_name: Order Completed
        user_id: "event.user"
        event_params: {Seq: {int: "event.seq"}}
"""

Answer = Callable[[dict[str, Any]], int]


class World:
    """A broker, an API, and the bridge between them."""

    def __init__(self, home: Path, rules: str = RULES, **config: Any) -> None:
        self.broker = MemoryBroker({"orders": 3})
        self.accepted: list[dict[str, Any]] = []
        self.answer: Answer = lambda _: 200
        self.home = home
        (home / "rules.yaml").write_text(rules)
        whole = {
            "sources": [{"name": "shop", "type": "memory"}],
            "destinations": {
                "default": {"url": "http://api/events", "write_key": {"env": "K"}, "retry": {"cap": "20ms"}}
            },
            "dead_letters": {"type": "file", "path": "letters.jsonl"},
            "rules": ["rules.yaml"],
            "admin": {"host": "127.0.0.1", "port": 0},
            "commit": {"interval": "5ms"},
            **config,
        }
        (home / "bridge.yaml").write_text(json.dumps(whole))
        environ: Mapping[str, str] = {"K": "key"}
        loaded = load_config(
            home / "bridge.yaml",
            environ=environ,
            source_settings=lambda kind: consumers.load(kind).Settings,
        )
        compiled = load_rules(rule_files(loaded), loaded, environ=environ)
        self.app = App(
            loaded, compiled, environ, make_consumer=self._consumer, make_transport=self._transport
        )

    def _consumer(self, source: SourceSettings, inbox: Inbox) -> Consumer:
        assert isinstance(source, MemorySettings)
        return MemoryConsumer(source, inbox, broker=self.broker)

    def _transport(self, _: Destination) -> httpx.AsyncBaseTransport:
        return httpx.MockTransport(self._api)

    async def _api(self, request: httpx.Request) -> httpx.Response:
        event = json.loads(request.content)
        status = self.answer(event)
        if status == 200:
            self.accepted.append(event)
        return httpx.Response(status, json={})

    def order(self, user: str, seq: int, partition: int = 0) -> None:
        body = {"kind": "order", "user": user, "seq": seq}
        self.broker.produce("orders", json.dumps(body).encode(), partition=partition, timestamp_ms=1)

    def committed(self) -> int:
        places = (self.broker.committed("bridge", "orders", number) for number in range(3))
        return sum(place.offset for place in places if place)

    def letters(self) -> list[dict[str, Any]]:
        path = self.home / "letters.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []

    def snapshot(self) -> Snapshot:
        self.app.watch.publish()
        return self.app.board.latest()

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not is_so():  # noqa: ASYNC110 - several threads make it so; the loop must go on turning
                await asyncio.sleep(0.002)

    def run(self, story: Callable[[], Any]) -> None:
        """Serve while the story is told, then leave in good order."""

        async def main() -> None:
            serving = asyncio.create_task(self.app.serve(signals=False))
            await self.app.started.wait()
            try:
                await story()
            finally:
                self.app.request_stop()
                await serving

        asyncio.run(main())
        totals = self.app.watch.summary()
        assert (totals["unaccounted"], totals["in_flight"]) == (0, 0)
        assert self.app.watch.events_unaccounted == 0
