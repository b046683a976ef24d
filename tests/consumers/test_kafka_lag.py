"""How far behind partitions are, and which wait for want of a right."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bridge.consumers.base import ConsumerStats
from bridge.consumers.kafka_client import Partition
from bridge.consumers.kafka_lag import Lag
from bridge.errors import ConnectionLost
from bridge.model import Stream

ORDERS, USERS = Partition("orders", 0), Partition("users", 0)
OURS = {ORDERS: Stream("k", "orders", 0), USERS: Stream("k", "users", 0)}


class Ends:
    """What the brokers would say, and what they were asked."""

    def __init__(self) -> None:
        self.fetched: dict[Partition, int] = {ORDERS: 10, USERS: 20}
        self.real: dict[Partition, int] = {ORDERS: 15, USERS: 25}
        self.asked: list[Partition] = []
        self.answers = True

    def high_watermark(self, partition: Partition) -> int | None:
        """Of the last fetch."""
        return self.fetched.get(partition)

    def offsets_at(
        self, partitions: Collection[Partition], time_ms: int, timeout_seconds: float
    ) -> Mapping[Partition, int]:
        """The real ends."""
        assert (time_ms, timeout_seconds > 0) == (-1, True)
        self.asked += partitions
        if not self.answers:
            raise ConnectionLost("gone")
        return {one: self.real[one] for one in partitions}


def lag_of(ends: Ends) -> tuple[Lag, ConsumerStats]:
    """Committed: all that was fetched but two of the orders."""
    stats = ConsumerStats()
    lag = Lag(ends, stats)
    lag.committed({OURS[ORDERS]: 8, OURS[USERS]: 20})
    return lag, stats


def test_the_last_fetch_tells_where_there_is_one() -> None:
    """Nobody is asked."""
    ends = Ends()
    lag, stats = lag_of(ends)
    lag.measure(OURS, ())
    assert (stats.lag, ends.asked) == ({OURS[ORDERS]: 2, OURS[USERS]: 0}, [])


def test_what_is_not_fetched_is_asked_for() -> None:
    """Paused, or never fetched; no answer leaves the last figure."""
    ends = Ends()
    lag, stats = lag_of(ends)
    lag.measure(OURS, {OURS[ORDERS]})
    assert stats.lag == {OURS[ORDERS]: 7, OURS[USERS]: 0}
    ends.answers = False
    lag.measure(OURS, {OURS[ORDERS]})
    assert stats.lag[OURS[ORDERS]] == 2


def test_a_refused_topic_waits_while_it_has_records_and_until_some_come() -> None:
    """Its last fetch is old, so its end is asked for; without lag nothing waits."""
    ends = Ends()
    lag, stats = lag_of(ends)
    lag.refuse("users")
    lag.measure(OURS, ())
    assert stats.refused == {OURS[USERS]}
    assert stats.lag[OURS[USERS]] == 5
    lag.committed({OURS[USERS]: 25})
    lag.measure(OURS, ())
    assert not stats.refused
    ends.real[USERS] = 30
    lag.heard(["orders"])
    lag.measure(OURS, ())
    assert stats.refused == {OURS[USERS]}
    lag.heard(["users"])
    lag.measure(OURS, ())
    assert not stats.refused


def test_what_went_is_forgotten() -> None:
    """It has no figure, and holds nobody up."""
    lag, stats = lag_of(Ends())
    lag.refuse("users")
    lag.measure(OURS, ())
    lag.forget([OURS[USERS]])
    lag.measure({ORDERS: OURS[ORDERS]}, ())
    assert set(stats.lag) == {OURS[ORDERS]}
    assert not stats.refused
