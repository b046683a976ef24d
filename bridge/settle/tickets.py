"""A ticket is one record's stay in the bridge; the ledger holds all tickets of one source.

A ticket closes when the record's last part is final: each event, each fault, each dead letter is a
part. Closing moves the stream's watermark (``Settles.WATERMARK``) or gives one position to ack
(``Settles.EACH``). A fenced ticket (revoked, lost) still lets its requests end, but settles nothing.
Owned by the loop; no locks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from bridge.consumers.base import Settles
from bridge.model import Outcome, Position, Record, Stream, worse
from bridge.settle.offsets import Watermark


class Ticket:
    """One open record. ``parts`` counts what is not yet final."""

    __slots__ = ("fenced", "outcome", "parts", "record")

    def __init__(self, record: Record) -> None:
        self.record = record
        self.parts = 0
        self.outcome = Outcome.FILTERED
        self.fenced = False

    def __repr__(self) -> str:
        record = self.record
        state = "fenced" if self.fenced else f"{self.parts} open"
        return f"<Ticket {record.stream.name}/{record.stream.number}@{record.offset} {state}>"


class _StreamLedger:
    """The open tickets of one stream in one epoch."""

    __slots__ = ("epoch", "given", "tickets", "watermark")

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.tickets: dict[int, Ticket] = {}
        self.watermark = Watermark()
        self.given: int | None = None


class Ledger:
    """Every open record of a source, and what may be settled.

    ``settled`` and ``given_back`` count records by outcome and by kind since the start.
    """

    def __init__(self, settles: Settles) -> None:
        self._each = settles is Settles.EACH
        self._streams: dict[Stream, _StreamLedger] = {}
        self._acks: list[Position] = []
        self._moved: set[Stream] = set()
        self.settled: dict[Outcome, int] = dict.fromkeys(Outcome, 0)
        self.given_back: dict[str, int] = {"revoked": 0, "lost": 0}
        self.in_flight = 0
        self.bytes = 0

    def assign(self, epochs: Mapping[Stream, int]) -> None:
        """Begin a new epoch of these streams; what an older one still held is given back as lost."""
        self.fence([stream for stream in epochs if stream in self._streams], "lost")
        for stream, epoch in epochs.items():
            self._streams[stream] = _StreamLedger(epoch)

    def open(self, record: Record) -> Ticket | None:
        """Take in a record; None when its epoch is over (a straggler of an older assignment)."""
        ledger = self._streams.get(record.stream)
        if ledger is None or ledger.epoch != record.epoch:
            return None
        ticket = Ticket(record)
        if not self._each:
            ledger.watermark.opened(record.offset)
        ledger.tickets[record.offset] = ticket
        self.in_flight += 1
        self.bytes += record.size_bytes
        return ticket

    def straggled(self) -> None:
        """Count a record that ``open`` turned away."""
        self.given_back["revoked"] += 1

    def part_done(self, ticket: Ticket, outcome: Outcome) -> bool:
        """One part of the record is final.

        Returns:
            True when that closed the ticket.
        """
        ticket.outcome = worse(ticket.outcome, outcome)
        ticket.parts -= 1
        if ticket.parts or ticket.fenced:
            return False
        self._close(ticket)
        return True

    def filtered(self, ticket: Ticket) -> None:
        """The record has no parts: it is settled now."""
        self._close(ticket)

    def _close(self, ticket: Ticket) -> None:
        record = ticket.record
        ledger = self._streams[record.stream]
        del ledger.tickets[record.offset]
        self._forget(record)
        self.settled[ticket.outcome] += 1
        if self._each:
            self._acks.append(Position(record.stream, record.offset, record.epoch))
        else:
            ledger.watermark.settled(record.offset)
            self._moved.add(record.stream)

    def _forget(self, record: Record) -> None:
        self.in_flight -= 1
        self.bytes -= record.size_bytes

    def take(self) -> list[Position]:
        """What may be settled since the last call, streams that did not move left out."""
        acks, self._acks = self._acks, []
        moved, self._moved = self._moved, set()
        return acks + [position for stream in moved if (position := self._advance(stream))]

    def _advance(self, stream: Stream) -> Position | None:
        ledger = self._streams.get(stream)
        offset = ledger.watermark.position if ledger else None
        if ledger is None or offset is None or offset == ledger.given:
            return None
        ledger.given = offset
        return Position(stream, offset, ledger.epoch)

    def final(self, streams: Collection[Stream]) -> list[Position]:
        """The last positions of streams about to go, those not yet acknowledged by commit included."""
        acks = [ack for ack in self._acks if ack.stream in streams]
        self._acks = [ack for ack in self._acks if ack.stream not in streams]
        return acks + [position for stream in streams if (position := self._standing(stream))]

    def _standing(self, stream: Stream) -> Position | None:
        ledger = self._streams.get(stream)
        offset = ledger.watermark.position if ledger and not self._each else None
        return Position(stream, offset, ledger.epoch) if ledger and offset is not None else None

    def fence(self, streams: Iterable[Stream], kind: str) -> int:
        """End the epoch of these streams; their open records are given back, counted by ``kind``."""
        count = 0
        for stream in streams:
            ledger = self._streams.pop(stream, None)
            for ticket in ledger.tickets.values() if ledger else ():
                ticket.fenced = True
                self._forget(ticket.record)
                count += 1
        self.given_back[kind] += count
        return count

    def open_in(self, streams: Iterable[Stream]) -> int:
        """How many records of these streams are open."""
        return sum(len(ledger.tickets) for s in streams if (ledger := self._streams.get(s)))

    @property
    def streams(self) -> list[Stream]:
        """The streams that are ours now."""
        return list(self._streams)

    def oldest_unsettled_ms(self) -> int | None:
        """Broker time of the oldest open record, ms since 1970; heads of streams decide."""
        heads = (next(iter(ledger.tickets.values()), None) for ledger in self._streams.values())
        times = [t.record.timestamp_ms for t in heads if t and t.record.timestamp_ms is not None]
        return min(times, default=None)

    @property
    def settled_total(self) -> int:
        """Records settled since the start."""
        return sum(self.settled.values())

    @property
    def given_back_total(self) -> int:
        """Records given back since the start."""
        return sum(self.given_back.values())
