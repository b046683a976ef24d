"""From the classic group protocol to KIP-848 and back; members that the brokers give up say so."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer

from tests.chaos.traffic import KafkaTraffic
from tests.e2e.api import Api
from tests.e2e.auditor import audit, kafka_rules, taken_of
from tests.e2e.bridge import Bridge
from tests.parts.kafka import Kafka
from tests.parts.process import wait_until

pytestmark = pytest.mark.kafka
PARTITIONS, RATE, USERS, SEED = 6, 150, 50, 20_261_127


class Release:
    """Pods of one release over one topic."""

    def __init__(self, home: Path, kafka: Kafka, api: Api) -> None:
        self.topic = kafka.new_topic("protocol", partitions=PARTITIONS)
        self._home = home
        self._brokers = kafka.brokers
        self._api = api
        self._made = 0
        self.pods: list[Bridge] = []

    def pod(self, protocol: str, **source: Any) -> Bridge:
        """One more, not started; with these keys in its source."""
        kafka = {"name": "shop", "type": "kafka", "brokers": self._brokers, "group": f"group-{self.topic}"}
        config = {
            "sources": [{**kafka, "topics": [self.topic], "group_protocol": protocol, **source}],
            "destinations": {
                "default": {"url": self._api.events_url, "write_key": {"env": "FILUM_WRITE_KEY"}}
            },
            "dead_letters": {"type": "file", "path": "letters.jsonl"},
            "shutdown": {"deadline": "10s", "revoke": "4s"},
        }
        home = self._home / f"pod-{self._made}"
        home.mkdir()
        self._made += 1
        self.pods.append(Bridge(home, config, {"audit.yaml": kafka_rules(self.topic)}))
        return self.pods[-1]

    def add(self, protocol: str) -> Bridge:
        """One more, at work when this returns."""
        pod = self.pod(protocol)
        pod.start()
        wait_until(lambda: assigned(pod) > 0, timeout_seconds=60, what=f"a {protocol} member has partitions")
        return pod

    def remove(self) -> None:
        """The oldest leaves."""
        self.pods.pop(0).stop()

    def shares_all(self) -> bool:
        """Whether all partitions are assigned, each once."""
        return sum(map(assigned, self.pods)) == PARTITIONS


@pytest.fixture
def release(kafka: Kafka, api: Api, tmp_path: Path) -> Iterator[Release]:
    """No pod yet."""
    made = Release(tmp_path, kafka, api)
    yield made
    for pod in made.pods:
        pod.kill()


def assigned(pod: Bridge) -> int:
    return int(pod.total("bridge_partitions_assigned"))


def ended(pod: Bridge) -> str:
    """What it said, once it ended by itself."""
    wait_until(lambda: not pod.process.is_running, timeout_seconds=60, what="it ends by itself")
    return pod.log.read_text()


def test_a_member_that_the_group_cannot_take_ends_and_says_why(release: Release) -> None:
    """Brokers convert no group that librdkafka's assignor shared out; who stayed would look idle."""
    for _ in range(2):
        release.add("classic")
    new = release.pod("consumer")
    new.process.start()

    assert "stop all members with `group_protocol: classic`" in ended(new)
    assert sum(map(assigned, release.pods[:2])) == PARTITIONS


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_an_instance_id_used_twice_ends_one_of_them(release: Release, protocol: str) -> None:
    """The older one is fenced by classic brokers, the newer one refused under KIP-848."""
    old, new = (release.pod(protocol, instance_id="pod-0") for _ in range(2))
    old.start()
    wait_until(lambda: assigned(old) == PARTITIONS, timeout_seconds=60, what="the first is at work")
    new.process.start()
    loser = old if protocol == "classic" else new

    assert "another process uses the same `instance_id`" in ended(loser)
    assert (new if loser is old else old).process.is_running


def test_a_group_is_taken_over_from_an_eager_consumer_that_has_gone(
    release: Release, kafka: Kafka, api: Api
) -> None:
    """Beside it the bridge is not taken in, and says so; then it goes on at the committed offsets."""
    traffic = KafkaTraffic(kafka.brokers, release.topic, PARTITIONS, RATE, USERS, SEED)
    for _ in range(100):
        traffic.send(traffic.next())
    traffic.stop()
    group = {"bootstrap.servers": kafka.brokers, "group.id": f"group-{release.topic}"}
    eager = Consumer({**group, "auto.offset.reset": "earliest", "partition.assignment.strategy": "range"})
    eager.subscribe([release.topic])
    read: list[object] = []
    deadline = time.monotonic() + 60
    while len(read) < 100 and time.monotonic() < deadline:
        read += eager.consume(100, 0.5)
    eager.commit(asynchronous=False)

    pod = release.pod("classic")
    pod.process.start()
    wait_until(
        lambda: eager.poll(0.1) is None and "another assignor" in pod.log.read_text(),
        timeout_seconds=60,
        what="it says who is in the way",
    )
    assert pod.status("/readyz") == 503
    eager.close()
    wait_until(lambda: assigned(pod) == PARTITIONS, timeout_seconds=60, what="it has the partitions")
    traffic.send(last := traffic.next())
    wait_until(lambda: api.accepted_count() == 1, timeout_seconds=60, what="the next record arrives")
    assert [(one.user, one.seq) for one in taken_of(api.accepted())] == [(last.user, last.seq)]


def test_a_group_changes_its_protocol_and_back(
    release: Release, kafka: Kafka, api: Api, report: Callable[[str], None]
) -> None:
    """Over to KIP-848 with all pods gone in between, back pod by pod; nothing lost, nothing twice."""
    traffic = KafkaTraffic(kafka.brokers, release.topic, PARTITIONS, RATE, USERS, SEED)
    traffic.start()
    for _ in range(2):
        release.add("classic")
    for _ in range(2):
        release.remove()
    for _ in range(2):
        release.add("consumer")
    for _ in range(2):
        release.add("classic")
        release.remove()
    wait_until(release.shares_all, timeout_seconds=60, what="classic members have all partitions")
    traffic.stop()
    wait_until(lambda: api.accepted_count() >= len(traffic.made), timeout_seconds=60, what="all accepted")
    unaccounted = [pod.total("bridge_records_unaccounted") for pod in release.pods]
    for pod in release.pods:
        pod.stop()

    result = audit(traffic.made, taken_of(api.accepted()))
    report(f"classic to KIP-848 and back, two pods under load: {len(traffic.made)} records, {result}")
    assert (result.lost, result.order_violations, result.duplicates, unaccounted) == (0, 0, 0, [0, 0])
