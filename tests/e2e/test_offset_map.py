"""What a restart sends again on a real Kafka: only what the last commit does not call finished."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.api import Api
from tests.e2e.auditor import Made, audit, make, taken_of
from tests.e2e.bridge import Bridge
from tests.e2e.commits import committed_places, finished
from tests.e2e.test_kafka_kill import (
    MAX_IN_FLIGHT,
    PARTITIONS,
    RECORDS,
    SEED,
    USERS,
    bridge_of,
    kill_in_the_middle,
    produce,
    resume,
)
from tests.parts.kafka import Kafka
from tests.parts.process import wait_until

QUICK: dict[str, Any] = {"shutdown": {"deadline": "6s"}, "limits": {"records_in_flight": 1_000}}


def unique(api: Api) -> int:
    """How many events it accepted, each counted once."""
    return int(api.stats()["unique_event_ids"])


def bridge_on(
    home: Path, kafka: Kafka, topic: str, api: Api, *, protocol: str = "classic", offset_map: bool = True
) -> Bridge:
    """A bridge with or without maps in its commits; holds so little that it can end it within its time."""
    home.mkdir(exist_ok=True)
    source = {
        "name": "shop",
        "type": "kafka",
        "brokers": kafka.brokers,
        "group": f"group-{topic}",
        "topics": [topic],
        "group_protocol": protocol,
        "offset_map": offset_map,
    }
    return bridge_of(home, kafka, topic, api, protocol, sources=[source], **QUICK)


def kill_and_resume(
    kafka: Kafka, topic: str, api: Api, bridge: Bridge, made: Sequence[Made]
) -> tuple[int, int, str]:
    """Kill at half, look at the commit, go on to the end: duplicates, how many to expect, a line."""
    produce(kafka, topic, made)
    before = kill_in_the_middle(bridge, api)
    is_finished = finished(kafka, topic, f"group-{topic}")
    taken_before = taken_of(api.accepted())
    expected = sum(not is_finished(event) for event in taken_before)
    resume(bridge, api, before)
    accounts = bridge.total("bridge_records_unaccounted")
    skipped = bridge.total("bridge_records_skipped_total")
    bridge.stop()
    result = audit(made, taken_of(api.accepted()))
    assert (result.lost, result.order_violations, result.ids_per_record, accounts) == (0, 0, 1, 0)
    line = f"{result}; accepted and not called finished by the last commit {expected}, skipped {skipped:.0f}"
    return result.duplicates, expected, line


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("protocol", "offset_map"), [("classic", True), ("consumer", True), ("classic", False)]
)
def test_after_a_kill_only_what_no_commit_knew_is_sent_again(
    kafka: Kafka,
    api: Api,
    tmp_path: Path,
    report: Callable[[str], None],
    protocol: str,
    offset_map: bool,
) -> None:
    """20,000 records, one request in 30 fails, killed at half: with the map, and with bare offsets."""
    made = make(RECORDS, USERS, SEED)
    api.control(failure_ratio=1 / 30, latency_seconds=[0.0, 0.005])
    topic = kafka.new_topic("map", partitions=PARTITIONS)
    bridge = bridge_on(tmp_path, kafka, topic, api, protocol=protocol, offset_map=offset_map)

    duplicates, expected, line = kill_and_resume(kafka, topic, api, bridge, made)

    report(f"kill -9 at half {'with' if offset_map else 'without'} the map, {protocol}: {line}")
    assert duplicates <= expected + MAX_IN_FLIGHT


@pytest.mark.kafka
@pytest.mark.parametrize("offset_map", [True, False])
def test_a_stuck_head_costs_itself_alone(
    kafka: Kafka, api: Api, tmp_path: Path, report: Callable[[str], None], *, offset_map: bool
) -> None:
    """One user's event fails for as long as the run; 3,000 behind it finish, then kill -9."""
    topic = kafka.new_topic("head", partitions=1)
    made = [Made("poison", 0), *make(3_000, 50, SEED), Made("poison", 1)]
    produce(kafka, topic, made)
    api.control(users={"poison": 503})
    bridge = bridge_on(tmp_path, kafka, topic, api, offset_map=offset_map)
    bridge.start()
    others = len(made) - 2
    wait_until(lambda: api.accepted_count() >= others, timeout_seconds=60, what="all but the poison")
    if offset_map:
        group = f"group-{topic}"
        is_told = lambda: all(map(finished(kafka, topic, group), taken_of(api.accepted())))  # noqa: E731
        wait_until(is_told, timeout_seconds=10, what="a commit that says so")
    bridge.kill()
    api.control(users={})

    bridge.start()
    wait_until(lambda: unique(api) >= len(made), timeout_seconds=60, what="all accepted")
    wanted = others if offset_map else 0
    wait_until(
        lambda: bridge.total("bridge_records_skipped_total") == wanted,
        timeout_seconds=10,
        what=f"{wanted} records skipped",
    )
    accounts = bridge.total("bridge_records_unaccounted")
    bridge.stop()

    result = audit(made, taken_of(api.accepted()))
    report(f"stuck head, kill -9, {'with' if offset_map else 'without'} the map: {result}, skipped {wanted}")
    assert (result.lost, result.order_violations, accounts) == (0, 0, 0)
    assert result.duplicates == others - wanted


@pytest.mark.kafka
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_rolling_restart_with_a_stuck_head_sends_nothing_twice(
    kafka: Kafka, api: Api, tmp_path: Path, report: Callable[[str], None], protocol: str
) -> None:
    """SIGTERM cannot end what does not end: it is given back, and all others stay finished."""
    topic = kafka.new_topic("roll", partitions=PARTITIONS)
    made = [Made("poison", 0), *make(3_000, 100, SEED)]
    produce(kafka, topic, made)
    api.control(users={"poison": 503})
    config: dict[str, Any] = {"protocol": protocol}
    first, second = (bridge_on(tmp_path / name, kafka, topic, api, **config) for name in ("one", "two"))

    first.start()
    wait_until(lambda: unique(api) >= 1_000, timeout_seconds=60, what="a third accepted")
    first.stop()
    second.start()
    wait_until(lambda: unique(api) >= len(made) - 1, timeout_seconds=60, what="all but the poison")
    second.stop()
    api.control(users={})
    first.start()
    wait_until(lambda: unique(api) >= len(made), timeout_seconds=60, what="the poison too")
    first.stop()

    result = audit(made, taken_of(api.accepted()))
    report(f"rolling restart with a stuck head, {protocol}: {result}")
    assert (result.lost, result.order_violations, result.duplicates) == (0, 0, 0)


@pytest.mark.kafka
def test_brokers_that_take_less_metadata_get_less(
    own_kafka: Callable[..., Kafka], api: Api, tmp_path: Path
) -> None:
    """``offset.metadata.max.bytes=50``: the bare offsets are committed, nothing stops, nothing is lost."""
    kafka = own_kafka(properties="offset.metadata.max.bytes=50\n")
    topic = kafka.new_topic("small", partitions=1)
    made = [Made("poison", 0), *make(2_000, 50, SEED)]
    produce(kafka, topic, made)
    api.control(users={"poison": 503})
    bridge = bridge_on(tmp_path, kafka, topic, api)
    bridge.start()
    wait_until(lambda: unique(api) >= 2_000, timeout_seconds=60, what="all but the poison")
    api.control(users={})
    wait_until(lambda: api.accepted_count() > 2_000, timeout_seconds=60, what="the poison too")

    def is_committed() -> bool:
        (place,) = committed_places(kafka, topic, f"group-{topic}")
        return bool(place.offset == len(made))

    wait_until(is_committed, timeout_seconds=30, what="the last offset committed")
    assert bridge.total("bridge_commits_total", "failed") >= 1
    bridge.stop()
    assert audit(made, taken_of(api.accepted())).lost == 0
