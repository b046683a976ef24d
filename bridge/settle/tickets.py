"""A ticket is one record's stay in the bridge; the ledger holds all tickets of one source.

A ticket closes when the record's last part is final: each event, each fault, each dead letter is a
part. Closing moves the stream's watermark (``Settles.WATERMARK``) or gives one position to ack
(``Settles.EACH``). A fenced ticket (revoked, lost) still lets its requests end, but settles nothing.
Owned by the loop; no locks.

With each watermark goes a map of what is finished above it (``offset_map`` has the theory). Between two
calls of ``take`` nothing is packed: a stream costs a step a record that is open, once an interval.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from bridge.consumers.base import Kept, Settles
from bridge.model import Attempts, Outcome, Position, Record, Stream, worse
from bridge.settle.offset_map import OffsetMap, Packed, Progress, Unusable, pack, read
from bridge.settle.offsets import Watermark

_NOT_PACKED = Packed("", 0)
_FILTERED = Outcome.FILTERED


class Load(NamedTuple):
    """How much is open."""

    records: int
    bytes: int


class Ticket:
    """One open record. ``parts`` counts what is not yet final.

    ``rules`` is the fingerprint of the rules that made the parts; ``progress`` what is to be remembered
    of them, None while there is nothing. ``recalled`` is true once an event came back before it left.
    """

    __slots__ = ("fenced", "outcome", "parts", "progress", "recalled", "record", "rules", "size_bytes")

    def __init__(
        self,
        record: Record,
        size_bytes: int = 0,
        progress: Progress | None = None,
        outcome: Outcome = _FILTERED,
    ) -> None:
        self.record = record
        self.size_bytes = size_bytes
        self.progress = progress
        self.parts = 0
        self.outcome = outcome
        self.fenced = False
        self.recalled = False
        self.rules = b""

    def __repr__(self) -> str:
        record = self.record
        state = "fenced" if self.fenced else f"{self.parts} open"
        return f"<Ticket {record.stream.name}/{record.stream.number}@{record.offset} {state}>"


class _StreamLedger:
    """The open tickets of one stream in one epoch.

    ``progress`` is by offset: of open records, and of those that an earlier epoch left and nobody has
    read since. ``log`` names what the map is true of; empty where that is not known.
    """

    __slots__ = (
        "before_epoch",
        "bytes",
        "epoch",
        "given",
        "leader_epoch",
        "log",
        "packed",
        "progress",
        "tickets",
        "watermark",
    )

    def __init__(self, epoch: int, log: str = "", kept: OffsetMap | None = None) -> None:
        self.epoch = epoch
        self.log = log
        self.tickets: dict[int, Ticket] = {}
        self.bytes = 0
        self.watermark = Watermark(kept.finished if kept else ())
        self.progress: dict[int, Progress] = dict(kept.progress) if kept else {}
        self.before_epoch = kept.leader_epoch if kept else None
        self.leader_epoch = self.before_epoch
        self.given: tuple[int, str] | None = None
        self.packed = _NOT_PACKED

    def opened(self, record: Record) -> bool:
        """Note a record that was read; False when an earlier epoch finished it."""
        if record.leader_epoch is not None and record.leader_epoch != self.leader_epoch:
            self._note_leader(record.leader_epoch, record.offset)
        return self.watermark.opened(record.offset)

    def _note_leader(self, leader_epoch: int, offset: int) -> None:
        """Leader epochs grow along the log: behind one that was not known, nothing is what it was."""
        if self.before_epoch is not None and leader_epoch > self.before_epoch:
            self.before_epoch = None
            self.watermark.distrust()
            self.progress = {at: one for at, one in self.progress.items() if at < offset}
        self.leader_epoch = max(leader_epoch, self.leader_epoch or 0)

    def pack(self, base: int, rules: bytes, most_characters: int) -> str:
        """The map above ``base``; empty where it would be true of nothing, or has no room."""
        if not self.log or not most_characters:
            self.packed = _NOT_PACKED
            return ""
        progress = dict(sorted(item for item in self.progress.items() if item[0] >= base))
        content = OffsetMap(base, self.watermark.finished(), progress, self.leader_epoch)
        self.packed = pack(self.log, content, rules, most_characters)
        return self.packed.text


class Ledger:
    """Every open record of a source, and what may be settled.

    ``settled`` and ``given_back`` count records by outcome and by kind since the start, ``skipped`` those
    that an earlier epoch finished, ``unusable`` metadata that was ignored. ``rules`` is the fingerprint
    in force.
    """

    def __init__(self, settles: Settles) -> None:
        self._each = settles is Settles.EACH
        self._streams: dict[Stream, _StreamLedger] = {}
        self._acks: list[Position] = []
        self._moved: set[Stream] = set()
        self.settled: dict[Outcome, int] = dict.fromkeys(Outcome, 0)
        self.given_back: dict[str, int] = {"revoked": 0, "lost": 0}
        self.unusable: dict[Unusable, int] = dict.fromkeys(Unusable, 0)
        self.skipped = 0
        self.in_flight = 0
        self.bytes = 0
        self._rules = b""

    def assign(self, epochs: Mapping[Stream, int], kept: Mapping[Stream, Kept] | None = None) -> list[str]:
        """Begin a new epoch of these streams; what an older one still held is given back as lost.

        Returns:
            A line for each stream whose metadata was ignored.
        """
        self.fence([stream for stream in epochs if stream in self._streams], "lost")
        ignored = []
        for stream, epoch in epochs.items():
            found = (kept or {}).get(stream, Kept())
            text = found.metadata
            usable = read(text, found.log, found.offset) if text and found.log else None
            if isinstance(usable, Unusable):
                self.unusable[usable] += 1
                ignored.append(f"{stream.name}/{stream.number}: {usable}")
            content = usable if isinstance(usable, OffsetMap) else None
            ledger = self._streams[stream] = _StreamLedger(epoch, found.log, content)
            ledger.given = (found.offset, text) if found.log else None
        return ignored

    def open(self, record: Record) -> Ticket | None:
        """Take in a record; None when there is nothing to do with it.

        So it is when its epoch is over (a straggler of an older assignment, given back) and when an
        earlier epoch finished it (skipped).
        """
        ledger = self._streams.get(record.stream)
        if ledger is None or ledger.epoch != record.epoch:
            self.given_back["revoked"] += 1
            return None
        if not self._each and not ledger.opened(record):
            self._moved.add(record.stream)
            self.skipped += 1
            return None
        size_bytes = record.size_bytes
        ticket = Ticket(record, size_bytes, ledger.progress.get(record.offset) if ledger.progress else None)
        ledger.tickets[record.offset] = ticket
        ledger.bytes += size_bytes
        self.in_flight += 1
        self.bytes += size_bytes
        return ticket

    @property
    def rules(self) -> bytes:
        """The fingerprint in force."""
        return self._rules

    @rules.setter
    def rules(self, fingerprint: bytes) -> None:
        """Other rules, another map: of the parts of other rules it says nothing."""
        self._rules = fingerprint
        for stream, ledger in self._streams.items():
            if ledger.progress:
                self._map_changed(stream)

    def open_from(self, ticket: Ticket) -> list[Ticket]:
        """The open tickets of its stream from this one on, in the order read."""
        first = ticket.record.offset
        return [one for at, one in self._streams[ticket.record.stream].tickets.items() if at >= first]

    def renew(self, ticket: Ticket) -> Ticket:
        """A new ticket for the same record, to be begun anew.

        What is still under way for the old one ends by itself and settles nothing.
        """
        ticket.fenced = True
        new = Ticket(ticket.record, ticket.size_bytes, ticket.progress, ticket.outcome)
        self._streams[ticket.record.stream].tickets[ticket.record.offset] = new
        return new

    def begin(self, ticket: Ticket, parts: int) -> int:
        """The record was made into so many parts by the rules in force.

        What an earlier epoch finished of it counts only if the same rules made as many parts of it then.

        Returns:
            One bit for each part that is final already.
        """
        ticket.rules = self.rules
        progress = ticket.progress
        if progress is None:
            ticket.parts = parts
            return 0
        if progress.rules != self.rules or progress.total != parts:
            self._drop_progress(ticket)
        final = ticket.progress.final if ticket.progress else 0
        ticket.parts = parts - final.bit_count()
        if final:
            ticket.outcome = worse(ticket.outcome, Outcome.DELIVERED)
        return final

    def attempts_of(self, ticket: Ticket, part: int) -> Attempts | None:
        """What was spent on a part so far, this epoch or an earlier one."""
        return ticket.progress.attempts.get(part) if ticket.progress else None

    def tried(self, ticket: Ticket, part: int, attempts: Attempts) -> None:
        """A part is to be tried again, and has spent so much."""
        if not ticket.fenced and not self._each:
            self._progress(ticket).attempts[part] = attempts
            self._map_changed(ticket.record.stream)

    def _progress(self, ticket: Ticket) -> Progress:
        if ticket.progress is None:
            progress = ticket.progress = Progress(ticket.rules, ticket.parts)
            self._streams[ticket.record.stream].progress[ticket.record.offset] = progress
        return ticket.progress

    def _drop_progress(self, ticket: Ticket) -> None:
        ticket.progress = None
        self._streams[ticket.record.stream].progress.pop(ticket.record.offset, None)

    def part_done(self, ticket: Ticket, outcome: Outcome, part: int) -> bool:
        """One part of the record is final.

        Args:
            ticket: of the record.
            outcome: of the part.
            part: which one; each is final once.

        Returns:
            True when that closed the ticket.
        """
        ticket.outcome = outcome if ticket.outcome is _FILTERED else worse(ticket.outcome, outcome)
        if ticket.fenced:
            return False
        if ticket.progress is not None and ticket.progress.final >> part & 1:
            raise ValueError(f"part {part} of {ticket} was final already")
        if ticket.parts == 1:
            ticket.parts = 0
            self._close(ticket)
            return True
        if not self._each:
            self._note_final(ticket, part)
        ticket.parts -= 1
        return False

    def _note_final(self, ticket: Ticket, part: int) -> None:
        progress = self._progress(ticket)
        progress.final |= 1 << part
        progress.attempts.pop(part, None)
        self._map_changed(ticket.record.stream)

    def _map_changed(self, stream: Stream) -> None:
        if self._streams[stream].log:
            self._moved.add(stream)

    def filtered(self, ticket: Ticket) -> None:
        """The record has no parts left: it is settled now."""
        self._close(ticket)

    def _close(self, ticket: Ticket) -> None:
        record = ticket.record
        ledger = self._streams[record.stream]
        del ledger.tickets[record.offset]
        ledger.bytes -= ticket.size_bytes
        self.in_flight -= 1
        self.bytes -= ticket.size_bytes
        self.settled[ticket.outcome] += 1
        if self._each:
            self._acks.append(Position(record.stream, record.offset, record.epoch))
            return
        ledger.watermark.settled(record.offset)
        if ticket.progress is not None:
            del ledger.progress[record.offset]
        self._moved.add(record.stream)

    def take(self, most_characters: int = 0) -> list[Position]:
        """What may be settled since the last call, streams that did not move left out.

        Args:
            most_characters: of a position's metadata; 0: there is none.
        """
        acks, self._acks = self._acks, []
        moved, self._moved = self._moved, set()
        return acks + [p for stream in moved if (p := self._advance(stream, most_characters))]

    def _advance(self, stream: Stream, most_characters: int) -> Position | None:
        position = self._standing(stream, most_characters)
        if position is None or self._streams[stream].given == (position.offset, position.metadata):
            return None
        self._streams[stream].given = (position.offset, position.metadata)
        return position

    def final(self, streams: Collection[Stream], most_characters: int = 0) -> list[Position]:
        """The last positions of streams about to go, those not yet acknowledged by commit included."""
        acks = [ack for ack in self._acks if ack.stream in streams]
        self._acks = [ack for ack in self._acks if ack.stream not in streams]
        return acks + [p for stream in streams if (p := self._standing(stream, most_characters))]

    def _standing(self, stream: Stream, most_characters: int) -> Position | None:
        ledger = self._streams.get(stream)
        offset = ledger.watermark.position if ledger and not self._each else None
        if ledger is None or offset is None:
            return None
        return Position(stream, offset, ledger.epoch, ledger.pack(offset, self.rules, most_characters))

    def map_sizes(self) -> dict[Stream, Packed]:
        """The maps as of their last packing."""
        return {stream: ledger.packed for stream, ledger in self._streams.items()}

    def fence(self, streams: Iterable[Stream], kind: str) -> int:
        """End the epoch of these streams; their open records are given back, counted by ``kind``."""
        count = 0
        for stream in streams:
            ledger = self._streams.pop(stream, None)
            if ledger is None:
                continue
            for ticket in ledger.tickets.values():
                ticket.fenced = True
            count += len(ledger.tickets)
            self.bytes -= ledger.bytes
        self.in_flight -= count
        self.given_back[kind] += count
        return count

    def open_in(self, streams: Iterable[Stream]) -> int:
        """How many records of these streams are open."""
        return sum(len(ledger.tickets) for s in streams if (ledger := self._streams.get(s)))

    def loads(self) -> dict[Stream, Load]:
        """What is open of each stream."""
        return {stream: Load(len(one.tickets), one.bytes) for stream, one in self._streams.items()}

    @property
    def streams(self) -> list[Stream]:
        """The streams that are ours now."""
        return list(self._streams)

    def oldest_in(self, stream: Stream) -> Ticket | None:
        """The open record of a stream that was read first."""
        ledger = self._streams.get(stream)
        return next(iter(ledger.tickets.values()), None) if ledger else None

    def open_at(self, stream: Stream, offset: int) -> Ticket | None:
        """The open record at a place; None where it is not ours, not read yet, or settled."""
        ledger = self._streams.get(stream)
        return ledger.tickets.get(offset) if ledger else None

    def oldest_unsettled_ms(self) -> int | None:
        """Broker time of the oldest open record, ms since 1970; heads of streams decide."""
        heads = (self.oldest_in(stream) for stream in self._streams)
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
