"""What breaks others when partitions change hands, each as one test on a real Kafka.

The list is that of the field's own bug reports; the number behind a name is the report.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.chaos.api import Manner
from tests.chaos.arena import Replica, Setting
from tests.chaos.books import Row
from tests.chaos.faults_process import assigned, settled
from tests.chaos.kafka_arena import PARTITIONS, KafkaArena
from tests.chaos.stage import Stage
from tests.conftest import require
from tests.e2e.commits import committed_places
from tests.parts import kafka as kafka_part

pytestmark = pytest.mark.kafka

BOTH = pytest.mark.parametrize("protocol", ["classic", "consumer"])
SEED = int(os.environ.get("CHAOS_SEED", "20261126"))
REVOKE_SECONDS = 1.0
Enter = Callable[..., KafkaArena]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Parts that these tests share."""
    require(kafka_part.missing())
    made = Stage(tmp_path_factory.mktemp("rebalance"), seed=SEED, is_long=False)
    yield made
    made.close()


@pytest.fixture
def enter(stage: Stage) -> Iterator[Enter]:
    """An arena in which events flow through one bridge."""
    with ExitStack() as own:

        def make(setting: Setting, manner: Manner | None = None) -> KafkaArena:
            arena = stage.enter_kafka(setting, own)
            arena.api.manner = manner or Manner()
            arena.begin()
            return arena

        yield make


def kept(arena: KafkaArena) -> Row:
    """Close the books; nothing may be wrong with them."""
    row = arena.finish("rebalance")
    assert row.is_clean, row
    return row


def join(arena: KafkaArena) -> Replica:
    """A second bridge comes, and has its share when this returns."""
    other = arena.make("b")
    other.start()
    settled(arena, [arena.first, other])
    return other


def given_back(replica: Replica) -> float:
    """Records that it gave back."""
    return replica.look().total("bridge_records_given_back_total")


@BOTH
def test_what_is_in_flight_is_drained_and_committed_before_a_partition_goes(
    enter: Enter, protocol: str
) -> None:
    """Drain first, fence second (PostHog#80897): whoever comes next sends nothing twice."""
    arena = enter(Setting(protocol=protocol), Manner(latency_seconds=0.2))
    join(arena)
    arena.flows()
    assert given_back(arena.first) == 0
    assert sum(kept(arena).duplicates.values()) == 0


@BOTH
def test_what_misses_the_drain_budget_goes_uncommitted(enter: Enter, protocol: str) -> None:
    """A duplicate beats a loss (pc#777), and a slow API does not hold the group (quix#1131)."""
    setting = Setting(
        protocol=protocol,
        config={"shutdown": {"deadline": "10s", "revoke": f"{REVOKE_SECONDS}s"}},
        destination={"timeout": {"read": "60s"}},
    )
    arena = enter(setting)
    arena.api.manner = Manner(then="hang")
    arena.stands_still()
    began = time.monotonic()
    join(arena)
    assert time.monotonic() - began < 15.0
    assert given_back(arena.first) > 0
    arena.api.manner = Manner()
    kept(arena)


@BOTH
def test_partitions_that_stay_flow_on_meanwhile(enter: Enter, protocol: str) -> None:
    """No global fence (vector#14865): a member that comes stops only what it gets."""
    arena = enter(Setting(protocol=protocol))
    before = arena.first.look().total("bridge_records_consumed_total")
    join(arena)
    assert arena.first.look().total("bridge_rebalances_total", kind="lost") == 0
    assert arena.first.look().total("bridge_records_consumed_total") > before
    kept(arena)


@BOTH
def test_a_member_that_lost_its_partitions_commits_nothing_of_them(enter: Enter, protocol: str) -> None:
    """Lost is not revoked (kotlin-kafka#220): what the next owner committed is not set back."""
    arena = enter(Setting(protocol=protocol))
    other = join(arena)
    arena.first.bridge.process.freeze()
    arena.until(lambda: assigned(other) == PARTITIONS, "the other has all")
    arena.flows()
    before = offsets(arena)
    arena.first.bridge.process.thaw()
    settled(arena, [arena.first, other])
    after = offsets(arena)
    assert all(after[number] >= before[number] for number in before)
    kept(arena)


def offsets(arena: KafkaArena) -> dict[int, int]:
    """What is committed, by partition."""
    return {
        place.partition: place.offset for place in committed_places(arena.kafka, arena.topic, arena.group)
    }


@BOTH
def test_attempts_are_counted_on_by_the_next_owner(enter: Enter, protocol: str) -> None:
    """No endless retry (eventing-kafka-broker#3746): a rebalance does not begin the count anew."""
    retry: dict[str, Any] = {"base": "100ms", "cap": "200ms", "max_attempts": 12, "max_age": "1s"}
    arena = enter(Setting(protocol=protocol, destination={"retry": retry}), Manner(users={"sick": 500}))
    sick = arena.produce("sick")
    while sick not in arena.letters():
        arena.replicas[-1].stop()
        arena.make(f"n{len(arena.replicas)}").start()
        arena.flows()
        assert len(arena.replicas) < 20
    assert len(arena.replicas) > 2
    letter = next(one for one in letters(arena) if json.loads(one["value"])["user"] == "sick")
    assert int(letter["headers"]["bridge-attempts"]) >= retry["max_attempts"]
    kept(arena)


def letters(arena: KafkaArena) -> list[dict[str, Any]]:
    """Dead letters as they lie in the files."""
    paths = [one.bridge.home / "letters.jsonl" for one in arena.replicas]
    return [json.loads(line) for path in paths if path.exists() for line in path.read_text().splitlines()]


@BOTH
def test_a_pause_lasts_over_a_rebalance(enter: Enter, protocol: str) -> None:
    """Whatever the client forgets on assignment (librdkafka#1849): what is blocked stays unread."""
    arena = enter(Setting(protocol=protocol, config={"limits": {"records_in_flight": 200}}))
    arena.api.manner = Manner(status=401)
    arena.stalls("auth")
    arena.until(lambda: paused(arena.first) > 0, "its partitions are paused")
    other = join(arena)
    arena.until(lambda: paused(other) == assigned(other), "the other's too")
    most = sum(one.look().total("bridge_records_in_flight") for one in arena.replicas)
    assert most <= 2 * 2 * 200
    arena.api.manner = Manner()
    arena.healed()
    kept(arena)


def paused(replica: Replica) -> float:
    """How many of its partitions are not read."""
    return replica.look().total("bridge_partitions_paused")


@BOTH
def test_a_blocked_destination_does_not_hold_a_rebalance(enter: Enter, protocol: str) -> None:
    """Nothing can drain (pc#857): what is open is given back at once, and the others have it."""
    arena = enter(Setting(protocol=protocol))
    arena.api.manner = Manner(status=401)
    arena.stalls("auth")
    join(arena)
    arena.api.manner = Manner()
    arena.healed()
    row = kept(arena)
    assert row.dead_letters == 0


def test_a_static_member_that_restarts_costs_no_rebalance(enter: Enter) -> None:
    """``instance_id`` (confluent-kafka-go#649): its partitions wait for it, and nobody else is disturbed."""
    arena = enter(Setting(source={"instance_id": "${INSTANCE}"}, env={"INSTANCE": "first"}))
    other = arena.make("b")
    other.bridge.process.env["INSTANCE"] = "second"
    other.start()
    settled(arena, [arena.first, other])
    before = other.look().total("bridge_rebalances_total")
    arena.first.stop()
    arena.first.start()
    settled(arena, [arena.first, other])
    assert other.look().total("bridge_rebalances_total") == before
    arena.flows()
    kept(arena)


def test_a_member_leaves_in_time_though_its_broker_is_gone(enter: Enter) -> None:
    """Closing and synchronous commits may hang for ever (confluent-kafka-python#1801, librdkafka#4527)."""
    arena = enter(Setting(own_broker=True))
    arena.kafka.freeze()
    began = time.monotonic()
    arena.first.stop()
    took = time.monotonic() - began
    arena.kafka.thaw()
    arena.killed(arena.first.life)  # what it could not commit comes again
    assert took < 14.0
    arena.first.start()
    arena.healed()
    kept(arena)


def test_members_that_come_and_go_in_quick_succession(enter: Enter) -> None:
    """A rebalance within a rebalance: no partition is left without an owner, or with two (pc#909)."""
    arena = enter(Setting())
    others = [arena.make(name) for name in "bcd"]
    for one in others:
        one.start(ready=False)
    arena.flows()
    others[0].kill()
    others[1].stop()
    settled(arena, [arena.first, others[2]])
    arena.flows()
    kept(arena)
