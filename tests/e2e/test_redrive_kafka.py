"""Letters in a real Kafka topic, redriven: accepted in order, with the same ids; killed, and run again."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.e2e.api import Api
from tests.e2e.auditor import kafka_rules, make
from tests.e2e.bridge import Bridge
from tests.e2e.redriving import Home, assert_in_order, destination, firsts
from tests.parts.kafka import Kafka
from tests.parts.process import wait_until

PARTITIONS = 3
COUNT = 96
"""Below the budget of dead letters."""


def deliver(home: Home, group: str, rules: str, until: int) -> None:
    """Run the bridge until so many records are settled."""
    config = {**home.config, "sources": [{**home.config["sources"][0], "group": group}]}
    folder = home.path / group
    folder.mkdir()
    bridge = Bridge(folder, config, {"rules.yaml": rules})
    bridge.start()
    try:
        wait_until(
            lambda: bridge.total("bridge_records_settled_total") == until,
            timeout_seconds=60,
            what="all records settled",
        )
    finally:
        bridge.stop()


@pytest.mark.kafka
def test_letters_in_kafka_are_redriven_and_a_kill_in_the_middle_loses_none(
    kafka: Kafka, api: Api, tmp_path: Path
) -> None:
    """Same ids as the good rule gives, each user's order, and what a kill leaves is a repetition at most."""
    made = make(COUNT, users=8, seed=2)
    topic, letters = (
        kafka.new_topic("shop", partitions=PARTITIONS),
        kafka.new_topic("letters", partitions=PARTITIONS),
    )
    producer = Producer({"bootstrap.servers": kafka.brokers})
    for one in made:
        producer.produce(topic, one.body, one.user)
    assert producer.flush(30) == 0
    source = {"name": "shop", "type": "kafka", "brokers": kafka.brokers, "topics": [topic], "group": "g"}
    config = {
        "sources": [source],
        "destinations": destination(api),
        "dead_letters": {"type": "kafka", "topic": letters},
    }
    home = Home(tmp_path, config, kafka_rules(topic))
    deliver(home, f"good-{topic}", home.rules, COUNT)
    expected = {(one.user, one.seq): one.event_id for one in firsts(api)}
    api.forget()
    home.spoil()
    deliver(home, f"bad-{topic}", (tmp_path / "rules.yaml").read_text(), COUNT)
    assert len(home.listed()) == COUNT
    home.mend()

    redrive = home.start("redrive", "--rate", "20")
    wait_until(lambda: api.accepted_count() >= 30, timeout_seconds=60, what="some events")
    redrive.kill()
    before = api.accepted_count()
    assert before < COUNT
    left = len(home.listed())
    assert COUNT - before <= left < COUNT
    told = home.dlq("redrive")

    assert told.endswith(f"{left} accepted, 0 failed again, 0 stay\n")
    taken = firsts(api)
    assert_in_order(made, taken)
    assert {(one.user, one.seq): one.event_id for one in taken} == expected
    assert home.listed() == []
