"""One queue, read over one channel after another: a state machine on the thread of its loop.

::

    IDLE ─ connected, or a wait is over → OPENING ─ channel open → COUNTING ─ queue is there
      → (once a connection, unless ``competing``) PROBING: the broker's refusal says whether the queue is
        a single-active-consumer queue, and closes the channel → OPENING …
      → SUBSCRIBING ─ accepted → CONSUMING ─ channel or connection ends, broker cancels → IDLE
                    └ refused, another consumer has it → STANDBY ─ after a second → OPENING …

How a queue is taken: a single-active-consumer queue by a plain consumer, which the broker makes wait its
turn (it refuses exclusive ones there); any other queue by an exclusive consumer, and where the broker
does not enforce that (quorum queues), the count of consumers tells, and is said. One epoch is one
channel that consumes; delivery tags die with it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from enum import Enum
from functools import partial
from typing import Protocol

from bridge.consumers.base import Link
from bridge.consumers.rabbitmq_client import Channel, Connection, Counts, Loop
from bridge.consumers.rabbitmq_faults import Fault, Kind, is_single_active
from bridge.consumers.rabbitmq_frames import Delivery
from bridge.consumers.rabbitmq_records import record_of
from bridge.consumers.rabbitmq_tags import Tags
from bridge.model import Record, Stream

_STANDBY_SECONDS = 1.0
_RECOUNT_SECONDS = 5.0
_RETRY_CAP_SECONDS = 10.0
_SHUT = "what was held too long is given back until it can be taken again"
_CANCELLED = Fault(Kind.MISSING, "the broker ended the consumer", "was the queue deleted or moved?")


class Phase(Enum):
    """Where a queue stands."""

    IDLE = 0
    OPENING = 1
    COUNTING = 2
    PROBING = 3
    SUBSCRIBING = 4
    CONSUMING = 5
    STANDBY = 6


class Taking(Enum):
    """How the queue is consumed."""

    UNKNOWN = 0
    """The probe has not answered, or could not: by an exclusive consumer, and see."""
    EXCLUSIVE = 1
    SINGLE_ACTIVE = 2
    COMPETING = 3
    PLAIN = 4
    """The probe could not answer and an exclusive consumer was refused: by a plain one, and see."""


class Owner(Protocol):
    """The consumer; called on the loop's thread."""

    def next_epoch(self) -> int:
        """A number larger than any before."""
        ...

    def draw_nonce(self) -> str:
        """An identity for a delivery that has none."""
        ...

    def began(self, queue: Queue) -> None:
        """It consumes under a new epoch."""
        ...

    def ended(self, queue: Queue) -> None:
        """It consumed, and its channel is gone."""
        ...

    def changed(self) -> None:
        """A link, a note or a count may be new."""
        ...

    def filled(self) -> None:
        """Records wait to be handed over."""
        ...


class Queue:
    """See the module's text.

    Attributes:
        stream: which it is.
        phase: where it stands.
        link: the last conclusion about it; unlike ``phase`` it does not change while one more try runs.
        note: what an operator must know, one line; empty when all is well.
        is_unordered: whether others read it too, so that order across replicas is not promised.
        epoch: of the channel that consumes, or that consumed last.
        waiting: delivered and not yet handed over; at most the prefetch.
        messages: ready in the broker when last counted.
    """

    def __init__(self, stream: Stream, prefetch: int, competing: bool, loop: Loop, owner: Owner) -> None:
        self.stream = stream
        self.phase = Phase.IDLE
        self.link = Link.CONNECTING
        self.note = ""
        self.is_unordered = False
        self.epoch = 0
        self.waiting: deque[Record] = deque()
        self.messages = 0
        self._prefetch = prefetch
        self._width, self._subscribed_width = 1, 0
        self._is_shut = False
        self._configured = Taking.COMPETING if competing else Taking.UNKNOWN
        self._taking = self._configured
        self._probed = False
        self._failures = 0
        self._loop = loop
        self._owner = owner
        self._connection: Connection | None = None
        self._channel: Channel | None = None
        self._was_cancelled = False
        self._has_delivered = False
        self._tags = Tags()
        self._arrivals: deque[tuple[int, float]] = deque()

    def __repr__(self) -> str:
        return f"<Queue {self.stream.name} {self.phase.name} {self._taking.name} epoch={self.epoch}>"

    @property
    def is_consuming(self) -> bool:
        """Whether its epoch is alive."""
        return self.phase is Phase.CONSUMING

    @property
    def held_since_seconds(self) -> float:
        """When the oldest unsettled delivery came (``time.monotonic``); 0 when there is none."""
        oldest = self._tags.oldest
        while self._arrivals and (not oldest or self._arrivals[0][0] < oldest):
            self._arrivals.popleft()
        return self._arrivals[0][1] if self._arrivals else 0.0

    # From the consumer

    def connected(self, connection: Connection) -> None:
        """Begin on a new connection."""
        self._connection = connection
        self._forget()
        self._begin()

    def disconnected(self) -> None:
        """The connection is gone; its channels have said so before."""
        self._connection = None
        self.phase = Phase.IDLE
        self._say(Link.CONNECTING, "")

    def take(self, most: int) -> list[Record]:
        """The next records to hand over, in the order delivered."""
        return [self.waiting.popleft() for _ in range(min(most, len(self.waiting)))]

    def settle(self, tags: Iterable[int]) -> None:
        """Ack these deliveries of the present epoch."""
        if self._channel is not None:
            self._channel.ack(self._tags.settle(tags))

    def widen(self) -> None:
        """Consume with the whole prefetch."""
        self._width = self._prefetch
        self._widen()

    def reopen(self) -> None:
        """Consume again after all was given back."""
        self._is_shut = False
        self._begin()

    def give_back(self) -> None:
        """Hold nothing, and stay closed until ``reopen``; the broker takes all back in tag order."""
        self._is_shut = True
        self.waiting.clear()
        if self._channel is not None:
            self._channel.close()

    def leave(self) -> None:
        """The same for good."""
        self._connection = None
        if self._channel is not None:
            self._channel.close()

    # Towards consuming

    def _begin(self) -> None:
        if self._connection is None or not self._connection.is_open or self._channel is not None:
            return
        if self._is_shut:
            self._say(Link.CONNECTED, f"queue {self.stream.name}: {_SHUT}")
        else:
            self.phase = Phase.OPENING
            self._was_cancelled = False
            self._channel = self._connection.channel(self._opened, self._closed)

    def _opened(self, channel: Channel) -> None:
        if self._is_shut:
            channel.close()
            return
        self.phase = Phase.COUNTING
        channel.count(self.stream.name, partial(self._counted, channel))

    def _counted(self, channel: Channel, counts: Counts) -> None:
        """The queue is there."""
        if self._taking is Taking.UNKNOWN and not self._probed:
            self.phase = Phase.PROBING
            channel.probe(self.stream.name)
            return
        self.phase, self._subscribed_width = Phase.SUBSCRIBING, self._width
        channel.consume(
            self.stream.name,
            self._width,
            self._takes_alone,
            partial(self._consuming, channel, counts),
            self._delivered,
            partial(self._cancelled, channel),
        )

    def _consuming(self, channel: Channel, counts: Counts) -> None:
        self._failures = 0
        self.epoch, self._tags, self._has_delivered = self._owner.next_epoch(), Tags(), False
        self.phase = Phase.CONSUMING
        self._owner.began(self)
        self._judge(Counts(counts.messages, counts.consumers + 1))
        self._loop.later(_RECOUNT_SECONDS, partial(self._recount, channel))
        self._widen()

    @property
    def _takes_alone(self) -> bool:
        return self._taking in (Taking.EXCLUSIVE, Taking.UNKNOWN)

    def _widen(self) -> None:
        """A consumer keeps its prefetch for life: the wider one is another, on the same channel."""
        if self._channel is not None and self.is_consuming and self._subscribed_width != self._width:
            self._subscribed_width, self._has_delivered = self._width, False
            self._channel.consume_anew(self.stream.name, self._width, self._takes_alone)

    # Consuming

    def _delivered(self, deliveries: list[Delivery]) -> None:
        stream, epoch, draw_nonce = self.stream, self.epoch, self._owner.draw_nonce
        self._tags.delivered([one.tag for one in deliveries])
        self._arrivals.append((deliveries[-1].tag, time.monotonic()))
        self.waiting.extend([record_of(one, stream, epoch, draw_nonce) for one in deliveries])
        if not self._has_delivered:
            self._has_delivered = True
            self._say(Link.CONNECTED, self.note)
        self._owner.filled()

    def _recount(self, channel: Channel) -> None:
        if channel is self._channel and self.is_consuming:
            channel.count(self.stream.name, self._judge)
            self._loop.later(_RECOUNT_SECONDS, partial(self._recount, channel))

    def _judge(self, counts: Counts) -> None:
        """What the broker's counts say about our part in the queue."""
        self.messages = counts.messages
        others = counts.consumers - 1
        waits = self._taking is Taking.SINGLE_ACTIVE and others > 0 and not self._has_delivered
        note = self._note_on(others)
        self.is_unordered = bool(note)
        self._say(Link.STANDBY if waits else Link.CONNECTED, note)

    def _note_on(self, others: int) -> str:
        name = f"queue {self.stream.name}"
        if self._taking is Taking.COMPETING:
            return f"{name} is read as one of competing consumers: order is not kept across replicas"
        if others <= 0 or self._taking is Taking.SINGLE_ACTIVE:
            return ""
        if self._taking is Taking.PLAIN:
            return (
                f"{name} has {others} other consumers; whether only one is active cannot be seen without "
                "the permission to configure it, so order across replicas is not promised"
            )
        return (
            f"{name} has {others} other consumers and enforces no exclusive one: they compete, and order "
            "is not kept; declare it with x-single-active-consumer"
        )

    def _cancelled(self, channel: Channel) -> None:
        """The broker ended the consumer; what it had delivered goes back with the channel."""
        self._was_cancelled = True
        channel.close()

    # The end of a channel

    def _closed(self, channel: Channel, fault: Fault) -> None:
        if channel is not self._channel:
            return
        before, self.phase, self._channel = self.phase, Phase.IDLE, None
        if before is Phase.CONSUMING:
            self._end_epoch()
        if self._connection is None or not self._connection.is_open:
            return  # left, or lost with the connection, of which ``disconnected`` tells
        if self._is_shut:
            self._begin()
        elif before is Phase.PROBING and fault.kind in (Kind.PRECONDITION, Kind.DENIED):
            self._learn(fault)
        elif before in (Phase.SUBSCRIBING, Phase.CONSUMING) and fault.kind is Kind.HELD:
            self._held()
        else:
            self._failed(_CANCELLED if self._was_cancelled else fault)

    def _end_epoch(self) -> None:
        self.waiting.clear()
        self._arrivals.clear()
        self._tags = Tags()
        self._owner.ended(self)

    def _forget(self) -> None:
        self._taking, self._probed = self._configured, False

    def _learn(self, fault: Fault) -> None:
        """What the probe's refusal says of the queue."""
        self._probed = True
        single_active = is_single_active(fault.text)
        if single_active is not None:
            self._taking = Taking.SINGLE_ACTIVE if single_active else Taking.EXCLUSIVE
        self._begin()

    def _held(self) -> None:
        """Another consumer has it: wait. An unknown queue may be one that takes plain consumers only."""
        if self._taking is Taking.UNKNOWN:
            self._taking = Taking.PLAIN
            self._begin()
            return
        self._taking = Taking.UNKNOWN if self._taking is Taking.PLAIN else self._taking
        self.phase = Phase.STANDBY
        self._say(Link.STANDBY, "")
        self._retry(_STANDBY_SECONDS)

    def _failed(self, fault: Fault) -> None:
        self._failures += 1
        if fault.kind is Kind.MISSING:
            self._forget()
        self._say(Link.CONNECTING, f"queue {self.stream.name}: {fault}")
        self._retry(min(_RETRY_CAP_SECONDS, 0.5 * 2.0 ** min(self._failures - 1, 10)))

    def _retry(self, seconds: float) -> None:
        connection = self._connection

        def begin() -> None:
            if connection is self._connection:
                self._begin()

        self._loop.later(seconds, begin)

    def _say(self, link: Link, note: str) -> None:
        self.link, self.note = link, note
        self._owner.changed()
