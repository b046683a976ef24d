"""One source on the loop: what the consumer is told, and when."""

from __future__ import annotations

import asyncio

from bridge.config import Limits
from bridge.consumers.base import Kept
from bridge.inbox import LoopInbox
from bridge.intake import Intake, commit_interval
from bridge.model import Position
from bridge.settle.offset_map import OffsetMap, pack
from tests.intake_world import P0, Above, Client, finish, records, world


def test_a_stream_whose_map_is_nearly_full_stops_and_goes_on_when_it_is_not() -> None:
    """At 75 % of the room; other streams flow, and what is open goes on being tried."""

    async def run() -> None:
        client, above = Client(), Above()
        client.stats.metadata_limit = 600
        intake = Intake(client, Limits(), 0.0, above, above)
        other = P0._replace(number=1)
        intake.on_assigned({P0: 1, other: 1}, {s: Kept(f"c/t/{s.number}") for s in (P0, other)})
        intake.on_records(records(*range(0, 300_000, 1000)), 300)
        for ticket in above.tickets[1:200:2]:
            finish(intake, ticket)
        intake.flush()
        assert client.said == []
        for ticket in above.tickets[201::2]:
            finish(intake, ticket)
        intake.flush()
        assert client.said == ["pause"]
        assert intake.stall_reasons() == {"metadata_full"}
        assert len(client.positions[-1].metadata) <= 600
        for ticket in above.tickets[0:200:2]:
            finish(intake, ticket)
        intake.flush()

        assert client.said == ["pause", "resume"]
        assert intake.stall_reasons() == frozenset()

    asyncio.run(run())


def test_a_stream_is_not_stopped_where_brokers_keep_no_metadata() -> None:
    """The bound was learned to be too low: positions are bare, and what was stopped for it goes on."""

    async def run() -> None:
        client, above = Client(), Above()
        client.stats.metadata_limit = 200
        intake = Intake(client, Limits(), 0.0, above, above)
        intake.on_assigned({P0: 1}, {P0: Kept("c/t/0")})
        intake.on_records(records(*range(0, 300_000, 1000)), 300)
        for ticket in above.tickets[1::2]:
            finish(intake, ticket)
        intake.flush()
        assert intake.stall_reasons() == {"metadata_full"}
        client.stats.metadata_limit = 0
        finish(intake, above.tickets[0])
        intake.flush()

        assert intake.stall_reasons() == frozenset()
        assert client.positions[-1] == Position(P0, 2000, 1)

    asyncio.run(run())


def test_a_change_of_the_map_alone_is_told_and_nothing_is_told_twice() -> None:
    """The watermark stands still, what finished behind it is committed all the same, once."""

    async def run() -> None:
        client, above = Client(), Above()
        client.stats.metadata_limit = 4096
        intake = Intake(client, Limits(), 0.0, above, above)
        intake.on_assigned({P0: 1}, {P0: Kept("c/t/0", 7)})
        intake.on_records(records(7, 8, 9), 3)
        finish(intake, above.tickets[1])
        intake.flush()
        first = client.positions.copy()
        intake.flush()
        assert client.positions == first
        finish(intake, above.tickets[2])
        intake.flush()

        assert [position.offset for position in client.positions] == [7, 7]
        assert first[0].metadata
        assert client.positions[1].metadata != first[0].metadata

    asyncio.run(run())


def test_records_that_are_all_skipped_move_the_position() -> None:
    """Nothing closes, and the broker is told all the same."""

    async def run() -> None:
        client, above = Client(), Above()
        intake = Intake(client, Limits(), 0.0, above, above)
        text = pack("c/t/0", OffsetMap(7, [(7, 10)]), b"", 4096).text
        intake.on_assigned({P0: 1}, {P0: Kept("c/t/0", 7, text)})
        intake.on_records(records(7, 8, 9), 3)
        async with asyncio.timeout(10):
            while not client.positions:  # noqa: ASYNC110 - the loop's own turns are what is being watched
                await asyncio.sleep(0)

        assert client.positions == [Position(P0, 10, 1)]
        assert (intake.ledger.skipped, intake.ledger.in_flight, above.tickets) == (3, 0, [])

    asyncio.run(run())


def test_commits_stay_a_small_load() -> None:
    """Below 256 KiB and 500 entries a second, at most 5 s apart, never closer than asked for."""
    small = [Position(P0, 1, 1)]
    large = [Position(P0, 1, 1, "x" * 4032)] * 64

    assert commit_interval(0.1, []) == 0.1
    assert commit_interval(0.1, small) == 0.1
    assert commit_interval(0.1, large) == 1.0
    assert commit_interval(0.1, small * 250) == 0.5
    assert commit_interval(0.1, large * 1000) == 5.0


def test_the_inbox_makes_a_fast_consumer_wait() -> None:
    """At most two batches are under way between thread and loop."""

    async def run() -> None:
        intake, _, _ = world()
        inbox = LoopInbox(asyncio.get_running_loop())
        inbox.lead_to(intake)
        for n in range(2):
            assert inbox.wait_for_room(0.0)
            inbox.records(records(n), n + 1)

        assert not inbox.wait_for_room(0.0)
        async with asyncio.timeout(10):
            assert await asyncio.to_thread(inbox.wait_for_room, 5.0)

    asyncio.run(run())


def test_a_large_batch_is_taken_in_over_several_turns_of_the_loop() -> None:
    """In order, before whatever was said later; each record is counted as it is taken in."""

    async def run() -> None:
        intake, _, above = world(limit=1_000)
        inbox = LoopInbox(asyncio.get_running_loop())
        inbox.lead_to(intake)
        inbox.records(records(*range(500)), 500)
        inbox.records(records(500), 501)
        inbox.lost([P0])
        counts: list[int] = []
        while not counts or counts[-1] < 501:
            await asyncio.sleep(0)
            assert intake.consumed_total == intake.ledger.in_flight + intake.ledger.given_back_total
            counts.append(intake.consumed_total)

        assert 0 < counts[0] < 500
        assert [ticket.record.offset for ticket in above.tickets] == list(range(501))
        async with asyncio.timeout(10):
            while intake.ledger.in_flight:  # noqa: ASYNC110 - the loop's own turns are what is being watched
                await asyncio.sleep(0)
        assert intake.ledger.given_back == {"revoked": 0, "lost": 501}

    asyncio.run(run())


def test_without_room_the_consumer_is_not_let_in_and_nothing_is_paused() -> None:
    """A pause would throw away what librdkafka prefetched; half of the room lets it in again."""

    async def run() -> None:
        intake, client, above = world(limit=4)
        inbox = LoopInbox(asyncio.get_running_loop())
        inbox.lead_to(intake)
        intake.on_records(records(*range(4)), 4)
        assert not inbox.wait_for_room(0.0)
        assert intake.stall_reasons() == {"room"}
        finish(intake, above.tickets[0])
        intake.flush()
        assert not inbox.wait_for_room(0.0)
        finish(intake, above.tickets[1])
        intake.flush()

        assert inbox.wait_for_room(0.0)
        assert intake.stall_reasons() == frozenset()
        assert client.said == []

    asyncio.run(run())


def test_a_stream_that_waits_is_paused_whether_or_not_there_is_room() -> None:
    """It is for no more than its own reason."""

    async def run() -> None:
        intake, client, _ = world(limit=4)
        inbox = LoopInbox(asyncio.get_running_loop())
        inbox.lead_to(intake)
        intake.on_records(records(*range(4)), 4)
        intake.hold_back("blocked")
        assert client.said == ["pause"]
        intake.let_go("blocked")

        assert client.said == ["pause", "resume"]
        assert not inbox.wait_for_room(0.0)

    asyncio.run(run())
