"""The Kafka source: the loop's half of a group member, and its thread.

``KafkaConsumer`` puts commands aside; ``Member`` runs them on the consumer thread in the order given,
between two reads.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import ClassVar

from bridge.consumers.base import Consumer, Inbox, Link, SecretReader, Settles
from bridge.consumers.kafka_client import ConsumerClient, Watcher
from bridge.consumers.kafka_member import Member
from bridge.consumers.kafka_settings import KafkaSettings, consumer_properties
from bridge.errors import BridgeError, ConsumerError
from bridge.model import Position, Stream

__all__ = ["KafkaConsumer", "KafkaSettings"]

_LEAVE_SECONDS = 1.0
"""What leaving the group may take beyond the budget, before librdkafka is left behind."""


class KafkaConsumer(Consumer):
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
        self._commands: deque[Callable[[], None]] = deque()
        self._budget_seconds: float | None = None
        self._ended: Future[None] | None = None
        self._thread = threading.Thread(target=self._run, name=f"kafka-{settings.name}", daemon=True)
        self._member = Member(
            settings,
            inbox,
            self.stats,
            self._open_client,
            self._serve,
            excluded_topics=excluded_topics,
            revoke_budget_seconds=revoke_budget_seconds,
        )

    def start(self) -> None:
        """Start the thread; what cannot work at all comes through ``inbox.failed``."""
        self._thread.start()

    def settle(self, positions: Sequence[Position]) -> None:
        """Commit these watermarks, the latest of each stream."""
        self._commands.append(partial(self._member.settle, tuple(positions)))

    def pause(self, streams: Collection[Stream]) -> None:
        """Fetch no more of these."""
        self._commands.append(partial(self._member.pause, frozenset(streams)))

    def resume(self, streams: Collection[Stream]) -> None:
        """Fetch these again."""
        self._commands.append(partial(self._member.resume, frozenset(streams)))

    def close(self, budget_seconds: float) -> Future[None]:
        """Drain, commit, leave the group."""
        if self._ended is None:
            self._ended = Future()
            self._budget_seconds = budget_seconds
            threading.Thread(target=self._tell_end, args=(self._ended,), daemon=True).start()
        return self._ended

    def _tell_end(self, ended: Future[None]) -> None:
        """On a thread of its own: the consumer thread may hang in the library."""
        if self._thread.ident is not None:
            self._thread.join((self._budget_seconds or 0) + 2 * _LEAVE_SECONDS)
        ended.set_result(None)

    # The consumer thread

    def _run(self) -> None:
        try:
            self._member.open()
            try:
                while self._budget_seconds is None:
                    self._member.turn()
                self._member.leave(self._budget_seconds)
            finally:
                self._close_client()
        except BridgeError as error:
            self.inbox.failed(error)
        except Exception as error:  # noqa: BLE001 - a dead thread must be known, whatever killed it
            self.inbox.failed(ConsumerError(f"internal error: {type(error).__name__}: {error}"))
        finally:
            self.inbox.link(Link.CLOSED)

    def _open_client(self, watcher: Watcher) -> ConsumerClient:
        return ConsumerClient(consumer_properties(self.settings, self.secret_reader), watcher)

    def _serve(self) -> None:
        while self._commands:
            self._commands.popleft()()

    def _close_client(self) -> None:
        """The library's close has no timeout (confluent-kafka-python issue 1801)."""
        leaving = threading.Thread(target=self._leave_group, name="kafka-close", daemon=True)
        leaving.start()
        leaving.join(_LEAVE_SECONDS)

    def _leave_group(self) -> None:
        with suppress(ConsumerError):
            self._member.close()
