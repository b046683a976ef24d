"""Against a model: whatever fails, every record is delivered, and only what was unfinished is sent again.

The model knows what was delivered and what each commit was told; the ledger sees only the broker's view.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.consumers.base import Kept, Settles
from bridge.model import Attempts, Outcome, Position, Record, Stream
from bridge.settle.offset_map import OffsetMap, fingerprint_of, read
from bridge.settle.tickets import Ledger, Ticket

P0, LOG = Stream("shop", "orders", 0), "cluster/topic/0"
AMPLE, SMALL = 4096, 90

Identity = tuple[int, int]
"""Offset and leader epoch: a record for all time."""


def parts_of(offset: int, rules: int) -> int:
    """How many events a record gives, by the rules in force; some rules give as many as others."""
    return (offset * 7 + rules % 2 * 3) % 4 + 1


@dataclass
class Known:
    """What the ledger may know: records finished, and parts of others with the rules that made them."""

    finished: set[Identity] = field(default_factory=set)
    partly: dict[Identity, tuple[int, set[int]]] = field(default_factory=dict)
    spent: dict[Identity, tuple[int, dict[int, Attempts]]] = field(default_factory=dict)

    def under(self, rules: int) -> Known:
        """As much of it as a map under these rules says."""
        partly = {who: deepcopy(one) for who, one in self.partly.items() if one[0] == rules and one[1]}
        spent = {who: deepcopy(one) for who, one in self.spent.items() if one[0] == rules and one[1]}
        return Known(set(self.finished), partly, spent)


class Life:
    """A partition, a broker's commit, and one bridge after another."""

    def __init__(self, gaps: list[int], room: int) -> None:
        self.log: dict[int, int] = {}
        self.log_end = 0
        self.leader_epoch, self.rules, self.epoch = 3, 0, 0
        self.gaps, self.room = gaps, room
        self.delivered: dict[Identity, set[tuple[int, int]]] = {}
        self.committed, self.committed_known, self.committed_rules = Position(P0, 0, 0), Known(), 0
        self.live: list[Ticket] = []
        self.late: list[tuple[Ledger, Ticket]] = []
        self.write(5)
        self.begin(Ledger(Settles.WATERMARK))

    # The broker

    def write(self, pick: int) -> None:
        """More records; some offsets are left out. None is used twice, whatever was compacted away."""
        for n in range(pick):
            gap = self.gaps[(len(self.log) + n) % len(self.gaps)]
            self.log[self.log_end + gap] = self.leader_epoch
            self.log_end += gap + 1

    def cut(self, pick: int) -> None:
        """An unclean election while nobody reads: the end is lost, and other records take its offsets."""
        above = [offset for offset in self.log if offset >= self.committed.offset]
        self.leader_epoch += 1
        for offset in above[pick % (len(above) + 1) :]:
            self.log[offset] = self.leader_epoch

    def compact(self, pick: int) -> None:
        """Some records are gone for good."""
        for offset in [offset for offset in self.log if (offset + pick) % 5 == 0]:
            del self.log[offset]

    # The bridge

    def begin(self, ledger: Ledger) -> None:
        """A new epoch, from the last commit that succeeded."""
        self.ledger, self.epoch, self.next = ledger, self.epoch + 1, self.committed.offset
        ledger.rules = fingerprint_of(str(self.rules))
        kept = Kept(LOG, self.committed.offset, self.committed.metadata)
        assert ledger.assign({P0: self.epoch}, {P0: kept}) == []
        self.late += [(self.ledger, ticket) for ticket in self.live]
        self.live = []
        self.known = deepcopy(self.committed_known)
        self.before = deepcopy(self.committed_known)
        self.latest, self.latest_known = self.committed, deepcopy(self.committed_known)
        self.latest_rules = self.committed_rules

    def read(self, pick: int) -> None:
        """A batch."""
        for offset in sorted(o for o in self.log if o >= self.next)[: pick + 1]:
            self._open(offset)

    def _open(self, offset: int) -> None:
        self.next = offset + 1
        who = (offset, self.log[offset])
        ticket = self.ledger.open(Record(P0, offset, self.epoch, b"x", leader_epoch=who[1]))
        if ticket is None:
            assert who in self.known.finished, "skipped, and never finished"
            return
        if self.room == AMPLE:
            assert who not in self.before.finished, "sent again although it was finished"
        self._start(ticket, who)

    def _start(self, ticket: Ticket, who: Identity) -> None:
        total = parts_of(who[0], self.rules)
        final = self.ledger.begin(ticket, total)
        done = {part for part in range(total) if final >> part & 1}
        rules, known = self.before.partly.get(who, (self.rules, set()))
        known = known if rules == self.rules else set()
        assert done <= known
        if self.room == AMPLE:
            assert done == known
            rules, spent = self.before.spent.get(who, (self.rules, {}))
            spent = {} if rules != self.rules else spent
            found = {part: it for part in range(total) if (it := self.ledger.attempts_of(ticket, part))}
            assert found == spent
        rules, spent = self.known.spent.get(who, (self.rules, {}))
        self.known.partly[who] = (self.rules, done)
        self.known.spent[who] = (self.rules, dict(spent) if rules == self.rules else {})
        self.live.append(ticket)

    def finish(self, pick: int) -> None:
        """One part of one record becomes final."""
        if not self.live:
            return
        ticket = self.live[pick % len(self.live)]
        who = (ticket.record.offset, ticket.record.leader_epoch or 0)
        rules, done = self.known.partly[who]
        part = next(p for p in range(parts_of(who[0], rules)) if p not in done)
        self.delivered.setdefault(who, set()).add((rules, part))
        done.add(part)
        self.known.spent[who][1].pop(part, None)
        if self.ledger.part_done(ticket, Outcome.DELIVERED, part):
            self.live.remove(ticket)
            self.known.finished.add(who)
            del self.known.partly[who], self.known.spent[who]

    def fail(self, pick: int) -> None:
        """An attempt is spent on one part of one record."""
        if not self.live:
            return
        ticket = self.live[pick % len(self.live)]
        who = (ticket.record.offset, ticket.record.leader_epoch or 0)
        rules, done = self.known.partly[who]
        part = next(p for p in range(parts_of(who[0], rules)) if p not in done)
        spent = Attempts(pick + 1, pick + 2, 1_700_000_000_000 + pick)
        self.known.spent[who][1][part] = spent
        self.ledger.tried(ticket, part, spent)

    def finish_late(self, pick: int) -> None:
        """An answer for a record that was given back long ago."""
        if self.late:
            ledger, ticket = self.late.pop(pick % len(self.late))
            assert not ledger.part_done(ticket, Outcome.DELIVERED, 0)

    def reload(self, pick: int) -> None:
        """Other rules for what is read from now on."""
        self.rules = pick % 3
        self.ledger.rules = fingerprint_of(str(self.rules))

    # Commits and ends

    def commit(self, pick: int) -> None:
        """What the ledger gives is committed, or the commit fails; the latest is tried again later."""
        told = self.ledger.take(self.room)
        if told:
            (self.latest,) = told
            self.latest_known, self.latest_rules = self.known.under(self.rules), self.rules
            self.check(self.latest)
        elif self.room == AMPLE and self.rules == self.latest_rules:
            assert self._in_log(self.latest_known) == self._in_log(self.known.under(self.rules)), "not told"
        if pick % 3:
            self.committed, self.committed_known = self.latest, self.latest_known
            self.committed_rules = self.latest_rules

    def _in_log(self, known: Known) -> tuple[object, ...]:
        """Of records that exist."""
        who = set(self.log.items())
        return (
            known.finished & who,
            {one: parts for one, parts in known.partly.items() if one in who},
            {one: spent for one, spent in known.spent.items() if one in who},
        )

    def check(self, position: Position) -> None:
        """The invariant: no position and no map says more than is so."""
        below = {who for who in self.log.items() if who[0] < position.offset}
        assert below <= self.known.finished
        if not position.metadata:
            return
        assert len(position.metadata) <= self.room
        found = read(position.metadata, LOG, position.offset)
        assert isinstance(found, OffsetMap)
        for start, end in found.finished:
            covered = {
                (o, e) for o, e in self.log.items() if start <= o < end and e <= (found.leader_epoch or 0)
            }
            assert covered <= self.known.finished
        for offset, one in found.progress.items():
            if offset in self.log and self.log[offset] <= (found.leader_epoch or 0):
                rules, done = self.known.partly.get((offset, self.log[offset]), (self.rules, set()))
                assert (rules, {p for p in range(one.total) if one.final >> p & 1}) == (self.rules, done)

    def crash(self, pick: int) -> None:
        """Killed, then another process, perhaps with other rules, perhaps on a log that was changed."""
        if pick % 4 == 1:
            self.reload(pick)
        if pick % 4 == 2:
            self.cut(pick)
        if pick % 4 == 3:
            self.compact(pick)
        self.live = []
        self.begin(Ledger(Settles.WATERMARK))

    def revoke(self, pick: int) -> None:
        """Taken away in good order, and given back; the last commit may fail."""
        told = self.ledger.final([P0], self.room)
        if told and pick % 3:
            (self.committed,) = told
            self.committed_known, self.committed_rules = self.known.under(self.rules), self.rules
            self.check(self.committed)
        self.ledger.fence([P0], "revoked")
        self.begin(self.ledger)

    def lose(self, pick: int) -> None:
        """Taken away without a word."""
        self.ledger.fence([P0], "lost")
        self.begin(self.ledger)

    def end(self) -> None:
        """All is read, finished and committed."""
        self.read(10_000)
        while self.live:
            self.finish(0)
        self.commit(1)
        assert max(self.log, default=-1) < self.committed.offset <= self.log_end or not self.log
        for who in self.log.items():
            done = self.delivered.get(who, set())
            complete = [r for r in range(3) if {(r, p) for p in range(parts_of(who[0], r))} <= done]
            assert complete, f"{who} was lost"


STEPS: dict[str, Callable[[Life, int], None]] = {
    "write": Life.write,
    "read": Life.read,
    "finish": Life.finish,
    "fail": Life.fail,
    "late": Life.finish_late,
    "reload": Life.reload,
    "commit": Life.commit,
    "crash": Life.crash,
    "revoke": Life.revoke,
    "lose": Life.lose,
}
_OFTEN = ["read", "finish", "finish", "finish", "finish", "commit", "commit", "write"]


@pytest.mark.parametrize("room", [AMPLE, SMALL])
@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([0, 0, 1, 3, 150]), min_size=1, max_size=4),
    st.lists(st.tuples(st.sampled_from([*STEPS, *_OFTEN]), st.integers(0, 30)), min_size=30, max_size=150),
)
def test_nothing_is_lost_and_only_the_unfinished_is_sent_again(
    room: int, gaps: list[int], steps: list[tuple[str, int]]
) -> None:
    """Random order of reads, ends, commits that fail, revokes, losses, kills, new rules and changed logs."""
    life = Life(gaps, room)
    for name, pick in steps:
        STEPS[name](life, pick)
        opened = life.ledger.in_flight
        assert opened == len(life.live)
    life.end()


def test_rules_that_come_back_bring_back_what_was_final_under_them() -> None:
    """The map of other rules could not say it, and nothing else has moved since."""
    life = Life([1, 0, 1], AMPLE)
    steps = [("write", 0)] * 22 + [("read", 2), ("finish", 2), ("commit", 0), ("finish", 0), ("reload", 1)]
    for name, pick in [*steps, ("commit", 0), ("reload", 0), ("commit", 0)]:
        STEPS[name](life, pick)
    life.end()
