"""The contract between a broker client and the loop.

Two threads meet here. The **consumer thread** owns the broker client, alone: it polls, commits, acks
and closes. The **loop** owns lanes, tickets and offsets. They speak in two directions only:

* consumer → loop through ``Inbox`` (batches of records, assignments, revocations, state);
* loop → consumer through ``Consumer`` (``settle``, ``pause``/``resume``, ``close``), which only puts
  a command aside and returns at once.

Commands reach the broker in the order given. No broker call runs on the loop, no HTTP on a
consumer thread.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, NamedTuple, Protocol, Self

from bridge.config import Secret
from bridge.model import Position, Record, Stream

SecretReader = Callable[[Secret], str]


class Settles(Enum):
    """How a consumer tells its broker that a record is done with."""

    WATERMARK = 1
    """One position a stream: everything read before it is settled (Kafka, files)."""
    EACH = 2
    """Every record by itself, in any order (RabbitMQ acks)."""


class Link(Enum):
    """What a consumer knows of its broker."""

    CONNECTING = 0
    CONNECTED = 1
    STANDBY = 2
    """Connected, and another member has all the work."""
    CLOSED = 3


class Kept(NamedTuple):
    """What the broker has kept of a stream since its last owner settled it.

    ``metadata`` came with the last committed position, and ``offset`` is that position's. ``log`` names the
    stream's log for all time (on Kafka: cluster id, topic id, partition), so that what is said of it is
    never taken for another's; empty where that is not known, and metadata is neither used nor written.
    """

    log: str = ""
    offset: int = 0
    metadata: str = ""


class Inbox(Protocol):
    """The loop's side. Every method may be called from the consumer thread, none from elsewhere.

    Calls arrive on the loop in the order made.
    """

    def wait_for_room(self, timeout_seconds: float) -> bool:
        """Wait until the loop took in what it was handed; call it before reading more.

        Returns:
            False when there is still no room: serve commands and heartbeats, then ask again.
        """
        ...

    def records(self, batch: Sequence[Record], consumed_total: int) -> None:
        """Hand over records in the order read; never blocks.

        Args:
            batch: records of assigned streams only, each with its stream's current epoch.
            consumed_total: all records this consumer has ever handed over, this batch included.
        """
        ...

    def assigned(self, epochs: Mapping[Stream, int], kept: Mapping[Stream, Kept] | None = None) -> None:
        """These streams are ours from now on; said before their first record.

        Args:
            epochs: stream → its new epoch, larger than any before it.
            kept: what was committed of them, by brokers that keep metadata with a position; reading
                begins at its offset.
        """
        ...

    def revoked(self, streams: Collection[Stream], budget_seconds: float) -> Future[Sequence[Position]]:
        """These streams are about to be taken away: drain, then tell what may be settled.

        The loop ends what is open of them as far as it can, fences their epochs and resolves the future
        within ``budget_seconds`` with the final positions (WATERMARK: one a stream that moved; EACH:
        those not yet passed to ``settle``). The caller settles these itself, synchronously; whatever was
        still open is given back. Never raises.
        """
        ...

    def lost(self, streams: Collection[Stream]) -> None:
        """These streams are already somebody else's: fence, settle nothing, give all back."""
        ...

    def link(self, state: Link, detail: str = "") -> None:
        """The connection changed; ``detail`` is one line for the log, without secrets."""
        ...

    def failed(self, error: Exception) -> None:
        """The consumer cannot go on: the bridge drains its other sources and ends with an error."""
        ...

    def finished(self) -> None:
        """The input has an end and it was reached (files)."""
        ...


@dataclass(slots=True)
class ConsumerStats:
    """Written by the consumer thread alone, read by anyone (single fields, no lock needed).

    ``last_progress_seconds`` is ``time.monotonic()`` of the thread's last turn: liveness reads it.
    """

    consumed_total: int = 0
    last_progress_seconds: float = 0.0
    commits_ok: int = 0
    commits_failed: int = 0
    commits_fenced: int = 0
    last_commit_seconds: float = 0.0
    rebalances: dict[str, int] = field(default_factory=dict)
    """How often streams were ``assigned``, ``revoked`` or ``lost``."""
    lag: dict[Stream, int] = field(default_factory=dict)
    assigned: frozenset[Stream] = frozenset()
    paused: frozenset[Stream] = frozenset()
    held_since: Mapping[Stream, float] = field(default_factory=dict)
    """``time.monotonic()`` when the oldest record came that is not settled, of streams that hold some;
    empty where nobody minds. Replaced as a whole."""
    offsets_lost: int = 0
    without_offset: frozenset[Stream] = frozenset()
    """Streams that stand still because the broker no longer has what is to be read next."""
    refused: frozenset[Stream] = frozenset()
    """Streams whose records wait because the broker does not let this user read them."""
    unordered: frozenset[Stream] = frozenset()
    """Streams that others read too, so that order across replicas is not promised."""
    weak_ids: int = 0
    metadata_limit: int = 0
    """Characters of metadata that the broker keeps with a position, as far as known; 0: none."""

    def rebalanced(self, kind: str) -> None:
        """Streams were ``assigned``, ``revoked`` or ``lost``."""
        self.rebalances = {**self.rebalances, kind: self.rebalances.get(kind, 0) + 1}

    def commit_answered(self, succeeded: bool, sent_at_seconds: float) -> None:
        """The broker has taken a commit, or has not; ``time.monotonic()`` when it was sent."""
        if succeeded:
            self.commits_ok += 1
            self.last_commit_seconds = sent_at_seconds
        else:
            self.commits_failed += 1


class Surroundings(NamedTuple):
    """What the process tells every consumer.

    ``never_read`` names dead-letter targets, which a pattern of topics must not catch;
    ``revoke_budget_seconds`` bounds the drain of a rebalance.
    """

    secret_reader: SecretReader | None = None
    never_read: frozenset[str] = frozenset()
    revoke_budget_seconds: float = 10.0


class Consumer(ABC):
    """Reads one source. Constructed on the main thread; the constructor does no I/O.

    A plug-in names itself in the entry-point group ``filum_bridge.consumers`` and brings
    ``Settings``, a pydantic model derived from ``bridge.config.SourceSettings``.
    """

    Settings: ClassVar[type[Any]]
    settles: ClassVar[Settles]

    def __init__(self, settings: Any, inbox: Inbox, *, secret_reader: SecretReader | None = None) -> None:
        self.settings = settings
        self.inbox = inbox
        self.secret_reader = secret_reader
        self.stats = ConsumerStats()

    @classmethod
    def build(cls, settings: Any, inbox: Inbox, surroundings: Surroundings) -> Self:
        """How ``app`` makes one; a consumer that needs more of its surroundings overrides it."""
        return cls(settings, inbox, secret_reader=surroundings.secret_reader)

    @abstractmethod
    def start(self) -> None:
        """Start the consumer thread. It connects by itself, with backoff, and says so by ``link``."""

    @abstractmethod
    def settle(self, positions: Sequence[Position]) -> None:
        """These are done with. Loop thread; returns at once; positions of an old epoch are ignored.

        A watermark that could not be committed is tried again, by a newer one if there is one.
        """

    @abstractmethod
    def pause(self, streams: Collection[Stream]) -> None:
        """Hand over no more of these until ``resume``. A few records under way may still come.

        Lasts over reassignment of the same stream. Loop thread; returns at once; repeat-safe.
        """

    @abstractmethod
    def resume(self, streams: Collection[Stream]) -> None:
        """Undo ``pause``. Loop thread; returns at once; repeat-safe."""

    @property
    def longest_hold_seconds(self) -> float:
        """How long the loop may keep a record unsettled before it should ``give_back``."""
        return float("inf")

    def is_worn(self, record: Record) -> bool:
        """The broker has delivered it almost as often as it may: once or twice more, and it drops it."""
        return False

    def widen(self) -> None:  # noqa: B027 - most brokers have nothing to do
        """What this source feeds takes events: read in full.

        A broker that counts deliveries is asked for one record at a time until the first call, so that a
        bridge that ends again and again, or whose destination is down, uses up one record's count only. The
        loop calls it before it settles the record that showed it. Loop thread; returns at once;
        repeat-safe; may come before ``start``.
        """

    def give_back(self, streams: Collection[Stream]) -> None:  # noqa: B027 - most brokers do not mind
        """Give every record of these back that is not settled, in order, and read none until ``reopen``.

        For brokers that end a consumer which holds a record for too long (see
        ``ConsumerStats.held_since``). The streams are told ``lost``. Before it calls this the loop
        keeps a copy of one event to probe with, for all else is forgotten with its record; it calls
        ``reopen`` when the probe was accepted. Loop thread; returns at once; repeat-safe.
        """

    def reopen(self, streams: Collection[Stream]) -> None:  # noqa: B027 - most brokers do not mind
        """Read these again after ``give_back``. Loop thread; returns at once; repeat-safe."""

    @abstractmethod
    def close(self, budget_seconds: float) -> Future[None]:
        """Stop reading, call ``inbox.revoked`` for all streams, settle what it answers, leave.

        The thread keeps its connection alive meanwhile. Loop thread; returns at once; the future
        resolves when the thread has ended, at the latest shortly after ``budget_seconds``
        (a broker that does not answer is left behind). Repeat-safe.
        """
