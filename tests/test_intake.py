"""One source on the loop: holding back, draining, and what the consumer is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future

from bridge.config import Limits
from bridge.intake import Intake, share_used
from bridge.model import Outcome, Position
from tests.intake_world import P0, Above, Client, finish, records, world


def test_it_pauses_at_the_limit_and_resumes_at_half() -> None:
    """Hysteresis: a pause costs librdkafka its prefetch."""

    async def run() -> None:
        intake, client, above = world(limit=10)
        intake.on_records(records(*range(10)), 10)
        assert client.said == ["pause"]
        for ticket in above.tickets[:4]:
            finish(intake, ticket)
        intake.flush()
        assert client.said == ["pause"]
        finish(intake, above.tickets[4])
        intake.flush()

        assert client.said == ["pause", "resume"]
        assert client.positions[-1] == Position(P0, 5, 1)

    asyncio.run(run())


def test_the_first_acceptance_widens_before_it_is_settled() -> None:
    """Once: a consumer that holds one record at a time has room for the next by then."""

    async def run() -> None:
        intake, client, above = world()
        intake.on_records(records(0, 1, 2), 3)
        intake.ledger.part_done(above.tickets[0], Outcome.DEAD_LETTERED, 0)
        intake.flush()
        assert client.widened == []
        for ticket in above.tickets[1:]:
            finish(intake, ticket)
            intake.flush()

        assert client.widened == [1]

    asyncio.run(run())


def test_a_source_whose_records_need_no_event_is_read_in_full_too() -> None:
    """After a thousand of them nothing is known that would hold the next ones."""

    async def run() -> None:
        intake, client, above = world(limit=2000)
        intake.on_records(records(*range(1000)), 1000)
        for ticket in above.tickets[:-1]:
            intake.ledger.filtered(ticket)
        intake.flush()
        assert client.widened == []
        intake.ledger.filtered(above.tickets[-1])
        intake.flush()

        assert client.widened == [1]

    asyncio.run(run())


def test_what_is_given_back_is_settled_first_and_fenced_at_once() -> None:
    """The broker delivers it again: a late end of it must not be taken for that of the new delivery."""

    async def run() -> None:
        intake, client, above = world()
        intake.on_records(records(0, 1), 2)
        finish(intake, above.tickets[0])
        intake.give_back({P0})
        finish(intake, above.tickets[1])
        intake.flush()

        assert client.said == ["give back after 1"]
        assert client.positions == [Position(P0, 1, 1)]
        assert above.tickets[1].fenced
        assert (intake.ledger.in_flight, intake.ledger.given_back["revoked"]) == (0, 1)

    asyncio.run(run())


def test_one_reason_left_keeps_it_paused() -> None:
    """Room came back, the destination did not."""

    async def run() -> None:
        intake, client, _ = world()
        intake.hold_back("room")
        intake.hold_back("blocked")
        intake.let_go("room")
        assert client.said == ["pause"]
        intake.let_go("blocked")

        assert client.said == ["pause", "resume"]

    asyncio.run(run())


def test_a_pause_is_put_on_streams_that_come_later() -> None:
    """Assigned while the destination is blocked: paused from the start."""

    async def run() -> None:
        client, above = Client(), Above()
        intake = Intake(client, Limits(), 0.0, above, above)
        intake.hold_back("blocked")
        intake.on_assigned({P0: 1})

        assert client.said == ["pause"]

    asyncio.run(run())


def test_a_revoke_is_answered_when_the_last_record_ends() -> None:
    """With its final position; a later answer could not be committed any more."""

    async def run() -> None:
        intake, _, above = world()
        answer: Future[Sequence[Position]] = Future()
        intake.on_records(records(7, 8), 2)
        intake.on_revoked(frozenset({P0}), 60.0, answer)
        finish(intake, above.tickets[1])
        assert not answer.done()
        finish(intake, above.tickets[0])

        assert answer.result(0) == [Position(P0, 9, 1)]
        assert intake.ledger.given_back == {"revoked": 0, "lost": 0}

    asyncio.run(run())


def test_a_revoke_is_answered_when_its_budget_ends() -> None:
    """What is still open is given back, and its late end moves nothing."""

    async def run() -> None:
        intake, client, above = world()
        answer: Future[Sequence[Position]] = Future()
        intake.on_records(records(7, 8), 2)
        finish(intake, above.tickets[1])
        intake.on_revoked(frozenset({P0}), 0.01, answer)
        async with asyncio.timeout(10):
            positions = await asyncio.wrap_future(answer)
        finish(intake, above.tickets[0])
        intake.flush()

        assert positions == [Position(P0, 7, 1)]
        assert intake.ledger.given_back["revoked"] == 1
        assert all(position.offset <= 7 for position in client.positions)

    asyncio.run(run())


def test_a_stuck_destination_does_not_hold_up_a_rebalance() -> None:
    """Waiting for a blocked destination would cost the group and win nothing."""

    async def run() -> None:
        intake, _, above = world()
        above.stuck = True
        answer: Future[Sequence[Position]] = Future()
        intake.on_records(records(7), 1)
        intake.on_revoked(frozenset({P0}), 60.0, answer)

        assert answer.result(0) == [Position(P0, 7, 1)]

    asyncio.run(run())


def test_records_of_an_old_epoch_are_counted_as_given_back() -> None:
    """They were consumed, so they must appear somewhere."""

    async def run() -> None:
        intake, _, above = world()
        intake.on_lost(frozenset({P0}))
        intake.on_records(records(7, 8), 2)

        assert above.tickets == []
        assert intake.ledger.given_back_total == intake.consumed_total == 2

    asyncio.run(run())


def test_a_held_stream_keeps_what_comes_behind() -> None:
    """It is paused, and nothing of it is given on; other streams are not held."""

    async def run() -> None:
        intake, client, above = world()
        intake.on_records(records(7, 8), 2)
        assert not intake.keep_if_held(above.tickets[0])
        intake.hold(above.tickets[0], "rule_stopped")

        assert intake.keep_if_held(above.tickets[1])
        assert client.said == ["pause"]
        assert intake.stall_reasons() == {"rule_stopped"}
        assert intake.ledger.in_flight == 2

    asyncio.run(run())


def test_what_is_held_starts_anew_when_its_last_reason_is_gone_in_the_order_read() -> None:
    """Held out of order and for two reasons; a ticket that was begun is exchanged for a new one."""

    async def run() -> None:
        intake, client, above = world()
        intake.on_records(records(7, 8, 9), 3)
        seven, eight, nine = above.tickets
        intake.hold(nine, "registry_unavailable")
        intake.hold(eight, "dead_letter_budget")
        assert intake.held_from(P0) == 8
        intake.release(("registry_unavailable",))
        assert intake.stall_reasons() == {"dead_letter_budget"}
        assert above.tickets == [seven, eight, nine]
        intake.release(("no_rule", "dead_letter_budget"))

        assert [ticket.record.offset for ticket in above.tickets[3:]] == [8, 9]
        assert eight.fenced
        assert not above.tickets[3].fenced
        assert client.said == ["pause", "resume"]
        assert intake.held_from(P0) is None
        for ticket in (seven, *above.tickets[3:]):
            finish(intake, ticket)
        intake.flush()
        assert client.positions[-1] == Position(P0, 10, 1)

    asyncio.run(run())


def test_a_letter_that_is_given_up_with_its_ticket_stops_its_stream_no_more() -> None:
    """It could not be written, and now nobody will write it: whoever has that record has a new ticket."""

    async def run() -> None:
        intake, client, above = world()
        intake.on_records(records(7), 1)
        intake.hold_back("dead_letters_unavailable", P0)
        intake.hold(above.tickets[0], "dead_letter_budget")
        intake.release(("dead_letter_budget",))

        assert intake.stall_reasons() == frozenset()
        assert client.said == ["pause", "resume"]

    asyncio.run(run())


def test_a_stream_stands_still_when_nothing_before_what_is_held_is_open() -> None:
    """Only then it is known what its earlier records came to."""

    async def run() -> None:
        intake, _, above = world()
        intake.on_records(records(7, 8, 9), 3)
        assert not intake.stands_still(P0)
        intake.hold(above.tickets[1], "dead_letter_budget")
        assert not intake.stands_still(P0)
        finish(intake, above.tickets[0])

        assert intake.stands_still(P0)

    asyncio.run(run())


def test_a_revoke_waits_for_what_was_under_way_before_what_is_held_and_no_longer() -> None:
    """Held during the drain or before it: what is held will not end."""

    async def run() -> None:
        intake, _, above = world()
        answer: Future[Sequence[Position]] = Future()
        intake.on_records(records(7, 8, 9), 3)
        intake.hold(above.tickets[2], "rule_stopped")
        intake.on_revoked(frozenset({P0}), 60.0, answer)
        finish(intake, above.tickets[0])
        assert not answer.done()
        intake.hold(above.tickets[1], "rule_stopped")
        async with asyncio.timeout(10):
            positions = await asyncio.wrap_future(answer)

        assert positions == [Position(P0, 8, 1)]

    asyncio.run(run())


def test_what_does_not_move_takes_no_room_from_the_others_up_to_as_much_again() -> None:
    """Beyond that it does: memory is bounded."""
    assert share_used(100, 0, 100) == 1.0
    assert share_used(150, 100, 100) == 0.5
    assert share_used(160, 150, 100) == 0.2
    assert share_used(200, 200, 100) == 1.0
    assert share_used(60, 70, 100) == 0.0


def test_a_partition_that_comes_while_its_topic_waits_is_paused_from_the_start() -> None:
    """It feeds what the others of its topic feed; it goes on with them."""

    async def run() -> None:
        intake, client, above = world()
        intake.on_records(records(7), 1)
        intake.feeds[P0].add("x")
        above.blocking = {"x": 1}
        intake.breathe()
        assert client.said == ["pause"]
        intake.on_assigned({P0._replace(number=1): 2})
        assert client.said == ["pause", "pause"]
        above.blocking = {}
        intake.breathe()

        assert client.said == ["pause", "pause", "resume"]
        assert intake.stall_reasons() == frozenset()

    asyncio.run(run())


def test_bytes_that_wait_for_a_blocked_destination_leave_the_room_to_the_others() -> None:
    """Their own stream is stopped, the source is not."""

    async def run() -> None:
        client, above = Client(), Above()
        intake = Intake(client, Limits.model_validate({"buffer": 1_000}), 0.0, above, above)
        intake.on_assigned({P0: 1})
        intake.on_records(records(7, 8, 9, 10), 4)
        assert intake.stall_reasons() == {"room"}
        intake.feeds[P0] |= {"x", "y"}
        above.blocking = {"x": 4}
        intake.breathe()

        assert intake.stall_reasons() == {"blocked"}

    asyncio.run(run())
