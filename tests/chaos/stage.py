"""Builds arenas: shared parts where a fault leaves them whole, parts of its own where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

from tests.chaos.api import AuditingApi
from tests.chaos.arena import Arena, Setting
from tests.chaos.books import Row
from tests.chaos.faults import Fault
from tests.chaos.faults_letters import small_disk
from tests.chaos.kafka_arena import KafkaArena
from tests.chaos.rabbitmq_arena import RabbitArena
from tests.parts.kafka import Kafka
from tests.parts.kafka_pair import KafkaPair
from tests.parts.process import free_port
from tests.parts.rabbitmq import RabbitMQ
from tests.parts.toxiproxy import Toxiproxy
from tests.send.http1.certificates import Authority, server_context


class Stage:
    """Real parts, started when first asked for, ended by ``close``.

    Args:
        home: everything lies below it.
        seed: of all chance.
        is_long: faults take their time.
    """

    def __init__(self, home: Path, *, seed: int, is_long: bool) -> None:
        self._home = home
        self._count = 0
        self._parts = ExitStack()
        self.seed = seed
        self.is_long = is_long

    def close(self) -> None:
        """End all parts."""
        self._parts.close()

    @cached_property
    def kafka(self) -> Kafka:
        """The one that faults share."""
        return self._kafka(self._parts)

    @cached_property
    def rabbitmq(self) -> RabbitMQ:
        """The one that faults share."""
        return self._rabbitmq(self._parts)

    @cached_property
    def toxiproxy(self) -> Toxiproxy:
        """Proxies of all faults."""
        server = Toxiproxy(self._folder("toxiproxy"))
        self._parts.callback(server.kill)
        server.start()
        return server

    def run_kafka(self, fault: Fault[KafkaArena]) -> Row:
        """One fault over Kafka."""
        with ExitStack() as own:
            arena = self.enter_kafka(fault.setting, own)
            arena.begin()
            fault.strike(arena)
            return arena.finish(fault.name)

    def run_rabbitmq(self, fault: Fault[RabbitArena]) -> Row:
        """One fault over RabbitMQ."""
        with ExitStack() as own:
            arena = self.enter_rabbitmq(fault.setting, own)
            arena.begin()
            fault.strike(arena)
            return arena.finish(fault.name)

    def enter_kafka(self, setting: Setting, own: ExitStack) -> KafkaArena:
        """An arena, not begun; ``own`` ends it."""
        arena = self._kafka_arena(setting, own.enter_context(self._api(setting)), own)
        self._furnish(arena, setting, own)
        return arena

    def enter_rabbitmq(self, setting: Setting, own: ExitStack) -> RabbitArena:
        """An arena, not begun; ``own`` ends it."""
        arena = self._rabbit_arena(setting, own.enter_context(self._api(setting)), own)
        self._furnish(arena, setting, own)
        return arena

    def _furnish(self, arena: Arena, setting: Setting, own: ExitStack) -> None:
        if setting.tls:
            arena.authority = self._authority
        if setting.proxied:
            arena.api_proxy = self.toxiproxy.proxy(arena.api.port)
        if setting.letters == "disk":
            own.enter_context(small_disk(arena.home / "disk"))
        own.callback(arena.end)

    def _kafka_arena(self, setting: Setting, api: AuditingApi, own: ExitStack) -> KafkaArena:
        proxy = None
        if setting.proxied:
            port = free_port()
            kafka: Kafka = self._kafka(own, advertised_port=port)
            proxy = self.toxiproxy.proxy(kafka.proxied_port, port)
        elif setting.paired:
            kafka = KafkaPair(self._folder("pair"))
            own.callback(kafka.kill)
            kafka.start()
        elif setting.own_broker or setting.broker:
            kafka = self._kafka(own, properties=setting.broker)
        else:
            kafka = self.kafka
        home = self._folder("arena")
        return KafkaArena(home, api, kafka, setting, seed=self.seed, is_long=self.is_long, broker_proxy=proxy)

    def _rabbit_arena(self, setting: Setting, api: AuditingApi, own: ExitStack) -> RabbitArena:
        node = self.rabbitmq
        if setting.own_broker or setting.broker:
            node = self._rabbitmq(own, settings=setting.broker)
        proxy = self.toxiproxy.proxy(node.port) if setting.proxied else None
        home = self._folder("arena")
        return RabbitArena(home, api, node, setting, seed=self.seed, is_long=self.is_long, broker_proxy=proxy)

    @cached_property
    def _authority(self) -> Authority:
        return Authority(self._folder("tls"))

    @contextmanager
    def _api(self, setting: Setting) -> Iterator[AuditingApi]:
        tls = server_context(self._authority.issue("api")) if setting.tls else None
        api = AuditingApi(tls)
        try:
            yield api
        finally:
            api.stop()

    def _kafka(self, ends: ExitStack, *, properties: str = "", advertised_port: int = 0) -> Kafka:
        broker = Kafka(self._folder("kafka"), properties=properties, advertised_port=advertised_port)
        ends.callback(broker.kill)
        broker.start()
        return broker

    def _rabbitmq(self, ends: ExitStack, *, settings: str = "") -> RabbitMQ:
        node = RabbitMQ(self._folder("rabbitmq"), settings=settings)
        ends.callback(node.kill)
        node.start()
        return node

    def _folder(self, name: str) -> Path:
        self._count += 1
        folder = self._home / f"{name}-{self._count}"
        folder.mkdir(parents=True)
        return folder
