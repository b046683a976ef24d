"""Streams wait for blocked destinations, each for its own; what feeds others flows on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.blocking import Blocking, feeds_of
from bridge.model import Stream
from bridge.settle.tickets import Load
from tests.inprocess import World

A0, A1, B0 = Stream("shop", "a", 0), Stream("shop", "a", 1), Stream("shop", "b", 0)
ROOM = Load(1_000, 1_000_000)
IDLE = Load(0, 0)


def held(blocking: Blocking, feeds: dict[Stream, set[str]], loads: dict[Stream, Load], **blocked: int) -> str:
    """The streams that wait, as text."""
    streams = blocking.decide(feeds, loads, blocked).streams
    return " ".join(sorted(f"{stream.name}{stream.number}" for stream in streams))


# Decisions


def test_a_stream_waits_when_all_that_it_feeds_is_blocked() -> None:
    """One open destination is enough to be read on; who feeds nothing yet is read."""
    feeds = {A0: {"x"}, B0: {"x", "y"}}
    loads = {A0: IDLE, B0: IDLE, Stream("shop", "c"): IDLE}
    blocking = Blocking(ROOM, 0.5)

    assert held(blocking, feeds, loads) == ""
    assert held(blocking, feeds, loads, x=1) == "a0"
    assert held(blocking, feeds, loads, x=1, y=1) == "a0 b0"
    assert held(blocking, feeds, loads, y=1) == ""


def test_a_stream_that_is_new_is_like_the_others_of_its_topic() -> None:
    """Partitions come and go in an outage: each would read a batch to find out."""
    assert feeds_of([A1, B0], {A0: {"x"}, B0: {"y"}}) == {A1: {"x"}, B0: {"y"}}
    assert held(Blocking(ROOM, 0.5), {A0: {"x"}}, {A0: IDLE, A1: IDLE, B0: IDLE}, x=1) == "a0 a1"


@pytest.mark.parametrize(
    ("load", "events", "is_full"),
    [
        (Load(500, 0), 500, True),
        (Load(500, 0), 499, False),
        (Load(499, 0), 5_000, False),
        (Load(100, 500_000), 100, True),
        (Load(100, 500_000), 99, False),
    ],
)
def test_a_share_is_full_by_records_or_by_bytes(load: Load, events: int, is_full: bool) -> None:
    """Many events of few records fill nothing, nor do records whose events went elsewhere."""
    feeds = {A0: {"x", "y"}}
    assert held(Blocking(ROOM, 0.5), feeds, {A0: load}, x=events) == ("a0" if is_full else "")


def test_a_full_share_holds_only_those_that_feed_its_destination() -> None:
    """And counts only what they hold."""
    feeds = {A0: {"x", "y"}, B0: {"y", "z"}}
    loads = {A0: Load(500, 0), B0: Load(900, 0)}

    assert held(Blocking(ROOM, 0.5), feeds, loads, x=2_000) == "a0"
    assert held(Blocking(ROOM, 0.6), feeds, loads, x=2_000) == ""


def test_a_full_share_is_read_again_at_half_or_when_its_destination_opens() -> None:
    """Hysteresis: a pause costs librdkafka its prefetch."""
    blocking, feeds = Blocking(ROOM, 0.5), {A0: {"x", "y"}}
    assert held(blocking, feeds, {A0: Load(500, 0)}, x=500) == "a0"
    assert held(blocking, feeds, {A0: Load(251, 0)}, x=251) == "a0"
    assert held(blocking, feeds, {A0: Load(250, 0)}, x=250) == ""
    assert held(blocking, feeds, {A0: Load(499, 0)}, x=499) == ""
    assert held(blocking, feeds, {A0: Load(500, 0)}, x=500) == "a0"
    assert held(blocking, feeds, {A0: Load(500, 0)}) == ""
    assert held(blocking, feeds, {A0: Load(499, 0)}, x=499) == ""


names = st.sampled_from("xyz")
streams = st.sampled_from([A0, A1, B0])


@given(
    feeds=st.dictionaries(streams, st.sets(names, min_size=1)),
    loads=st.dictionaries(streams, st.builds(Load, st.integers(0, 1_500), st.integers(0, 1_500_000))),
    blocked=st.dictionaries(names, st.integers(1, 3_000)),
)
def test_who_feeds_only_open_destinations_never_waits(
    feeds: dict[Stream, set[str]], loads: dict[Stream, Load], blocked: dict[str, int]
) -> None:
    """Whatever else is so; and nobody waits who is not ours, or where nothing is blocked."""
    waits = Blocking(ROOM, 0.5).decide(feeds, loads, blocked)

    assert waits.streams <= loads.keys()
    for stream, fed in feeds_of(loads, feeds).items():
        assert stream not in waits.streams or fed & blocked.keys()
        assert stream in waits.streams or not fed or not fed <= blocked.keys()
    assert blocked or waits.load == Load(0, 0)


# The whole bridge


RULES = """
from: {topics: [left, right, both]}
rules:
  - name: to-left
    when: "event.to == 'left'"
    destination: left
    emit: [{event_type: track, event_name: L, user_id: "event.user", event_params: {Seq: {int: "event.seq"}}}]
  - name: to-right
    when: "event.to == 'right'"
    destination: right
    emit: [{event_type: track, event_name: R, user_id: "event.user", event_params: {Seq: {int: "event.seq"}}}]
"""


class Fork(World):
    """Two destinations; the left one may be shut."""

    def __init__(self, home: Path, **limits: Any) -> None:
        names = ("left", "right")
        destinations = {name: {"url": f"http://{name}/events", "write_key": {"env": "K"}} for name in names}
        super().__init__(home, RULES, destinations=destinations, limits=limits)
        self.is_shut = True
        self.may_refuse = asyncio.Event()
        self.may_refuse.set()

    async def _api(self, request: httpx.Request) -> httpx.Response:
        if self.is_shut and request.url.host == "left":
            await self.may_refuse.wait()
            return httpx.Response(401, json={})
        return await super()._api(request)

    def make(self, topic: str, to: str, count: int) -> None:
        for n in range(count):
            body = {"to": to, "user": f"user-{n % 9}", "seq": n}
            self.broker.produce(topic, json.dumps(body).encode())

    def place(self, topic: str) -> int:
        found = self.broker.committed("bridge", topic)
        return found.offset if found else 0

    def is_waiting(self) -> bool:
        return self.snapshot().total("stalled", source="shop", reason="blocked") == 1

    def took(self, name: str) -> int:
        return sum(event["event_name"] == name for event in self.accepted)


def test_a_blocked_destination_stops_its_own_topic_and_no_other(tmp_path: Path) -> None:
    """The other is read to its end, through a room that the first cannot fill."""
    world = Fork(tmp_path, records_in_flight=4_000)
    world.make("left", "left", 8_000)

    async def story() -> None:
        await world.until(world.is_waiting)
        world.make("right", "right", 5_000)
        await world.until(lambda: world.place("right") == 5_000)
        assert world.is_waiting()
        assert world.snapshot().total("partitions_paused") == 1
        assert (world.took("L"), world.place("left")) == (0, 0)
        world.is_shut = False
        await world.until(lambda: world.place("left") == 8_000)
        assert not world.is_waiting()

    world.run(story)

    assert world.took("L") == 8_000
    assert world.letters() == []


def test_a_topic_that_feeds_both_stops_when_the_share_is_full(tmp_path: Path) -> None:
    """Until then it is read on for the open destination; when the key is mended all of it arrives, once."""
    world = Fork(tmp_path, records_in_flight=4_000, blocked_share=0.5)
    world.make("left", "left", 2)

    async def story() -> None:
        await world.until(world.is_waiting)
        world.make("both", "right", 100)
        world.make("both", "left", 1_000)
        world.make("both", "right", 100)
        await world.until(lambda: world.took("R") == 200)
        assert world.snapshot().total("partitions_paused") == 1
        world.make("both", "left", 9_000)
        await world.until(lambda: world.snapshot().total("partitions_paused") == 2)
        assert 2_000 <= world.snapshot().value("records_in_flight", source="shop") < 4_000
        world.make("right", "right", 6_000)
        await world.until(lambda: world.place("right") == 6_000)
        assert world.place("both") == 100
        world.is_shut = False
        await world.until(lambda: world.place("both") == 10_200)
        assert not world.is_waiting()

    world.run(story)

    assert (world.took("L"), world.took("R")) == (10_002, 6_200)
    assert world.letters() == []


def test_events_that_filled_the_room_before_it_was_known_stop_nobody(tmp_path: Path) -> None:
    """A destination is blocked after some answers, and by then all the room may be full of its events."""
    world = Fork(tmp_path, records_in_flight=3_000)
    world.make("both", "right", 1)
    world.make("both", "left", 8_000)
    world.may_refuse.clear()

    async def story() -> None:
        await world.until(lambda: world.snapshot().total("stalled", reason="room") == 1)
        world.may_refuse.set()
        await world.until(world.is_waiting)
        world.make("right", "right", 5_000)
        await world.until(lambda: world.place("right") == 5_000)
        assert world.snapshot().value("records_in_flight", source="shop") <= 6_000

    world.run(story)


def test_a_destination_probes_with_new_events_when_all_it_had_were_given_back(tmp_path: Path) -> None:
    """Streams that it had held back are read again, for nobody else would ask it."""
    world = Fork(tmp_path)
    world.make("left", "left", 20)

    async def story() -> None:
        await world.until(world.is_waiting)
        world.broker.lose("bridge")
        await world.until(lambda: world.app.watch.summary()["given_back"] >= 20)
        await world.until(world.is_waiting)
        world.is_shut = False
        await world.until(lambda: world.place("left") == 20)

    world.run(story)

    assert world.took("L") == 20


def test_rules_that_send_elsewhere_let_a_topic_go_on(tmp_path: Path) -> None:
    """What it fed under the old ones says nothing about the new; what waits already goes on waiting."""
    world = Fork(tmp_path)
    world.make("left", "left", 20)

    async def story() -> None:
        await world.until(world.is_waiting)
        (world.home / "new").write_text(RULES.replace("destination: left", "destination: right"))
        (world.home / "new").rename(world.home / "rules.yaml")
        await world.until(lambda: not world.is_waiting())
        world.make("left", "left", 30)
        await world.until(lambda: world.took("L") == 30)
        assert world.place("left") == 0
        world.is_shut = False
        await world.until(lambda: world.place("left") == 50)

    world.run(story)

    assert world.took("L") == 50


def test_one_poisoned_user_who_is_alone_blocks_nobody_for_ever(tmp_path: Path) -> None:
    """With nobody to compare with its 403 looks like an outage; those who come later show that it is none."""
    world = World(tmp_path)
    world.answer = lambda event: 403 if event["user_id"] == "bad" else 200
    world.order("bad", 0)

    async def story() -> None:
        await world.until(lambda: world.snapshot().total("stalled", reason="auth") == 1)
        await world.until(lambda: world.snapshot().total("stalled", reason="blocked") == 1)
        for seq in range(20):
            world.order("good", seq, partition=1)
            world.order("better", seq, partition=2)
        await world.until(lambda: world.committed() == 41)

    world.run(story)
    assert [letter["headers"]["bridge-reason"] for letter in world.letters()] == ["refused"]
