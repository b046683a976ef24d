"""Leaving and sharing: a clean stop re-sends nothing, a rebalance loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.api import Api
from tests.e2e.auditor import audit, make, taken_of
from tests.e2e.test_kafka_kill import PARTITIONS, bridge_of, committed, produce
from tests.parts.kafka import Kafka
from tests.parts.process import wait_until

RECORDS, USERS, SEED = 3_000, 100, 20_261_125


@pytest.mark.kafka
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_clean_stop_sends_nothing_twice(
    kafka: Kafka, api: Api, tmp_path: Path, report: Callable[[str], None], protocol: str
) -> None:
    """SIGTERM under load: what left is committed; the next start goes on where this one ended."""
    topic = kafka.new_topic("stop", partitions=PARTITIONS)
    made = make(RECORDS, USERS, SEED)
    produce(kafka, topic, made)
    bridge = bridge_of(tmp_path, kafka, topic, api, protocol, limits={"records_in_flight": 200})

    bridge.start()
    wait_until(lambda: api.accepted_count() >= RECORDS // 3, timeout_seconds=60, what="a third accepted")
    bridge.stop()
    before = api.accepted_count()
    settled = sum(committed(kafka, f"group-{topic}", topic).values())
    bridge.start()
    wait_until(lambda: api.accepted_count() >= RECORDS, timeout_seconds=90, what="all accepted")
    bridge.stop()

    result = audit(made, taken_of(api.accepted()))
    report(f"SIGTERM under load, {protocol}: {result}; accepted before {before}, committed {settled}")
    assert (result.lost, result.order_violations, result.duplicates) == (0, 0, 0)
    assert RECORDS > settled == before


@pytest.mark.kafka
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_second_replica_joins_and_leaves_without_loss(
    kafka: Kafka, api: Api, tmp_path: Path, report: Callable[[str], None], protocol: str
) -> None:
    """Partitions move to it and back under load; nothing is lost, every user's order holds."""
    topic = kafka.new_topic("join", partitions=PARTITIONS)
    made = make(RECORDS, USERS, SEED)
    half = RECORDS // 2
    produce(kafka, topic, made[:half])
    homes = [tmp_path / name for name in ("one", "two")]
    for home in homes:
        home.mkdir()
    one, two = (bridge_of(home, kafka, topic, api, protocol) for home in homes)

    one.start()
    wait_until(lambda: api.accepted_count() > 100, timeout_seconds=60, what="the first replica at work")
    two.start()
    wait_until(
        lambda: two.total("bridge_partitions_assigned") > 0, timeout_seconds=60, what="partitions moved"
    )
    produce(kafka, topic, made[half:])
    wait_until(
        lambda: two.total("bridge_records_consumed_total") > 0, timeout_seconds=60, what="both at work"
    )
    two.stop()
    wait_until(lambda: api.accepted_count() >= RECORDS, timeout_seconds=90, what="all accepted")
    wait_until(
        lambda: sum(committed(kafka, f"group-{topic}", topic).values()) == RECORDS,
        timeout_seconds=30,
        what="all committed",
    )
    accounts = one.total("bridge_records_unaccounted")
    one.stop()

    result = audit(made, taken_of(api.accepted()))
    report(f"a replica joins and leaves, {protocol}: {result}")
    assert (result.lost, result.order_violations) == (0, 0)
    assert accounts == 0
