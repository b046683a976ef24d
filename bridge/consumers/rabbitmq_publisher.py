"""Writes dead letters to RabbitMQ queues: persistent, mandatory, confirmed. A thread of its own.

A letter counts as written when the broker has confirmed it and has not returned it. A queue is looked at
once a connection before the first letter: one that is absent, or does not survive a restart of the
broker, takes none.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from bridge.consumers.rabbitmq_client import Channel, Connection, Counts, Loop, Publication
from bridge.consumers.rabbitmq_dialer import Dialer
from bridge.consumers.rabbitmq_faults import Fault, Kind, is_transient, max_message_bytes
from bridge.consumers.rabbitmq_records import header_table
from bridge.consumers.rabbitmq_settings import Address
from bridge.errors import DeadLetterError, DeadLetterTooLarge
from bridge.model import Headers

_MOST_SECONDS = 2**64 - 1
_TIMEOUT_SECONDS = 20.0
_SWEEP_SECONDS = 0.5
_REOPEN_SECONDS = 0.5
_LEAVE_SECONDS = 1.0


@dataclass(slots=True, eq=False)
class _Letter:
    """One write under way. ``refusal`` is set by a return, which comes before its confirmation."""

    what: Publication
    written: Future[None]
    deadline_seconds: float
    refusal: str = ""

    def end(self, error: DeadLetterError | None = None) -> None:
        """Resolve the future; a second end is none."""
        if self.written.done() or not self.written.set_running_or_notify_cancel():
            return
        if error is None:
            self.written.set_result(None)
        else:
            self.written.set_exception(error)


class RabbitPublisher:
    """Publishes to the default exchange.

    Args:
        read_address: where and as whom; read on the publisher's thread before each connect.
        jitter: draws from [0, 1) for the backoff.
        timeout_seconds: what is not confirmed by then has failed.
    """

    def __init__(
        self,
        read_address: Callable[[], Address],
        *,
        jitter: Callable[[], float] = random.random,
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._loop = Loop()
        self._writer = _Writer(self._loop, read_address, jitter)
        self._tickets = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="rabbitmq-publisher", daemon=True)
        self._thread.start()

    def publish(
        self,
        queue: str,
        body: bytes,
        headers: Headers = (),
        *,
        message_id: str | None = None,
        content_type: str | None = None,
        content_encoding: str | None = None,
        timestamp_ms: int | None = None,
    ) -> Future[None]:
        """Write one letter; any thread, returns at once.

        Returns:
            Resolves when the broker has it safe; fails with ``DeadLetterError``, of type
            ``DeadLetterTooLarge`` where no repetition can help.
        """
        with self._lock:
            self._tickets += 1
            ticket = str(self._tickets)
        seconds = None if timestamp_ms is None else timestamp_ms // 1000
        if seconds is not None and not 0 <= seconds <= _MOST_SECONDS:
            seconds = None  # AMQP has no such time; a letter's own header says it
        table = header_table(headers)
        what = Publication(queue, body, table, message_id, content_type, content_encoding, seconds, ticket)
        letter = _Letter(what, Future(), time.monotonic() + self._timeout_seconds)
        if self._thread.is_alive():
            self._loop.soon(lambda: self._writer.submit(letter))
        else:
            letter.end(DeadLetterError("the publisher of dead letters has ended"))
        return letter.written

    def close(self, budget_seconds: float) -> None:
        """Wait for what is under way; what is not confirmed then fails. Blocks up to the budget."""
        if self._thread.is_alive():
            self._loop.soon(lambda: self._writer.leave(budget_seconds))
            self._thread.join(budget_seconds + 2 * _LEAVE_SECONDS)

    def _run(self) -> None:
        try:
            self._writer.run()
        finally:
            self._writer.fail_all("the publisher of dead letters has ended")


class _Writer:
    """Everything on the publisher's thread."""

    def __init__(self, loop: Loop, read_address: Callable[[], Address], jitter: Callable[[], float]) -> None:
        self._loop = loop
        self._dialer = Dialer(loop, read_address, self, jitter)
        self._connection: Connection | None = None
        self._channel: Channel | None = None
        self._fault = "no connection yet"
        self._waiting: list[_Letter] = []
        self._in_flight: dict[int, _Letter] = {}
        self._published = 0
        self._fit: set[str] = set()
        self._checks: set[str] = set()
        self._leave_by_seconds: float | None = None

    def run(self) -> None:
        """The thread's whole life."""
        self._loop.soon(self._dialer.dial)
        self._loop.soon(self._sweep)
        self._loop.run()

    def submit(self, letter: _Letter) -> None:
        """Take a letter; it leaves when connection and queue are ready."""
        self._waiting.append(letter)
        self._flush()

    def leave(self, budget_seconds: float) -> None:
        """Go when nothing is under way, at the latest after the budget."""
        self._leave_by_seconds = time.monotonic() + budget_seconds
        self._loop.later(budget_seconds + _LEAVE_SECONDS, partial(self._dialer.hang_up, self._loop.stop))
        self._go_if_done()

    def fail_all(self, why: str) -> None:
        """End every letter."""
        for letter in (*self._waiting, *self._in_flight.values()):
            letter.end(DeadLetterError(why))
        self._waiting.clear()
        self._in_flight.clear()

    # The connection

    def connected(self, connection: Connection) -> None:
        """See ``rabbitmq_dialer.Line``."""
        self._connection = connection
        self._fit.clear()
        self._checks.clear()
        self._open()

    def disconnected(self, fault: Fault) -> None:
        """See ``rabbitmq_dialer.Line``."""
        self._connection, self._fault = None, str(fault)

    def _open(self) -> None:
        if self._connection is not None and self._connection.is_open:
            self._connection.channel(self._opened, self._closed)

    def _opened(self, channel: Channel) -> None:
        channel.confirm(partial(self._ready, channel), self._confirmed, self._returned)

    def _ready(self, channel: Channel) -> None:
        self._channel, self._published = channel, 0
        self._dialer.is_well()
        self._flush()

    def _closed(self, channel: Channel, fault: Fault) -> None:
        """What was not confirmed may or may not be written: said as a failure, and written again."""
        self._channel, self._fault = None, str(fault)
        limit = max_message_bytes(fault.text)
        for letter in self._in_flight.values():
            too_large = limit is not None and len(letter.what.body) > limit
            kind = DeadLetterTooLarge if too_large else DeadLetterError
            letter.end(kind(f"not confirmed: {fault}"))
        self._in_flight.clear()
        self._loop.later(_REOPEN_SECONDS, self._open)

    # Queues

    def _check(self, queue: str) -> None:
        if queue in self._checks or self._connection is None or not self._connection.is_open:
            return
        self._checks.add(queue)

        def opened(channel: Channel) -> None:
            channel.count(queue, partial(counted, channel))

        def counted(channel: Channel, _: Counts) -> None:
            channel.probe(queue)

        self._connection.channel(opened, lambda _, fault: self._checked(queue, fault))

    def _checked(self, queue: str, fault: Fault) -> None:
        """The probe closes its channel in any case; why, tells about the queue."""
        self._checks.discard(queue)
        if fault.kind is Kind.GONE:
            return
        if is_transient(fault.text):
            self._refuse(queue, f"queue {queue} is not durable: letters would not survive the broker")
        elif fault.kind is Kind.MISSING:
            self._refuse(queue, f"queue {queue}: {fault}")
        else:
            self._fit.add(queue)
            self._flush()

    def _refuse(self, queue: str, why: str) -> None:
        for letter in [letter for letter in self._waiting if letter.what.queue == queue]:
            self._waiting.remove(letter)
            letter.end(DeadLetterError(why))
        self._go_if_done()

    # Letters

    def _flush(self) -> None:
        channel = self._channel
        if channel is None or not channel.is_open:
            return
        waiting, self._waiting = self._waiting, []
        for letter in waiting:
            if letter.what.queue in self._fit:
                self._send(channel, letter)
            else:
                self._waiting.append(letter)
                self._check(letter.what.queue)

    def _send(self, channel: Channel, letter: _Letter) -> None:
        try:
            channel.publish(letter.what)
        except DeadLetterError as error:
            letter.end(error)
        else:
            self._published += 1
            self._in_flight[self._published] = letter

    def _returned(self, ticket: str, reason: str) -> None:
        """No queue took it. The confirmation that follows means only that the broker is done with it."""
        for letter in self._in_flight.values():
            if letter.what.ticket == ticket:
                self._fit.discard(letter.what.queue)
                letter.refusal = f"queue {letter.what.queue} did not take it: {reason}"

    def _confirmed(self, number: int, multiple: bool, accepted: bool) -> None:
        numbers = [n for n in self._in_flight if n <= number] if multiple else [number]
        for letter in [self._in_flight.pop(n) for n in numbers if n in self._in_flight]:
            refusal = letter.refusal or ("" if accepted else _nacked(letter.what.queue))
            letter.end(DeadLetterError(refusal) if refusal else None)
        self._go_if_done()

    def _sweep(self) -> None:
        """A few times a second: what waited too long has failed."""
        now = time.monotonic()
        for letter in [one for one in self._waiting if one.deadline_seconds <= now]:
            self._waiting.remove(letter)
            letter.end(DeadLetterError(f"not written in time: {self._fault}"))
        for number in [n for n, one in self._in_flight.items() if one.deadline_seconds <= now]:
            self._in_flight.pop(number).end(DeadLetterError("not confirmed in time"))
        self._go_if_done()
        self._loop.later(_SWEEP_SECONDS, self._sweep)

    def _go_if_done(self) -> None:
        if self._leave_by_seconds is None:
            return
        is_done = not self._waiting and not self._in_flight
        if is_done or time.monotonic() >= self._leave_by_seconds:
            self._dialer.leave(self._loop.stop)


def _nacked(queue: str) -> str:
    return (
        f"queue {queue} refuses it (basic.nack): it is full, or its node cannot write "
        "(take letters out of it, or raise its max-length)"
    )
