"""One event of a key at a time, in order, and nobody waits for a stranger."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from bridge.model import Event
from bridge.send.lanes import Lanes
from bridge.send.parcel import Parcel


@dataclass
class Owner:
    fenced: bool = False


def parcel(user: str, number: int = 0, owner: Owner | None = None, topic: str = "t") -> Parcel:
    event = Event("r", "track", 0, number, "default", user, None, f"{user}-{number}", b"{}")
    return Parcel(event, owner or Owner(), user, topic, 0, 0.0)


def lanes_with(*parcels: Parcel) -> tuple[Lanes, list[Parcel]]:
    gone: list[Parcel] = []
    lanes = Lanes(gone.append)
    for one in parcels:
        lanes.add(one)
    return lanes, gone


def test_a_key_has_one_event_on_its_way() -> None:
    """The second event of a user waits for the first."""
    first, second = parcel("ann", 1), parcel("ann", 2)
    lanes, _ = lanes_with(first, second)

    assert lanes.take() is first
    assert lanes.take() is None
    lanes.done(first)
    assert lanes.take() is second


def test_other_keys_flow() -> None:
    """A resting user holds nobody else."""
    ann, bob = parcel("ann"), parcel("bob")
    lanes, _ = lanes_with(ann, bob)
    assert lanes.take() is ann
    lanes.rest(ann, 10.0)

    assert lanes.take() is bob
    assert lanes.take() is None


def test_a_resting_lane_wakes_at_its_time() -> None:
    """Not before, and its head is the same event."""
    ann = parcel("ann")
    lanes, _ = lanes_with(ann)
    lanes.take()
    lanes.rest(ann, 10.0)

    assert lanes.wake(9.9) == 10.0
    assert lanes.take() is None
    assert lanes.wake(10.0) is None
    assert lanes.take() is ann


def test_what_came_first_leaves_first() -> None:
    """Over all users: little is finished behind an unfinished record."""
    lanes, _ = lanes_with(parcel("ann", 1), parcel("bob", 1), parcel("ann", 2), parcel("cid", 1))
    ann = lanes.take()
    assert ann
    lanes.done(ann)
    seen = []
    while head := lanes.take():
        seen.append(head.event.event_id)

    assert seen == ["bob-1", "ann-2", "cid-1"]


def test_topics_take_turns() -> None:
    """A topic's backlog is in nobody else's way; within a topic what came first leaves first."""
    backlog = [parcel(f"u{n}", topic="busy") for n in range(5)]
    lanes, _ = lanes_with(*backlog, parcel("ann", topic="quiet"), parcel("bob", topic="quiet"))
    seen = []
    while head := lanes.take():
        seen.append(head.event.user)

    assert seen == ["u0", "ann", "u1", "bob", "u2", "u3", "u4"]


def test_an_old_head_goes_before_newer_ones() -> None:
    """What waited behind another of its user is sorted in by its age."""
    lanes, _ = lanes_with(*(parcel(user, n) for n, user in enumerate("aabcd")))
    first = lanes.take()
    assert first is not None
    lanes.done(first)
    seen = []
    while head := lanes.take():
        seen.append(head.event.event_id)

    assert seen == ["a-1", "b-2", "c-3", "d-4"]


def test_another_turn_is_behind_all_others() -> None:
    """Probes of a blocked destination rotate over the users."""
    lanes, _ = lanes_with(parcel("ann"), parcel("bob"), parcel("cid"))
    seen = []
    for _ in range(4):
        head = lanes.take()
        assert head
        seen.append(head.event.user)
        lanes.again(head)

    assert seen == ["ann", "bob", "cid", "ann"]


def test_events_given_back_never_leave() -> None:
    """Fenced events are skipped and told of, and the lane goes on behind them."""
    fenced = Owner(fenced=True)
    lost, kept = parcel("ann", 1, fenced), parcel("ann", 2)
    lanes, gone = lanes_with(lost, kept, parcel("bob", 1, fenced))

    assert lanes.take() is kept
    assert lanes.take() is None
    assert [p.event.event_id for p in gone] == ["ann-1", "bob-1"]
    assert (len(lanes), lanes.waiting) == (1, 1)


def test_a_lane_whose_resting_head_was_given_back_goes_on() -> None:
    """The next event of the key needs not sit out a backoff that is not its own."""
    owner = Owner()
    head, follower = parcel("ann", 1, owner), parcel("ann", 2)
    lanes, gone = lanes_with(head, follower)
    lanes.take()
    lanes.rest(head, 1e9)
    owner.fenced = True
    lanes.abandon_fenced()

    assert gone == [head]
    assert lanes.take() is follower


def test_an_event_on_its_way_is_not_abandoned_under_it() -> None:
    """Its answer decides; what stands behind it and was given back goes."""
    owner = Owner()
    head, follower = parcel("ann", 1, owner), parcel("ann", 2, owner)
    lanes, gone = lanes_with(head, follower)
    lanes.take()
    owner.fenced = True
    lanes.abandon_fenced([head])
    lanes.done(head)

    assert gone == [follower]
    assert (len(lanes), lanes.waiting) == (0, 0)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["take", "done", "rest", "again", "wake"])))
)
def test_order_of_a_key_holds_in_any_run(steps: list[tuple[str, str]]) -> None:
    """Whatever happens, a key's events end in the order added, one at a time."""
    lanes, _ = lanes_with()
    under_way: dict[str, Parcel] = {}
    ended: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    now = 0.0
    for number, (user, step) in enumerate(steps):
        lanes.add(parcel(user, number))
        now += 1
        head = under_way.get(user)
        if step == "wake":
            lanes.wake(now)
        elif step == "take" and (taken := lanes.take()):
            assert taken.event.user not in under_way
            under_way[taken.event.user] = taken
        elif head and step == "done":
            lanes.done(under_way.pop(user))
            ended[user].append(head.event.element_index)
        elif head and step == "rest":
            lanes.rest(under_way.pop(user), now + 2)
        elif head and step == "again":
            lanes.again(under_way.pop(user))

    assert all(numbers == sorted(numbers) for numbers in ended.values())
    assert lanes.waiting == len(steps) - sum(map(len, ended.values()))
