"""Users that fail for ever stop their own partition at the most; everybody else flows on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from bridge.blocking import NO_WAITS
from bridge.config import Limits
from bridge.crowding import Crowding
from bridge.intake import Intake
from bridge.metrics import Board
from bridge.model import Event, Record, Stream
from bridge.overseer import Overseer
from bridge.parts import Parts
from bridge.send.dispatcher import Dispatcher
from bridge.send.parcel import Parcel
from bridge.settle.tickets import Load, Ticket
from bridge.tally import Tally
from tests.inprocess import World
from tests.intake_world import P0, Above, Client, records
from tests.send.test_dispatcher import Bench

A, B, C = (Stream("shop", "orders", number) for number in range(3))
ROOM = Load(1_000, 1_000_000)
MUCH = Load(5_000, 5_000_000)


def held(crowding: Crowding, **retried: int) -> str:
    """The streams that wait, as text, when lanes under retry hold so many records of each."""
    streams = {"a": A, "b": B, "c": C}
    loads = dict.fromkeys(streams.values(), MUCH)
    waits = crowding.decide({streams[name]: Load(count, 0) for name, count in retried.items()}, loads)
    return "".join(sorted(name for name, stream in streams.items() if stream in waits.streams))


# Decisions


def test_the_stream_that_holds_most_waits_when_the_share_is_full() -> None:
    """Not those that hold little: one failure there stops nobody."""
    assert held(Crowding(ROOM, 0.5), a=499) == ""
    assert held(Crowding(ROOM, 0.5), a=500) == "a"
    assert held(Crowding(ROOM, 0.5), a=20, b=480) == "b"
    assert held(Crowding(ROOM, 0.5), a=200, b=200, c=200) in {"ab", "ac", "bc"}
    assert held(Crowding(ROOM, 0.8), a=700) == ""


def test_bytes_fill_the_share_as_records_do() -> None:
    """Of the same room."""
    waits = Crowding(ROOM, 0.5).decide({A: Load(1, 500_000)}, {A: MUCH})
    assert waits.streams == {A}
    assert waits.load == Load(1, 500_000)


def test_no_more_is_counted_than_a_stream_holds_and_only_what_is_ours() -> None:
    """Two destinations may each count a record; streams that were lost meanwhile hold nothing."""
    crowding = Crowding(ROOM, 0.5)
    waits = crowding.decide({A: Load(900, 900), B: Load(900, 900)}, {A: Load(450, 90)})

    assert (waits.streams, waits.load) == (frozenset(), Load(450, 90))


def test_all_flow_again_when_half_of_the_share_is_free() -> None:
    """Hysteresis, and others may come to wait meanwhile."""
    crowding = Crowding(ROOM, 0.5)
    assert held(crowding, a=500) == "a"
    assert held(crowding, a=251) == "a"
    assert held(crowding, a=251, b=300) == "ab"
    assert held(crowding, a=251) == "ab"
    assert held(crowding, a=250) == ""
    assert held(crowding, a=499) == ""


def test_a_stream_that_is_gone_waits_no_more() -> None:
    """When it comes back it begins anew."""
    crowding = Crowding(ROOM, 0.5)
    assert held(crowding, a=500) == "a"
    crowding.decide({B: Load(300, 0)}, {B: MUCH})

    assert held(crowding, a=1, b=300) == ""


amounts = st.builds(Load, st.integers(0, 1_500), st.integers(0, 1_500_000))


@given(st.lists(st.dictionaries(st.sampled_from([A, B, C]), amounts), max_size=8), st.floats(0.1, 1.0))
def test_what_may_still_grow_holds_little_while_the_share_is_full(
    story: list[dict[Stream, Load]], share: float
) -> None:
    """So what is under retry is bounded; nobody waits while there is half of the share or more."""
    crowding = Crowding(ROOM, share)
    loads = dict.fromkeys((A, B, C), MUCH)
    for retried in story:
        waits = crowding.decide(retried, loads)
        used = _used(retried.values())
        rest = _used(load for stream, load in retried.items() if stream not in waits.streams)
        assert waits.load == _total(retried.values())
        assert used < share or rest <= share / 2
        assert not waits.streams or used > share / 2
        assert not crowding.is_roomy(_total(retried.values())) or not waits.streams
        assert retried or waits is NO_WAITS


def _total(loads: Any) -> Load:
    some = list(loads)
    return Load(sum(one.records for one in some), sum(one.bytes for one in some))


def _used(loads: Any) -> float:
    total = _total(loads)
    return max(total.records / ROOM.records, total.bytes / ROOM.bytes)


# One source


def test_what_is_under_retry_leaves_the_room_to_the_others_until_its_share_is_full() -> None:
    """Its stream stops then, and goes on by itself when the retries end; who watches is told of both."""

    async def run() -> None:
        client, above = Client(), Above()
        limits = Limits.model_validate({"records_in_flight": 10, "retry_share": 0.8})
        intake = Intake(client, limits, 0.0, above, above)
        intake.on_assigned({P0: 1})
        above.retried = {P0: Load(7, 7)}
        intake.on_records(records(*range(12)), 12)
        assert intake.stall_reasons() == frozenset()
        above.retried = {P0: Load(8, 8)}
        intake.breathe()
        intake.breathe()
        assert intake.stall_reasons() == {"hot_user"}
        assert (client.said, above.crowds) == (["pause"], [True])
        above.retried = {}
        intake.breathe()

        assert (client.said, above.crowds) == (["pause", "resume", "pause"], [True, False])
        assert intake.stall_reasons() == {"room"}

    asyncio.run(run())


def test_bytes_under_retry_leave_the_room_to_the_others_too() -> None:
    """As records do."""

    async def run() -> None:
        client, above = Client(), Above()
        limits = Limits.model_validate({"buffer": 1_000, "retry_share": 1.0})
        intake = Intake(client, limits, 0.0, above, above)
        intake.on_assigned({P0: 1})
        above.retried = {P0: Load(3, 771)}
        intake.on_records(records(*range(4)), 4)

        assert intake.ledger.bytes > 1_000
        assert intake.stall_reasons() == frozenset()

    asyncio.run(run())


def test_a_source_that_holds_little_does_not_ask() -> None:
    """Nothing could come of it; what it said before is over."""

    async def run() -> None:
        client, above = Client(), Above()
        intake = Intake(client, Limits.model_validate({"records_in_flight": 20}), 0.0, above, above)
        intake.on_assigned({P0: 1})
        above.retried = {P0: Load(5, 5)}
        intake.on_records(records(*range(5)), 5)
        assert above.asked == 0
        intake.on_records(records(5), 6)

        assert above.asked == 1

    asyncio.run(run())


# The whole bridge


class Ward(World):
    """Some users fail for ever, until they are healed."""

    def __init__(self, home: Path, retry: dict[str, Any] | None = None, **limits: Any) -> None:
        destination = {"url": "http://api/events", "write_key": {"env": "K"}}
        policy = {"cap": "20ms", **(retry or {})}
        super().__init__(home, destinations={"default": {**destination, "retry": policy}}, limits=limits)
        self.ill: Callable[[str], bool] = lambda user: user.startswith("ill")
        self.answer = lambda event: 503 if self.ill(event["user_id"]) else 200

    def make(self, kind: str, count: int, partition: int, users: int = 3) -> None:
        for seq in range(count):
            self.order(f"{kind}-{partition}-{seq % users}", seq, partition)

    def place(self, partition: int) -> int:
        found = self.broker.committed("bridge", "orders", partition)
        return found.offset if found else 0

    def took(self, kind: str) -> int:
        return sum(event["user_id"].startswith(kind) for event in self.accepted)

    def is_stalled(self, reason: str) -> bool:
        return self.snapshot().total("stalled", reason=reason) == 1

    def paused(self) -> float:
        return self.snapshot().total("partitions_paused")

    def assert_order(self) -> None:
        """Each user's events were taken as they were made."""
        taken: dict[str, list[int]] = {}
        for event in self.accepted:
            (seq,) = (one["value"]["int_value"] for one in event["event_params"])
            taken.setdefault(event["user_id"], []).append(seq)
        assert all(seqs == sorted(set(seqs)) for seqs in taken.values())


def test_below_their_share_poisoned_users_stop_nobody(tmp_path: Path) -> None:
    """Not even in their own partition, though more than half of the room is theirs."""
    world = Ward(tmp_path, records_in_flight=1_000, retry_share=0.9)
    world.make("ill", 800, 0)
    world.make("fit", 6_000, 0, users=50)

    async def story() -> None:
        await world.until(lambda: world.took("fit") == 6_000)
        assert world.paused() == 0
        assert not world.is_stalled("hot_user")
        assert world.committed() == 0
        world.ill = lambda _: False
        await world.until(lambda: world.committed() == 6_800)

    world.run(story)
    world.assert_order()
    assert world.took("ill") == 800


def test_a_full_share_stops_its_partition_and_no_other(tmp_path: Path) -> None:
    """The others are read to their end; when the users are healed all of it arrives, once and in order."""
    world = Ward(tmp_path, records_in_flight=4_000)
    world.make("ill", 8_000, 0)

    async def story() -> None:
        world.make("early", 100, 1)
        await world.until(lambda: world.is_stalled("hot_user"))
        world.make("fit", 9_000, 1, users=50)
        world.make("fit", 9_000, 2, users=50)
        await world.until(lambda: world.took("fit") == 18_000)
        assert world.paused() == 1
        assert 2_000 <= world.snapshot().value("records_in_flight", source="shop") <= 6_000
        world.ill = lambda _: False
        await world.until(lambda: world.committed() == 26_100)
        assert not world.is_stalled("hot_user")
        assert world.paused() == 0

    world.run(story)
    world.assert_order()
    assert world.letters() == []
    assert len(world.accepted) == 26_100


def test_users_that_run_out_of_attempts_give_the_room_back(tmp_path: Path) -> None:
    """Nobody is healed: what was theirs becomes dead letters while others pass, and the partition goes on."""
    world = Ward(tmp_path, {"max_attempts": 2, "max_age": "1ms", "cap": "1ms"}, records_in_flight=40)
    world.make("ill", 30, 0)
    world.make("late", 20, 0)

    async def story() -> None:
        await world.until(lambda: world.is_stalled("hot_user"))
        while world.place(0) < 50:
            world.make("fit", 10, 1)
            await world.until(lambda: world.took("fit") == len(world.broker.messages("orders", 1)))
        await world.until(lambda: not world.is_stalled("hot_user"))

    world.run(story)
    assert world.took("late") == 20
    reasons = [dict(letter["headers"])["bridge-reason"] for letter in world.letters()]
    assert reasons == ["retries_exhausted"] * 30


def test_where_everything_fails_the_breaker_opens(tmp_path: Path) -> None:
    """It is an outage: reading stops for it, no attempt is spent, and all arrives when it ends."""
    world = Ward(tmp_path, {"max_attempts": 2, "max_age": "1ms"}, records_in_flight=2_000)
    world.ill = lambda _: True
    world.make("any", 8_000, 0, users=300)

    async def story() -> None:
        await world.until(lambda: world.is_stalled("breaker") and world.is_stalled("blocked"))
        assert world.snapshot().value("records_in_flight", source="shop") <= 4_000
        world.ill = lambda _: False
        await world.until(lambda: world.committed() == 8_000)

    world.run(story)
    world.assert_order()
    assert world.letters() == []


def test_one_user_that_fills_the_share_while_nothing_is_taken_opens_the_breaker(tmp_path: Path) -> None:
    """With nobody to compare with it may be an outage; somebody else's event comes, and it was none."""
    world = Ward(tmp_path, records_in_flight=4_000)
    world.make("ill", 8_000, 0, users=1)

    async def story() -> None:
        await world.until(lambda: world.is_stalled("breaker"))
        assert world.is_stalled("hot_user")
        world.make("fit", 2_000, 1)
        await world.until(lambda: world.took("fit") == 2_000)
        await world.until(lambda: not world.is_stalled("breaker"))
        world.ill = lambda _: False
        await world.until(lambda: world.committed() == 10_000)

    world.run(story)
    world.assert_order()


def test_two_users_that_fail_in_a_quiet_hour_freeze_nobody(tmp_path: Path) -> None:
    """They open the breaker, for nothing else is there; whoever comes next is read, and opens it again."""
    world = Ward(tmp_path)
    world.make("ill", 20, 0, users=2)

    async def story() -> None:
        await world.until(lambda: world.is_stalled("breaker"))
        world.make("fit", 300, 0)
        await world.until(lambda: world.took("fit") == 300)
        assert not world.is_stalled("hot_user")
        world.ill = lambda _: False
        await world.until(lambda: world.committed() == 320)

    world.run(story)
    world.assert_order()


class FakeIntake:
    """What an overseer looks at of a source."""

    def __init__(self, name: str, feeds: str) -> None:
        self.name = name
        self.feeds = {Stream(name, "orders", 0): {feeds}}


def parcel(owner: Ticket, user: str = "ann") -> Parcel:
    return Parcel(Event("r", "track", 0, 0, "d", user, None, "e", b"{}"), owner, user, "t", 0, 0.0)


def destination(name: str) -> Dispatcher:
    bench = Bench()
    bench.dispatcher.name = name
    return bench.dispatcher


def test_each_source_has_its_own_share_and_only_what_it_feeds_is_suspected() -> None:
    """A lane may hold records of any source; those of one that holds its sources back are counted there."""
    shop, mart = (FakeIntake(name, name.upper()) for name in ("shop", "mart"))
    parts = Parts()
    parts.intakes = cast("dict[str, Intake]", {"shop": shop, "mart": mart})
    parts.dispatchers = {name: destination(name) for name in ("SHOP", "MART")}
    overseer = Overseer(Tally(Board(), lambda: 0.0), parts, lambda *_: None)
    both = parts.dispatchers["SHOP"].retries
    head = parcel(Ticket(Record(A, 1, 1, b""), 7))
    head.behind = parcel(Ticket(Record(Stream("mart", "orders", 0), 1, 1, b""), 5))
    head.tries = 2
    both.failed(head)

    assert overseer.retrying("shop") == {A: Load(1, 7)}
    assert overseer.retrying("mart") == {Stream("mart", "orders", 0): Load(1, 5)}
    parts.dispatchers["SHOP"].controller.blocked_reason = "breaker"
    assert overseer.retrying("shop") == {A: Load(1, 7)}
    parts.dispatchers["SHOP"].lanes.add(parcel(Ticket(Record(A, 2, 1, b""), 7), "ann"))
    parts.dispatchers["SHOP"].lanes.add(parcel(Ticket(Record(A, 3, 1, b""), 7), "bob"))
    assert overseer.retrying("shop") == {}
    overseer.crowded(cast("Intake", shop), is_crowded=True)
    assert [d.controller.is_crowded for d in parts.dispatchers.values()] == [True, False]
    overseer.crowded(cast("Intake", mart), is_crowded=True)
    overseer.crowded(cast("Intake", shop), is_crowded=False)
    assert [d.controller.is_crowded for d in parts.dispatchers.values()] == [False, True]
