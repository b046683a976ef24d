"""What a release stands between: brokers and an auditing API outside of the cluster, and traffic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.api import AuditingApi
from tests.chaos.traffic import KafkaTraffic, RabbitTraffic, Traffic
from tests.cluster.kube import apply, new_namespace, secret
from tests.cluster.release import Release
from tests.e2e.auditor import RULES, Audit, audit, kafka_rules
from tests.parts.kafka import Kafka
from tests.parts.process import wait_until
from tests.parts.rabbitmq import RabbitMQ

PARTITIONS = 8
_SEED = 20_261_127
_SETTLED_SECONDS = 180.0


@dataclass(frozen=True)
class Place:
    """The cluster that was given.

    Attributes:
        host: this machine's address as pods see it.
        image: the bridge's, as the cluster has it.
    """

    host: str
    image: str


class World:
    """One release, its API, its traffic.

    Attributes:
        values: of the chart; complete, with one replica.
    """

    def __init__(
        self,
        place: Place,
        release: Release,
        traffic: Traffic,
        source: Mapping[str, Any],
        rules: str,
        letters: Mapping[str, Any],
    ) -> None:
        self.release = release
        self.traffic = traffic
        self.api = AuditingApi(host=place.host)
        repository, _, tag = place.image.rpartition(":")
        new_namespace(release.name)
        apply(release.name, secret("filum", **{"write-key": "first-key"}))
        self.values: dict[str, Any] = {
            "image": {"repository": repository, "tag": tag, "pullPolicy": "Never"},
            "secrets": {"filum": {"existingSecret": "filum"}},
            "config": {
                "sources": [source],
                "destinations": {
                    "default": {
                        "url": self.api.url("events"),
                        "write_key": {"file": "/run/secrets/filum/write-key"},
                        "timeout": {"connect": "2s", "read": "5s", "write": "2s"},
                        "retry": {"base": "100ms", "cap": "1s"},
                    }
                },
                "dead_letters": dict(letters),
                "shutdown": {"deadline": "10s", "revoke": "4s"},
            },
            "rules": {"audit.yaml": rules},
            "minReadySeconds": 0,
            "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        }

    def flows(self, more: int = 100) -> None:
        """Wait until so many more were accepted."""
        enough = len(self.api.accepted) + more
        wait_until(lambda: len(self.api.accepted) >= enough, timeout_seconds=90, what=f"{more} more accepted")

    def close_books(self) -> Audit:
        """Stop the traffic, wait for the last event, and count."""
        self.traffic.stop()
        wait_until(lambda: not self.audit().lost, timeout_seconds=_SETTLED_SECONDS, what="all accepted")
        return self.audit()

    def audit(self) -> Audit:
        """Of all that was made so far."""
        return audit(list(self.traffic.made), list(self.api.accepted))

    def told(self, result: Audit) -> str:
        """For a report."""
        return f"{len(self.traffic.made)} made, {result}"

    def end(self) -> None:
        """Whatever happened."""
        self.traffic.stop()
        self.api.stop()


def over_kafka(place: Place, kafka: Kafka, release: Release, rate: int) -> World:
    """One topic of eight partitions."""
    topic = kafka.new_topic("cluster", partitions=PARTITIONS)
    source = {
        "name": "shop",
        "type": "kafka",
        "brokers": kafka.brokers,
        "group": f"group-{topic}",
        "topics": [topic],
    }
    traffic = KafkaTraffic(kafka.brokers, topic, PARTITIONS, rate, 200, _SEED)
    letters = {"type": "kafka", "topic": kafka.new_topic("letters")}
    return World(place, release, traffic, source, kafka_rules(topic), letters)


def over_rabbitmq(
    place: Place, node: RabbitMQ, release: Release, rate: int, queues: Sequence[str], **source: Any
) -> World:
    """Some queues."""
    whole = {
        "name": "desk",
        "type": "rabbitmq",
        "url": node.address,
        "username": "guest",
        "password": {"file": "/run/secrets/rabbit/password"},
        "queues": list(queues),
        **source,
    }
    rules = RULES.format(kind="queues", name=", ".join(queues), place="event.seq", number="0")
    letters = {"type": "rabbitmq", "queue": node.new_queue("letters")}
    world = World(place, release, RabbitTraffic(node, list(queues), rate, 200, _SEED), whole, rules, letters)
    apply(release.name, secret("rabbit", password="guest"))
    world.values["secrets"]["rabbit"] = {"existingSecret": "rabbit"}
    return world
