"""Which events share a request, and that an array keeps each user's order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.send.batches import body_of, gather, heads, runs
from bridge.send.lanes import Lanes
from bridge.send.parcel import Parcel
from tests.send.test_lanes import Owner, lanes_with, parcel

_ROOM = 10_000


def names(parcels: list[Parcel]) -> list[str]:
    return [one.event.event_id for one in parcels]


def test_heads_go_first_then_those_behind_them() -> None:
    """Everybody has a place before anybody has two, and a user's events stand in their order."""
    lanes, _ = lanes_with(parcel("ann", 1), parcel("ann", 2), parcel("bob", 1), parcel("ann", 3))
    batch = gather(lanes, 100, _ROOM)

    assert names(batch) == ["ann-1", "bob-1", "ann-2", "ann-3"]
    assert body_of(batch) == b"[{},{},{},{}]"
    assert lanes.take() is None


def test_no_more_events_and_bytes_than_allowed() -> None:
    """What does not fit keeps its turn; one event alone may be as large as it is."""
    lanes, _ = lanes_with(*(parcel(user) for user in "abcde"))

    assert names(gather(lanes, 2, _ROOM)) == ["a-0", "b-0"]
    assert names(gather(lanes, 100, 9)) == ["c-0", "d-0"]
    assert names(gather(lanes, 100, 1)) == ["e-0"]


def test_an_event_shares_with_no_more_than_it_may() -> None:
    """Whoever was in a refused batch of four goes on in company of two, and a lonely one alone."""
    pair, lonely = parcel("ann"), parcel("bob")
    pair.company, lonely.company = 2, 1
    lanes, _ = lanes_with(pair, parcel("cid"), parcel("dan"), lonely, parcel("eve"))

    assert names(gather(lanes, 100, _ROOM)) == ["ann-0", "cid-0"]
    assert names(gather(lanes, 100, _ROOM)) == ["dan-0"]
    assert names(gather(lanes, 100, _ROOM)) == ["bob-0"]
    assert names(gather(lanes, 100, _ROOM)) == ["eve-0"]


def test_one_event_is_no_array() -> None:
    """As the documented API has it."""
    assert body_of([parcel("ann")]) == b"{}"


def test_what_was_given_back_does_not_go_along() -> None:
    """Neither it nor what stands behind it."""
    gone = Owner()
    lanes, _ = lanes_with(parcel("ann", 1), parcel("ann", 2, gone), parcel("ann", 3))
    gone.fenced = True

    assert names(gather(lanes, 100, _ROOM)) == ["ann-1"]


@given(
    st.lists(st.sampled_from("abc"), max_size=40),
    st.lists(st.tuples(st.integers(1, 6), st.booleans(), st.integers(1, 4)), min_size=1, max_size=60),
)
def test_order_of_a_user_holds_whatever_becomes_of_batches(
    users: list[str], steps: list[tuple[int, bool, int]]
) -> None:
    """Accepted as a whole, or back to their lanes in smaller company: first acceptances stay in order."""
    lanes = Lanes(lambda _: None)
    for number, user in enumerate(users):
        lanes.add(parcel(user, number))
    ended: dict[str, list[int]] = {user: [] for user in users}
    for most, accepted, company in steps:
        batch = gather(lanes, most, _ROOM)
        assert len({one.key for one in heads(batch)}) == len(heads(batch)) == len(runs(batch))
        if accepted:
            for last, count in runs(batch):
                lanes.done(last, count)
            for one in batch:
                ended[one.event.user].append(one.event.element_index)
        else:
            for one in batch:
                one.company = company
            for head in heads(batch):
                lanes.back(head)

    assert all(numbers == sorted(numbers) for numbers in ended.values())
    assert lanes.waiting == len(users) - sum(map(len, ended.values()))
