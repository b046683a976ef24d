"""The RabbitMQ source: the loop's half of a consumer, and its thread.

``RabbitConsumer`` puts commands aside; ``_Reader`` runs them on its thread, which owns connection,
channels and queues and never blocks: the room of the inbox is asked for, not waited for, and what the
broker delivered meanwhile waits in the queues (at most the prefetch of each), while heartbeats go on.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import ClassVar

from bridge.consumers.base import Consumer, ConsumerStats, Inbox, Link, SecretReader, Settles
from bridge.consumers.rabbitmq_client import Connection, Loop
from bridge.consumers.rabbitmq_dialer import Dialer
from bridge.consumers.rabbitmq_faults import Fault
from bridge.consumers.rabbitmq_queue import Queue
from bridge.consumers.rabbitmq_records import deliveries_of
from bridge.consumers.rabbitmq_settings import RabbitSettings, address_of
from bridge.errors import BridgeError, ConsumerError
from bridge.model import Position, Record, Stream

__all__ = ["RabbitConsumer", "RabbitSettings"]

_BATCH_RECORDS = 500
_ROOM_RETRY_SECONDS = 0.005
_PROGRESS_SECONDS = 0.25
_SPARE_DELIVERIES = 2
_LEAVE_SECONDS = 1.0
"""What giving back and closing may take beyond the budget, before the broker is left behind."""


_whose = attrgetter("stream", "epoch")


class RabbitConsumer(Consumer):
    """Reads RabbitMQ queues, each as its only active consumer unless ``competing``.

    Args:
        settings: of the source, with ``queues`` filled in.
        inbox: the loop.
        secret_reader: reads ``url`` and ``password``, on the consumer thread, before each connect.
        jitter: draws from [0, 1) for the backoff.
    """

    Settings: ClassVar[type[RabbitSettings]] = RabbitSettings
    settles: ClassVar[Settles] = Settles.EACH

    def __init__(
        self,
        settings: RabbitSettings,
        inbox: Inbox,
        *,
        secret_reader: SecretReader | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(settings, inbox, secret_reader=secret_reader)
        self._jitter = jitter
        self._reader: _Reader | None = None
        self._early: list[Callable[[_Reader], None]] = []
        self._ended: Future[None] | None = None
        self._budget_seconds = 0.0
        self._thread = threading.Thread(target=self._run, name=f"rabbitmq-{settings.name}", daemon=True)

    def start(self) -> None:
        """Start the thread; what cannot work at all comes through ``inbox.failed``."""
        self._reader = _Reader(self.settings, self.inbox, self.stats, self.secret_reader, self._jitter)
        for command in self._early:
            self._tell(command)
        self._thread.start()

    def settle(self, positions: Sequence[Position]) -> None:
        """Ack these deliveries, each on the channel it came by."""
        self._tell(lambda reader: reader.settle(positions))

    def pause(self, streams: Collection[Stream]) -> None:
        """Hand over no more of these; what is delivered stays unacked, so that the prefetch stops it."""
        self._tell(lambda reader: reader.pause(frozenset(streams)))

    def resume(self, streams: Collection[Stream]) -> None:
        """Hand these over again."""
        self._tell(lambda reader: reader.resume(frozenset(streams)))

    @property
    def longest_hold_seconds(self) -> float:
        """Half of what the broker allows: the other half is for a broker that is slow to take back."""
        seconds: float = self.settings.consumer_timeout
        return seconds / 2

    def is_worn(self, record: Record) -> bool:
        """The broker counts one more now, and drops it beyond the limit."""
        limit: int = self.settings.delivery_limit
        return record.redelivered and deliveries_of(record) >= limit - _SPARE_DELIVERIES

    def widen(self) -> None:
        """Consume with the configured prefetch from now on; it is 1 before."""
        self._tell(lambda reader: reader.widen())

    def give_back(self, streams: Collection[Stream]) -> None:
        """Requeue all that is held of these, close their channels, and leave them closed."""
        self._tell(lambda reader: reader.give_back(frozenset(streams)))

    def reopen(self, streams: Collection[Stream]) -> None:
        """Consume these again."""
        self._tell(lambda reader: reader.reopen(frozenset(streams)))

    def close(self, budget_seconds: float) -> Future[None]:
        """Drain, ack, give the rest back in order, close the connection."""
        if self._ended is None:
            self._ended = Future()
            self._budget_seconds = budget_seconds
            self._tell(lambda reader: reader.leave(budget_seconds))
            threading.Thread(target=self._tell_end, args=(self._ended,), daemon=True).start()
        return self._ended

    def _tell(self, command: Callable[[_Reader], None]) -> None:
        if self._reader is None:
            self._early.append(command)
        else:
            self._reader.order(partial(command, self._reader))

    def _tell_end(self, ended: Future[None]) -> None:
        """On a thread of its own: the consumer thread may hang where a secret is read."""
        if self._thread.ident is not None:
            self._thread.join(self._budget_seconds + 2 * _LEAVE_SECONDS)
        ended.set_result(None)

    def _run(self) -> None:
        """The consumer thread."""
        try:
            if self._reader is not None:
                self._reader.run()
        except BridgeError as error:
            self.inbox.failed(error)
        except Exception as error:  # noqa: BLE001 - a dead thread must be known, whatever killed it
            self.inbox.failed(ConsumerError(f"internal error: {type(error).__name__}: {error}"))
        finally:
            self.inbox.link(Link.CLOSED)


class _Reader:
    """Everything on the consumer thread. Only ``order`` may be called from elsewhere."""

    def __init__(
        self,
        settings: RabbitSettings,
        inbox: Inbox,
        stats: ConsumerStats,
        secret_reader: SecretReader | None,
        jitter: Callable[[], float],
    ) -> None:
        self._inbox = inbox
        self._stats = stats
        self._loop = Loop()
        self._queues = {
            stream: Queue(stream, settings.prefetch, settings.competing, self._loop, self)
            for stream in (Stream(settings.name, name) for name in settings.queues)
        }
        read_address = partial(
            address_of,
            settings.url,
            settings.username,
            settings.password,
            settings.tls,
            name=f"filum-bridge {settings.name}",
            read_secret=secret_reader,
        )
        self._dialer = Dialer(self._loop, read_address, self, jitter)
        self._paused: frozenset[Stream] = frozenset()
        self._epoch = 0
        self._nonces = uuid.uuid4().hex
        self._hands_over = False
        self._is_leaving = False
        self._is_revoked = False
        self._fault = ""
        self._said: tuple[Link, str] | None = None

    def order(self, command: Callable[[], None]) -> None:
        """Run it on the consumer thread, after those ordered before. Any thread; returns at once."""
        self._loop.soon(command)

    def run(self) -> None:
        """The thread's whole life."""
        self._loop.soon(self._progress)
        self._loop.soon(self._dialer.dial)
        self.changed()
        self._loop.run()

    def _progress(self) -> None:
        self._stats.last_progress_seconds = time.monotonic()
        held = ((stream, queue.held_since_seconds) for stream, queue in self._queues.items())
        self._stats.held_since = {stream: since for stream, since in held if since}
        self._loop.later(_PROGRESS_SECONDS, self._progress)

    # Commands

    def settle(self, positions: Sequence[Position]) -> None:
        """Ack what belongs to the present channels; the rest is late."""
        tags: dict[Stream, list[int]] = {}
        for (stream, epoch), of_one in groupby(positions, _whose):
            queue = self._queues.get(stream)
            if queue is None or not queue.is_consuming or queue.epoch != epoch:
                self._stats.commits_fenced += sum(1 for _ in of_one)
            else:
                tags.setdefault(stream, []).extend(position.offset for position in of_one)
        for stream, of_stream in tags.items():
            self._queues[stream].settle(of_stream)
        if tags:
            self._stats.commits_ok += 1
            self._stats.last_commit_seconds = time.monotonic()

    def pause(self, streams: frozenset[Stream]) -> None:
        """Hand over no more of these."""
        self._set_paused(self._paused | streams)

    def resume(self, streams: frozenset[Stream]) -> None:
        """Hand these over again."""
        self._set_paused(self._paused - streams)
        self.filled()

    def _set_paused(self, streams: frozenset[Stream]) -> None:
        self._paused = streams
        self._stats.paused = streams & self._stats.assigned

    def widen(self) -> None:
        """What is read is taken."""
        for queue in self._queues.values():
            queue.widen()

    def give_back(self, streams: frozenset[Stream]) -> None:
        """Hold nothing of these any more."""
        for queue in self._of(streams):
            queue.give_back()

    def reopen(self, streams: frozenset[Stream]) -> None:
        """Read these again."""
        for queue in self._of(streams):
            queue.reopen()

    def _of(self, streams: frozenset[Stream]) -> list[Queue]:
        return [queue for stream, queue in self._queues.items() if stream in streams]

    def leave(self, budget_seconds: float) -> None:
        """Hand over no more, let the loop drain, then go; after the budget go anyway."""
        self._is_leaving = True
        self._loop.later(budget_seconds, self._give_back)
        self._loop.later(budget_seconds + _LEAVE_SECONDS, partial(self._dialer.hang_up, self._loop.stop))
        if not self._stats.assigned:
            self._give_back()
            return
        answer = self._inbox.revoked(self._stats.assigned, budget_seconds)
        answer.add_done_callback(lambda final: self.order(partial(self._drained, final.result())))

    def _drained(self, positions: Sequence[Position]) -> None:
        self.settle(positions)
        self._give_back()

    def _give_back(self) -> None:
        """Close the channels, each of which gives back what is not settled, and then the connection."""
        if self._is_revoked:
            return
        self._is_revoked = True
        for queue in self._queues.values():
            queue.leave()
        self._dialer.leave(self._loop.stop)

    # From the connection

    def connected(self, connection: Connection) -> None:
        """See ``rabbitmq_dialer.Line``."""
        self._fault = ""
        for queue in () if self._is_leaving else self._queues.values():
            queue.connected(connection)

    def disconnected(self, fault: Fault) -> None:
        """See ``rabbitmq_dialer.Line``."""
        self._fault = str(fault)
        for queue in self._queues.values():
            queue.disconnected()

    # From the queues

    def next_epoch(self) -> int:
        """See ``rabbitmq_queue.Owner``."""
        self._epoch += 1
        return self._epoch

    def draw_nonce(self) -> str:
        """See ``rabbitmq_queue.Owner``. Random once, then counted: a draw for each costs a system call."""
        self._stats.weak_ids += 1
        return f"{self._nonces}{self._stats.weak_ids:x}"

    def began(self, queue: Queue) -> None:
        """See ``rabbitmq_queue.Owner``."""
        self._dialer.is_well()
        self._stats.assigned |= {queue.stream}
        self._stats.paused = self._paused & self._stats.assigned
        self._stats.rebalanced("assigned")
        if not self._is_leaving:
            self._inbox.assigned({queue.stream: queue.epoch})

    def ended(self, queue: Queue) -> None:
        """See ``rabbitmq_queue.Owner``."""
        self._stats.assigned -= {queue.stream}
        self._stats.paused = self._paused & self._stats.assigned
        if not self._is_revoked:
            self._stats.rebalanced("lost")
            self._inbox.lost({queue.stream})

    def filled(self) -> None:
        """See ``rabbitmq_queue.Owner``. Frames read together become one batch."""
        if not self._hands_over:
            self._hands_over = True
            self._loop.later(0, self._hand_over)

    def changed(self) -> None:
        """See ``rabbitmq_queue.Owner``."""
        queues = self._queues.values()
        self._stats.lag = {queue.stream: queue.messages for queue in queues if queue.is_consuming}
        unordered = frozenset(queue.stream for queue in queues if queue.is_consuming and queue.is_unordered)
        self._stats.unordered = unordered
        links = {queue.link for queue in queues}
        fitting = [link for link in (Link.CONNECTED, Link.STANDBY) if link in links]
        detail = self._fault or "; ".join(queue.note for queue in queues if queue.note)
        said = ((*fitting, Link.CONNECTING)[0], detail)
        if said != self._said:
            self._said = said
            self._inbox.link(*said)

    # Handing over

    def _hand_over(self) -> None:
        self._hands_over = False
        open_queues = [q for stream, q in self._queues.items() if q.waiting and stream not in self._paused]
        if not open_queues or self._is_leaving:
            return
        if not self._inbox.wait_for_room(0):
            self._hands_over = True
            self._loop.later(_ROOM_RETRY_SECONDS, self._hand_over)
            return
        share = max(1, _BATCH_RECORDS // len(open_queues))
        batch: list[Record] = [record for queue in open_queues for record in queue.take(share)]
        self._stats.consumed_total += len(batch)
        self._inbox.records(batch, self._stats.consumed_total)
        self.filled()
