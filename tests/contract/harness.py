"""What a broker must offer so that the contract suite can be run on it.

One harness serves one test: its topic, queue or file is fresh, and ``close`` removes it. Everything here
may block; each wait has a deadline and ends in ``TimeoutError``.

A broker joins the suite by a module ``tests/contract/NAME_harness.py`` with a function
``open_harness(request: pytest.FixtureRequest, *, own_broker: bool) -> Harness`` and a line in
``conftest.py``. ``own_broker`` asks for a broker of the test's own, which ``lose`` and ``drop_connection``
may stop; it is set for the tests that call them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from bridge.consumers.base import Consumer, Inbox, Settles
from bridge.model import Headers


class Message(NamedTuple):
    """What a producer sends; compared with the record that arrives, byte by byte."""

    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()


@dataclass(frozen=True)
class Abilities:
    """What this broker can do; a behaviour that needs what is missing is skipped.

    Attributes:
        settles: the same as the consumer's.
        keys: a message carries a key of bytes (RabbitMQ has none).
        null_values: a message without a body exists and differs from an empty one.
        repeated_headers: one header name may stand twice, with values of any bytes.
        streams: how many streams ``produce`` can address by ``number`` (queues or partitions).
        revokes: ``revoke`` works.
        loses: ``lose`` works.
        drops: ``drop_connection`` works.
        records_after_pause: how many records may still arrive after a pause took hold.
        duplicates_after_resume: how many records may come twice over pause and resume.
        keeps_metadata: a position's metadata is told with the next assignment.
        follows: records produced after ``start`` are seen (a file that is not followed ends).
    """

    settles: Settles
    keys: bool = True
    null_values: bool = True
    repeated_headers: bool = True
    streams: int = 2
    revokes: bool = True
    loses: bool = True
    drops: bool = True
    records_after_pause: int = 0
    duplicates_after_resume: int = 0
    follows: bool = True
    keeps_metadata: bool = False


class Harness(Protocol):
    """One broker, one fresh set of streams, one consumer group."""

    abilities: Abilities

    def produce(self, messages: Sequence[Message], number: int = 0) -> None:
        """Write in order to stream ``number`` (0-based); returns when the broker has confirmed all."""
        ...

    def consumer(self, inbox: Inbox) -> Consumer:
        """A new consumer of all streams, same group or queues as any before it; not started."""
        ...

    def revoke(self) -> None:
        """Take at least one stream away from the running consumer in an orderly way.

        Kafka: a second member joins and leaves again. Returns at once or when done; the test waits on
        its inbox. The stream need not come back.
        """
        ...

    def lose(self) -> None:
        """Let all streams be lost without a chance to settle (session gone, channel closed)."""
        ...

    def drop_connection(self) -> None:
        """Cut the running consumer's connection, or restart the broker; data survives, and it comes back."""
        ...

    def close(self) -> None:
        """End what this harness started. Repeat-safe."""
        ...
