"""kill -9 in the middle of real Kafka traffic: nothing lost, order kept, every duplicate explained."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.e2e.api import Api
from tests.e2e.auditor import Made, Taken, audit, kafka_rules, make, taken_of
from tests.e2e.bridge import Bridge
from tests.e2e.commits import committed_places
from tests.parts.kafka import Kafka
from tests.parts.process import wait_until

RECORDS, USERS, PARTITIONS, SEED = 20_000, 300, 6, 20_261_123
MAX_IN_FLIGHT = 16


def produce(kafka: Kafka, topic: str, made: Sequence[Made]) -> None:
    """Keyed by user, so that a user's records share a partition."""
    producer = Producer({"bootstrap.servers": kafka.brokers, "linger.ms": 5, "enable.idempotence": True})
    for one in made:
        producer.produce(topic, one.body, one.user.encode())
        producer.poll(0)
    assert producer.flush(60) == 0


def committed(kafka: Kafka, group: str, topic: str) -> dict[int, int]:
    """Partition → committed offset; -1001 (none) becomes 0."""
    return {place.partition: max(0, place.offset) for place in committed_places(kafka, topic, group)}


def bridge_of(home: Path, kafka: Kafka, topic: str, api: Api, protocol: str, **more: Any) -> Bridge:
    """A bridge that reads the topic; ``more`` are keys of its configuration."""
    config = {
        "sources": [
            {
                "name": "shop",
                "type": "kafka",
                "brokers": kafka.brokers,
                "group": f"group-{topic}",
                "topics": [topic],
                "group_protocol": protocol,
            }
        ],
        "destinations": {
            "default": {
                "url": api.events_url,
                "write_key": {"env": "FILUM_WRITE_KEY"},
                "max_in_flight": MAX_IN_FLIGHT,
            }
        },
        "dead_letters": {"type": "file", "path": "letters.jsonl"},
        **more,
    }
    return Bridge(home, config, {"audit.yaml": kafka_rules(topic)})


def kill_in_the_middle(bridge: Bridge, api: Api) -> int:
    """Start, kill when half is accepted; how many the API had accepted by then."""
    bridge.start()
    wait_until(
        lambda: api.accepted_count() >= RECORDS // 2, timeout_seconds=120, what="half of the records accepted"
    )
    bridge.kill()
    return api.accepted_count()


def resume(bridge: Bridge, api: Api, before: int) -> float:
    """Start again and wait for everything; seconds from the start to the first new acceptance."""
    started = time.monotonic()
    bridge.start()
    wait_until(lambda: api.accepted_count() > before, timeout_seconds=60, what="a new acceptance")
    first_new_seconds = time.monotonic() - started
    wait_until(
        lambda: int(api.stats()["unique_event_ids"]) >= RECORDS,
        timeout_seconds=120,
        what="all records accepted",
    )
    return first_new_seconds


def unsettled_but_accepted(taken: Sequence[Taken], before: int, offsets: dict[int, int]) -> int:
    """Events accepted before the kill whose offsets were not committed: all that may come twice."""
    return sum(event.offset >= offsets.get(event.partition, 0) for event in taken[:before])


@pytest.mark.kafka
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_kill_loses_nothing(
    kafka: Kafka, api: Api, tmp_path: Path, report: Callable[[str], None], protocol: str
) -> None:
    """20,000 records, killed at half; duplicates are exactly what was accepted and not committed."""
    topic = kafka.new_topic("kill", partitions=PARTITIONS)
    made = make(RECORDS, USERS, SEED)
    produce(kafka, topic, made)
    bridge = bridge_of(tmp_path, kafka, topic, api, protocol)

    before = kill_in_the_middle(bridge, api)
    offsets = committed(kafka, f"group-{topic}", topic)
    first_new_seconds = resume(bridge, api, before)
    accounts = bridge.total("bridge_records_unaccounted")
    bridge.stop()

    taken = taken_of(api.accepted())
    result = audit(made, taken)
    may_repeat = unsettled_but_accepted(taken, before, offsets)
    report(
        f"kafka {protocol}: {result}; accepted at the kill {before}, of these not committed {may_repeat} "
        f"(in flight at most {MAX_IN_FLIGHT}); first new delivery {first_new_seconds:.1f} s after the restart"
    )
    assert (result.lost, result.order_violations, result.ids_per_record) == (0, 0, 1)
    assert result.duplicates <= may_repeat
    assert accounts == 0
    assert sum(committed(kafka, f"group-{topic}", topic).values()) == RECORDS
