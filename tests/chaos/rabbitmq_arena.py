"""An arena around a real RabbitMQ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.chaos.api import AuditingApi
from tests.chaos.arena import Arena, Setting, made_of
from tests.chaos.traffic import RabbitTraffic
from tests.e2e.auditor import Made, queue_rules
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
        self.letter_queue = node.new_queue("letters") if setting.letters == "rabbitmq" else ""
        self._taken_out: list[Made] = []
        if self.letter_queue:
            self.letters = self._letters_of_queue

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
            "dead_letters": self._store(),
            "shutdown": {"deadline": "10s", "revoke": "4s"},
            **setting.config,
        }
        return Bridge(home, config, {"audit.yaml": queue_rules(self.queue)})

    def _store(self) -> dict[str, str]:
        if self.letter_queue:
            return {"type": "rabbitmq", "queue": self.letter_queue}
        return {"type": "file", "path": "letters.jsonl"}

    def _letters_of_queue(self) -> list[Made]:
        """All letters so far; what lies in the queue is taken out of it, which makes room there."""
        with self.node.connect() as connection:
            channel = connection.channel()
            while (body := channel.basic_get(self.letter_queue, auto_ack=True)[2]) is not None:
                self._taken_out.append(made_of(body))
        return self._taken_out

    def remake_queue(self) -> None:
        """The queue again, after it was deleted."""
        self.declare(self.queue, **self.queue_arguments)

    def declare(self, queue: str, **arguments: str | int | bool) -> None:
        """A durable queue of this name, which there is not."""
        named = {key.replace("_", "-"): value for key, value in arguments.items()}
        with self.node.connect() as connection:
            connection.channel().queue_declare(queue, durable=True, arguments=named)

    def delete(self, queue: str) -> None:
        """This queue, with all that lies in it."""
        with self.node.connect() as connection:
            connection.channel().queue_delete(queue)

    def unacknowledged(self) -> int:
        """How many messages of the queue are delivered and not yet acknowledged."""
        listed = self.node.ctl("list_queues", "name", "messages_unacknowledged")
        counts = dict(line.split() for line in listed.splitlines())
        return int(counts[self.queue])

    def is_committed(self) -> bool:
        """Nothing waits in the queue, for delivery or for an acknowledgement."""
        return self.node.depth(self.queue) == 0

    def killed(self, life: str) -> None:
        """The broker delivers again what was not acknowledged: no more than the prefetch."""
        self.lives[life].killed_holding = PREFETCH
