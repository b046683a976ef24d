"""What stands behind events that fail again and again, counted only when somebody asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model import Event, Stream
from bridge.send.lanes import Lanes
from bridge.send.parcel import Owner, Parcel
from bridge.send.retries import FAILURES, Retries

A, B = Stream("shop", "a", 0), Stream("shop", "b", 0)


@dataclass(eq=False)
class Record:
    stream: Stream = A
    size_bytes: int = 10
    fenced: bool = False


def parcel(user: str, record: Record | None = None) -> Parcel:
    event = Event("r", "track", 0, 0, "default", user, None, user, b"{}")
    return Parcel(event, record or Record(), user, "t", 0, 0.0)


class Counter:
    """Weighs records, and remembers how often."""

    def __init__(self) -> None:
        self.steps = 0

    def __call__(self, owner: Owner) -> tuple[Stream, int]:
        self.steps += 1
        record = cast("Record", owner)
        return record.stream, record.size_bytes


class Desk:
    """Lanes with their retries, as a dispatcher has them."""

    def __init__(self) -> None:
        self.retries = Retries()
        self.lanes = Lanes(self.retries.abandoned)
        self.weigh = Counter()

    def add(self, *parcels: Parcel) -> None:
        for one in parcels:
            self.lanes.add(one)

    def fail(self, head: Parcel, times: int = FAILURES) -> None:
        for _ in range(times):
            head.tries += 1
            self.retries.failed(head)

    def end(self, head: Parcel) -> None:
        self.lanes.done(head)
        self.retries.ended([head])

    def held(self) -> dict[Stream, tuple[int, int]]:
        return self.retries.held(self.weigh)

    def changed(self) -> bool:
        was, self.retries.changed = self.retries.changed, False
        return was


def test_one_failure_is_no_sign_and_two_are() -> None:
    """From then on the event and all that stands behind it is counted; others are not."""
    desk, head = Desk(), parcel("ann")
    desk.add(head, parcel("ann"), parcel("bob"))
    desk.fail(head, 1)
    assert (desk.held(), desk.changed()) == ({}, False)
    desk.fail(head, 1)

    assert (desk.held(), desk.changed()) == ({A: (2, 20)}, True)
    desk.fail(head)
    assert (desk.held(), desk.changed()) == ({A: (2, 20)}, False)


def test_what_comes_later_is_counted_once() -> None:
    """However often somebody asks: a lane of thousands is not gone through each time."""
    desk, head = Desk(), parcel("ann")
    desk.add(head, *(parcel("ann") for _ in range(99)))
    desk.fail(head)
    for _ in range(5):
        desk.held()
    desk.add(parcel("ann", Record(B, 7)))

    assert desk.held() == {A: (100, 1_000), B: (1, 7)}
    assert desk.weigh.steps == 101


def test_a_record_of_several_events_is_counted_once() -> None:
    """Its events stand one behind the other; also where the count paused between them."""
    desk, record = Desk(), Record()
    head = parcel("ann", record)
    desk.add(head, parcel("ann", record))
    desk.fail(head)
    assert desk.held() == {A: (1, 10)}
    desk.add(parcel("ann", record), parcel("ann"))

    assert desk.held() == {A: (2, 20)}


def test_a_lane_is_free_when_one_of_its_events_is_taken() -> None:
    """The next one has failed at nothing yet."""
    desk, head, other = Desk(), parcel("ann"), parcel("bob")
    desk.add(head, other, parcel("ann"))
    desk.fail(head)
    desk.changed()
    desk.end(other)
    assert not desk.changed()
    desk.end(head)

    assert (desk.held(), desk.changed()) == ({}, True)


@pytest.mark.parametrize("behind", [0, 2])
def test_who_follows_a_head_that_was_given_up_takes_over(behind: int) -> None:
    """Nothing speaks for the lane yet; one with nobody behind it is over."""
    desk, head = Desk(), parcel("ann")
    desk.add(head, *(parcel("ann") for _ in range(behind)))
    desk.fail(head)
    desk.held()
    following = head.behind
    desk.end(head)
    desk.retries.exhausted(following)

    assert desk.held() == ({A: (behind, 10 * behind)} if behind else {})


def test_records_given_back_count_no_more() -> None:
    """In the middle of a lane, and at its end, where the count had stopped."""
    desk, head, gone = Desk(), parcel("ann"), Record()
    desk.add(head, parcel("ann", gone), parcel("ann"), parcel("ann", gone))
    desk.fail(head)
    desk.lanes.take()
    assert desk.held() == {A: (4, 40)}
    gone.fenced = True
    desk.lanes.abandon_fenced([head])
    assert desk.held() == {A: (2, 20)}
    desk.add(parcel("ann"))

    assert desk.held() == {A: (3, 30)}


def test_a_head_that_was_given_back_frees_its_lane() -> None:
    """At once, or when its turn comes."""
    for skip in (False, True):
        desk, gone = Desk(), Record()
        head = parcel("ann", gone)
        desk.add(head, parcel("ann"))
        desk.fail(head)
        gone.fenced = True
        if skip:
            desk.lanes.take()
        else:
            desk.lanes.abandon_fenced()

        assert desk.held() == {}


steps = st.sampled_from(["add", "fail", "taken", "exhausted", "fence", "look"])


@given(st.lists(st.tuples(st.sampled_from("abc"), steps), max_size=60))
def test_the_count_is_what_a_walk_over_all_lanes_finds(story: list[tuple[str, str]]) -> None:
    """Whatever happens, and lanes under retry are lanes."""
    desk = Desk()
    chains: dict[str, list[Parcel]] = {"a": [], "b": [], "c": []}
    hot: set[str] = set()
    for user, step in story:
        chain = chains[user]
        if step == "add":
            chain.append(parcel(user))
            desk.add(chain[-1])
        elif chain and step == "fail":
            desk.fail(chain[0])
            hot.add(user)
        elif chain and step == "fence":
            hot -= {user} if len(chain) == 1 else set()
            gone = chain.pop(len(chain) // 2)
            cast("Record", gone.owner).fenced = True
            desk.lanes.abandon_fenced()
        elif chain and step in ("taken", "exhausted"):
            _leave(desk, chain.pop(0), exhausted=step == "exhausted")
            if step == "taken" or not chain:
                hot.discard(user)
        if step == "look":
            count = sum(len(chains[one]) for one in hot)
            assert desk.held() == ({A: (count, 10 * count)} if count else {})
        assert desk.retries.lanes.keys() == hot
        assert len(desk.lanes) >= len(desk.retries.lanes)


def _leave(desk: Desk, head: Parcel, *, exhausted: bool) -> None:
    """The head is on its way and ends; the others are back at their turns."""
    others: list[Parcel] = []
    while (taken := desk.lanes.take()) is not head:
        assert taken is not None
        others.append(taken)
    for other in others:
        desk.lanes.back(other)
    following, was_hot = head.behind, head.key in desk.retries.lanes
    desk.end(head)
    if exhausted and was_hot:
        desk.retries.exhausted(following)
