"""The ledger: one outcome a record, positions only of what may be settled, nothing unaccounted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.consumers.base import Kept, Settles
from bridge.model import Outcome, Position, Record, Stream
from bridge.settle.offset_map import OffsetMap, Progress, fingerprint_of, pack
from bridge.settle.tickets import Ledger, Ticket

P0, P1 = Stream("shop", "orders", 0), Stream("shop", "orders", 1)


def ledger_of(settles: Settles = Settles.WATERMARK) -> Ledger:
    ledger = Ledger(settles)
    ledger.assign({P0: 1, P1: 2})
    return ledger


def open_one(ledger: Ledger, offset: int, stream: Stream = P0, parts: int = 1) -> Ticket:
    epoch = 1 if stream == P0 else 2
    ticket = ledger.open(Record(stream, offset, epoch, b"x"))
    assert ticket is not None
    ticket.parts = parts
    return ticket


def test_a_record_settles_when_its_last_part_is_final() -> None:
    """Two events of three done leave the record open."""
    ledger = ledger_of()
    ticket = open_one(ledger, 7, parts=2)

    assert not ledger.part_done(ticket, Outcome.DELIVERED, 0)
    assert ledger.take() == []
    assert ledger.part_done(ticket, Outcome.DELIVERED, 1)
    assert ledger.take() == [Position(P0, 8, 1)]


def kept(rules: str, total: int) -> Kept:
    """An earlier commit: of the record at 7 the first of so many parts is final."""
    content = OffsetMap(7, (), {7: Progress(fingerprint_of(rules), total, 1)})
    return Kept("log", 7, pack("log", content, fingerprint_of(rules), 4096).text)


@pytest.mark.parametrize(
    ("rules", "total", "final"), [("mine", 3, 1), ("mine", 2, 0), ("mine", 4, 0), ("others", 3, 0)]
)
def test_final_parts_count_for_the_same_rules_and_as_many_parts_only(
    rules: str, total: int, final: int
) -> None:
    """Of three parts one is left out; in any doubt the whole record is sent again."""
    ledger = Ledger(Settles.WATERMARK)
    ledger.rules = fingerprint_of("mine")
    ledger.assign({P0: 1}, {P0: kept(rules, 3)})
    ticket = ledger.open(Record(P0, 7, 1, b"x"))
    assert ticket is not None

    assert ledger.begin(ticket, total) == final
    assert ticket.parts == total - final


def test_a_part_is_final_once() -> None:
    """A second end of the same part would close the record while another part is open."""
    ledger = ledger_of()
    ticket = open_one(ledger, 7, parts=2)
    ledger.part_done(ticket, Outcome.DELIVERED, 1)

    with pytest.raises(ValueError, match="final already"):
        ledger.part_done(ticket, Outcome.DELIVERED, 1)


def test_the_worst_part_names_the_record() -> None:
    """One dead letter among deliveries makes the record dead-lettered."""
    ledger = ledger_of()
    ticket = open_one(ledger, 7, parts=2)
    ledger.part_done(ticket, Outcome.DEAD_LETTERED, 0)
    ledger.part_done(ticket, Outcome.DELIVERED, 1)

    assert ledger.settled[Outcome.DEAD_LETTERED] == 1
    assert ledger.settled[Outcome.DELIVERED] == 0


def test_a_later_success_does_not_move_the_position() -> None:
    """The commit stays below the open record."""
    ledger = ledger_of()
    open_one(ledger, 7)
    later = open_one(ledger, 8)
    ledger.part_done(later, Outcome.DELIVERED, 0)

    assert ledger.take() == [Position(P0, 7, 1)]


def test_unmoved_streams_are_not_told_again() -> None:
    """Only changed partitions are committed."""
    ledger = ledger_of()
    ledger.part_done(open_one(ledger, 7), Outcome.DELIVERED, 0)
    ledger.take()
    open_one(ledger, 8)
    ledger.part_done(open_one(ledger, 9), Outcome.DELIVERED, 0)

    assert ledger.take() == []


def test_what_the_broker_has_already_is_not_told_again() -> None:
    """The stream stands where its last commit left it, and no metadata can be kept."""
    ledger = Ledger(Settles.WATERMARK)
    ledger.assign({P0: 1}, {P0: Kept("log", 7)})
    ledger.part_done(open_one(ledger, 7, parts=2), Outcome.DELIVERED, 0)

    assert ledger.take() == []


def test_each_record_is_acked_by_itself() -> None:
    """Where acks are single, a later record needs not wait."""
    ledger = ledger_of(Settles.EACH)
    open_one(ledger, 1)
    ledger.part_done(open_one(ledger, 2), Outcome.DELIVERED, 0)

    assert ledger.take() == [Position(P0, 2, 1)]


def test_a_fenced_ticket_settles_nothing() -> None:
    """After a revoke, what ends late neither moves a watermark nor counts as settled."""
    ledger = ledger_of()
    ticket = open_one(ledger, 7)

    assert ledger.fence([P0], "revoked") == 1
    assert not ledger.part_done(ticket, Outcome.DELIVERED, 0)
    assert ledger.take() == []
    assert ledger.given_back == {"revoked": 1, "lost": 0}
    assert ledger.in_flight == 0


def test_a_record_of_an_old_epoch_is_turned_away() -> None:
    """A straggler of an earlier assignment opens nothing."""
    ledger = ledger_of()
    ledger.assign({P0: 3})

    assert ledger.open(Record(P0, 7, 1, b"x")) is None


def test_the_last_positions_of_a_revoke_are_those_of_its_streams() -> None:
    """A stream that stays is not mentioned."""
    ledger = ledger_of()
    ledger.part_done(open_one(ledger, 7), Outcome.DELIVERED, 0)
    ledger.part_done(open_one(ledger, 3, P1), Outcome.DELIVERED, 0)

    assert ledger.final([P1]) == [Position(P1, 4, 2)]
    assert Position(P0, 8, 1) in ledger.take()


@given(
    st.lists(st.tuples(st.sampled_from(["open", "done", "fence", "assign"]), st.integers(0, 5)), max_size=80)
)
def test_every_record_is_accounted_for(steps: list[tuple[str, int]]) -> None:
    """Read = settled + given back + in flight, after any run of events."""
    ledger, opened, offset, epoch = Ledger(Settles.WATERMARK), 0, 0, 1
    ledger.assign({P0: epoch})
    live: list[Ticket] = []
    for step, pick in steps:
        if step == "open":
            opened += 1
            if ticket := ledger.open(Record(P0, offset, epoch, b"x")):
                ticket.parts, offset = 1, offset + 1
                live.append(ticket)
        elif step == "done" and live:
            ledger.part_done(live.pop(pick % len(live)), Outcome.DELIVERED, 0)
        elif step == "fence":
            ledger.fence([P0], "lost")
        elif step == "assign":
            epoch, offset = epoch + 1, 0
            ledger.assign({P0: epoch})

        assert opened == ledger.settled_total + ledger.given_back_total + ledger.in_flight
        assert ledger.bytes == ledger.in_flight * Record(P0, 0, 1, b"x").size_bytes


def test_a_renewed_ticket_takes_over_and_the_old_one_settles_nothing() -> None:
    """What ends late for the old one moves nothing; parts that were final stay so under the same rules."""
    ledger = ledger_of()
    old = open_one(ledger, 7, parts=3)
    open_one(ledger, 8)
    ledger.begin(old, 3)
    ledger.part_done(old, Outcome.DEAD_LETTERED, 1)
    new = ledger.renew(old)

    assert not ledger.part_done(old, Outcome.DELIVERED, 0)
    assert ledger.begin(new, 3) == 0b010
    assert (new.parts, ledger.in_flight) == (2, 2)
    assert not ledger.part_done(new, Outcome.DELIVERED, 0)
    assert ledger.part_done(new, Outcome.DELIVERED, 2)
    assert ledger.settled[Outcome.DEAD_LETTERED] == 1
    assert ledger.take() == [Position(P0, 8, 1)]


def test_a_renewed_ticket_begins_whole_under_other_rules() -> None:
    """Its parts are other events now."""
    ledger = ledger_of()
    old = open_one(ledger, 7, parts=2)
    ledger.begin(old, 2)
    ledger.part_done(old, Outcome.DELIVERED, 0)
    ledger.rules = fingerprint_of("others")

    assert ledger.begin(ledger.renew(old), 2) == 0


def test_the_tickets_from_one_on_come_in_the_order_read() -> None:
    """Renewed ones keep their place; other streams are not among them."""
    ledger = ledger_of()
    tickets = [open_one(ledger, offset) for offset in (3, 5, 9)]
    open_one(ledger, 9, P1)
    tickets[1] = ledger.renew(tickets[1])

    assert ledger.open_from(tickets[1]) == tickets[1:]
