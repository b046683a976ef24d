"""The Kafka source: a group member on a thread of its own. ``kafka_member`` has the work."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar, Self

from bridge.consumers.base import Inbox, SecretReader, Settles, Surroundings
from bridge.consumers.kafka_client import ConsumerClient, Watcher
from bridge.consumers.kafka_member import Member
from bridge.consumers.kafka_settings import KafkaSettings, consumer_properties
from bridge.consumers.threaded import ThreadedConsumer

__all__ = ["KafkaConsumer", "KafkaSettings"]


class KafkaConsumer(ThreadedConsumer):
    """Reads Kafka topics as a member of a consumer group, classic or KIP-848.

    Args:
        settings: of the source, with ``topics`` filled in.
        inbox: the loop.
        secret_reader: reads ``security.password`` and ``security.key_password``, on the consumer thread.
        excluded_topics: never read, even if a pattern of ``topics`` matches them.
        revoke_budget_seconds: how long a rebalance may wait for what is in flight.
    """

    Settings: ClassVar[type[KafkaSettings]] = KafkaSettings
    settles: ClassVar[Settles] = Settles.WATERMARK

    def __init__(
        self,
        settings: KafkaSettings,
        inbox: Inbox,
        *,
        secret_reader: SecretReader | None = None,
        excluded_topics: Collection[str] = (),
        revoke_budget_seconds: float = 10.0,
    ) -> None:
        super().__init__(settings, inbox, secret_reader=secret_reader)
        self._member = Member(
            settings,
            inbox,
            self.stats,
            self._open_client,
            self.serve,
            excluded_topics=excluded_topics,
            revoke_budget_seconds=revoke_budget_seconds,
        )

    @classmethod
    def build(cls, settings: KafkaSettings, inbox: Inbox, surroundings: Surroundings) -> Self:
        """With the dead-letter topics left out, and the budget of a rebalance."""
        return cls(
            settings,
            inbox,
            secret_reader=surroundings.secret_reader,
            excluded_topics=surroundings.never_read,
            revoke_budget_seconds=surroundings.revoke_budget_seconds,
        )

    @property
    def worker(self) -> Member:
        """The group member."""
        return self._member

    def _open_client(self, watcher: Watcher) -> ConsumerClient:
        return ConsumerClient(consumer_properties(self.settings, self.secret_reader), watcher)
