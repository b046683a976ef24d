"""Holds all messages of a queue at once: read, and given back unless acked. Blocking; has its own thread.

The messages that are ready at the start are delivered, and stay unacked. What is acked is gone; closing
gives the rest back to where it was, in its order. One consumer at a time, where the queue allows that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

import msgspec

from bridge.consumers.rabbitmq_client import Channel, Connection, Counts, Loop
from bridge.consumers.rabbitmq_dialer import place_of
from bridge.consumers.rabbitmq_faults import Fault, Kind
from bridge.consumers.rabbitmq_frames import Delivery
from bridge.consumers.rabbitmq_records import DELIVERY_COUNT, record_of
from bridge.consumers.rabbitmq_settings import Address
from bridge.consumers.rabbitmq_tags import Ack
from bridge.errors import BridgeError, ConnectionLost, ConsumerError
from bridge.model import Record, Stream

_MOST_PREFETCH = 65_535
_COUNT_SECONDS = 0.3
_ANSWER_SECONDS = 30.0
_LEAVE_SECONDS = 5.0
_NO_PREFETCH = 0


class HeldQueue:
    """The messages of a queue as it was when this was made; ``messages`` in the queue's order.

    ``most_deliveries`` is how often the one that was delivered most often came (quorum queues count).

    Args:
        read_address: where and as whom.
        queue: which.

    Raises:
        ConsumerError: no such queue, another consumer has it, or no broker answers.
    """

    def __init__(self, read_address: Callable[[], Address], queue: str) -> None:
        self._loop = Loop()
        self._holder = _Holder(self._loop, queue)
        address = read_address()
        self._loop.soon(lambda: self._holder.connect(address))
        self._thread = threading.Thread(target=self._run, name="rabbitmq-letters", daemon=True)
        self._thread.start()
        try:
            self._holder.full.result()
        except BridgeError:
            self.close()
            raise
        self.messages = self._holder.messages
        self.most_deliveries = self._holder.most_deliveries

    def _run(self) -> None:
        try:
            self._loop.run()
        finally:
            self._holder.fail(ConnectionLost("the connection was left"))

    def ack(self, tags: Sequence[int]) -> None:
        """Settle these; returns when the broker has taken it in.

        Raises:
            ConsumerError: the connection or the channel is gone; what was not acked lies where it lay.
        """
        done: Future[None] = Future()
        self._loop.soon(lambda: self._holder.ack(tags, done))
        try:
            done.result(_ANSWER_SECONDS)
        except TimeoutError as error:
            raise ConnectionLost("the broker did not answer in time") from error

    def close(self) -> None:
        """Give back what was not acked."""
        if self._thread.is_alive():
            self._loop.soon(self._holder.leave)
            self._thread.join(2 * _LEAVE_SECONDS)


class _Holder:
    """Everything on the loop's thread."""

    def __init__(self, loop: Loop, queue: str) -> None:
        self.full: Future[None] = Future()
        self.messages: list[Record] = []
        self.most_deliveries = 0
        self._loop = loop
        self._queue = queue
        self._place = ""
        self._connection: Connection | None = None
        self._channel: Channel | None = None
        self._wanted = 0
        self._seen = 0
        self._exclusive = True
        self._waiting: list[Future[None]] = []
        self._is_leaving = False

    def connect(self, address: Address) -> None:
        """Begin; ``full`` tells how it went."""
        try:
            self._place = place_of(address.url)
            self._connection = Connection(self._loop, address, self._open, self._disconnected)
        except BridgeError as error:
            self.fail(error)

    def leave(self) -> None:
        """Close channel and connection, then the loop."""
        self._is_leaving = True
        self._loop.later(_LEAVE_SECONDS, self._loop.stop)
        if self._channel is not None and self._channel.is_open:
            self._channel.close()
        elif self._connection is not None:
            self._connection.close()
        else:
            self._loop.stop()

    # The connection

    def _open(self) -> None:
        if self._connection is not None:
            self._channel = self._connection.channel(self._opened, self._closed)

    def _opened(self, channel: Channel) -> None:
        channel.count(self._queue, partial(self._counted, channel))

    def _disconnected(self, fault: Fault) -> None:
        self._connection = None
        self.fail(ConnectionLost(f"{self._place}: {fault.text}", fault.remedy))
        if self._is_leaving:
            self._loop.stop()

    def _closed(self, channel: Channel, fault: Fault) -> None:
        self._channel = None
        if self._is_leaving:
            if self._connection is not None:
                self._connection.close()
        elif fault.kind is Kind.HELD and self._exclusive:
            # No other consumer, and still no exclusive one: a single-active-consumer queue takes plain ones.
            self._exclusive = False
            self._open()
        else:
            self.fail(_error_of(self._queue, fault))

    def fail(self, error: BridgeError) -> None:
        """Nobody waits in vain."""
        for waiting in (self.full, *self._waiting):
            if not waiting.done():
                waiting.set_exception(error)
        self._waiting.clear()

    # Reading

    def _counted(self, channel: Channel, counts: Counts) -> None:
        self._wanted = counts.messages
        if counts.consumers:
            # Asked for, since quorum queues enforce no exclusive consumer, and what it holds is not counted.
            self.fail(_held_by_another(self._queue))
            return
        if not self._wanted:
            self.full.set_result(None)
            return
        prefetch = self._wanted if self._wanted <= _MOST_PREFETCH else _NO_PREFETCH
        channel.consume(
            self._queue,
            prefetch,
            self._exclusive,
            partial(self._look_again, channel),
            self._delivered,
            partial(self._cancelled, channel),
        )

    def _delivered(self, deliveries: list[Delivery]) -> None:
        """What comes beyond the end goes back when all else does."""
        if self.full.done():
            return
        for one in deliveries[: self._wanted - len(self.messages)]:
            count = one.headers.get(DELIVERY_COUNT)
            self.most_deliveries = max(self.most_deliveries, count if isinstance(count, int) else 0)
            record = record_of(one, Stream("", self._queue), 0, _no_nonce)
            self.messages.append(_with_headers(record, one.headers))
        if len(self.messages) >= self._wanted:
            self.full.set_result(None)

    def _look_again(self, channel: Channel) -> None:
        """Some that were counted may have expired, or be gone otherwise: with none left, these are all."""
        seen = len(self.messages)

        def recounted(counts: Counts) -> None:
            if self.full.done():
                return
            if not counts.messages and seen == len(self.messages) == self._seen:
                self.full.set_result(None)
                return
            self._seen = seen
            self._loop.later(_COUNT_SECONDS, partial(self._look_again, channel))

        if not self.full.done():
            channel.count(self._queue, recounted)

    def _cancelled(self, channel: Channel) -> None:
        self.fail(ConsumerError(f"queue {self._queue}: the broker ended the consumer"))

    # Settling

    def ack(self, tags: Sequence[int], done: Future[None]) -> None:
        """Ack, then ask something: the answer says that the acks were taken in before it."""
        channel = self._channel
        if channel is None or not channel.is_open:
            done.set_exception(ConnectionLost(f"queue {self._queue}: the channel is gone"))
            return
        self._waiting.append(done)

        def answered(_: Counts) -> None:
            if not done.done():
                self._waiting.remove(done)
                done.set_result(None)

        channel.ack([Ack(tag, multiple=False) for tag in tags])
        channel.count(self._queue, answered)


def _with_headers(record: Record, table: Mapping[str, Any]) -> Record:
    """The headers as they were written.

    One that was there several times is a list in the table, as ``header_table`` made it. The broker's own
    count would make the same letter another one each time.
    """
    headers: list[tuple[str, bytes | None]] = []
    for name, value in record.headers:
        given = table[name]
        if isinstance(given, list) and all(one is None or isinstance(one, str | bytes) for one in given):
            headers += [(name, one.encode() if isinstance(one, str) else one) for one in given]
        elif not (name == DELIVERY_COUNT and isinstance(given, int)):
            headers.append((name, value))
    return msgspec.structs.replace(record, headers=tuple(headers))


def _no_nonce() -> str:
    """A letter says which its record had."""
    return ""


def _error_of(queue: str, fault: Fault) -> ConsumerError:
    if fault.kind is Kind.HELD:
        return _held_by_another(queue)
    kind = ConnectionLost if fault.kind is Kind.GONE else ConsumerError
    return kind(f"queue {queue}: {fault.text}", fault.remedy)


def _held_by_another(queue: str) -> ConsumerError:
    return ConsumerError(
        f"queue {queue} is read by another consumer",
        "wait for the other `dlq` command to end; nothing else should read dead letters",
    )
