"""An arena around a real RabbitMQ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.chaos.api import AuditingApi
from tests.chaos.arena import Arena, Setting
from tests.chaos.traffic import RabbitTraffic
from tests.e2e.auditor import queue_rules
from tests.e2e.bridge import Bridge
from tests.parts.rabbitmq import RabbitMQ
from tests.parts.toxiproxy import Proxy

PREFETCH = 50


class RabbitArena(Arena):
    """One queue, read by one bridge at a time."""

    traffic: RabbitTraffic

    def __init__(
        self,
        home: Path,
        api: AuditingApi,
        node: RabbitMQ,
        setting: Setting,
        *,
        seed: int,
        is_long: bool,
        broker_proxy: Proxy | None = None,
    ) -> None:
        self.node = node
        self._setting = setting
        self.queue_arguments = {"x_single_active_consumer": True, **setting.queue}
        self.queue = node.new_queue("chaos", **self.queue_arguments)
        traffic = RabbitTraffic(node, [self.queue], setting.rate, setting.users, seed)
        super().__init__(home, api, traffic, seed=seed, is_long=is_long, broker_proxy=broker_proxy)
        url = node.url if broker_proxy is None else f"amqp://guest:guest@127.0.0.1:{broker_proxy.port}/%2F"
        self.env |= {"AMQP_URL": url, **setting.env}

    def bridge(self, home: Path) -> Bridge:
        """With quick timeouts, so that a test need not wait for minutes."""
        setting = self._setting
        source: dict[str, Any] = {
            "name": "desk",
            "type": "rabbitmq",
            "url": {"env": "AMQP_URL"},
            "queues": [self.queue],
            "prefetch": PREFETCH,
        }
        config = {
            "sources": [{**source, **setting.source}],
            "destinations": {"default": self.destination(setting)},
            "dead_letters": {"type": "file", "path": "letters.jsonl"},
            "shutdown": {"deadline": "10s", "revoke": "4s"},
            **setting.config,
        }
        return Bridge(home, config, {"audit.yaml": queue_rules(self.queue)})

    def remake_queue(self) -> None:
        """The queue again, after it was deleted."""
        named = {key.replace("_", "-"): value for key, value in self.queue_arguments.items()}
        with self.node.connect() as connection:
            connection.channel().queue_declare(self.queue, durable=True, arguments=named)

    def is_committed(self) -> bool:
        """Nothing waits in the queue, for delivery or for an acknowledgement."""
        return self.node.depth(self.queue) == 0

    def killed(self, life: str) -> None:
        """The broker delivers again what was not acknowledged: no more than the prefetch."""
        self.lives[life].killed_holding = PREFETCH
