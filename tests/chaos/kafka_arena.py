"""An arena around a real Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.chaos.api import AuditingApi
from tests.chaos.arena import Arena, Setting, made_of
from tests.chaos.traffic import KafkaTraffic
from tests.e2e.auditor import Made, kafka_rules
from tests.e2e.bridge import Bridge
from tests.e2e.commits import committed_places, finished
from tests.parts.kafka import Kafka
from tests.parts.kafka_pair import KafkaPair
from tests.parts.toxiproxy import Proxy

PARTITIONS = 6
SESSION_SECONDS = 3.0
_QUICK = {"session.timeout.ms": 3000, "heartbeat.interval.ms": 300}


class KafkaArena(Arena):
    """One topic, one group.

    Attributes:
        kafka: the broker.
    """

    traffic: KafkaTraffic

    def __init__(
        self,
        home: Path,
        api: AuditingApi,
        kafka: Kafka,
        setting: Setting,
        *,
        seed: int,
        is_long: bool,
        broker_proxy: Proxy | None = None,
    ) -> None:
        self.kafka = kafka
        self.topic = kafka.new_topic("chaos", partitions=PARTITIONS)
        self.group = kafka.group_of_the_second() if isinstance(kafka, KafkaPair) else f"group-{self.topic}"
        self.letter_topic = kafka.new_topic("letters") if setting.letters == "kafka" else ""
        self._setting = setting
        traffic = KafkaTraffic(kafka.brokers, self.topic, PARTITIONS, setting.rate, setting.users, seed)
        super().__init__(home, api, traffic, seed=seed, is_long=is_long, broker_proxy=broker_proxy)
        self.env |= dict(setting.env)
        if self.letter_topic:
            self.letters = lambda: letters_of(kafka, self.letter_topic)

    def bridge(self, home: Path) -> Bridge:
        """With quick timeouts, so that a test need not wait for minutes."""
        setting = self._setting
        brokers = f"127.0.0.1:{self.broker_proxy.port}" if self.broker_proxy else self.kafka.brokers
        source: dict[str, Any] = {
            "name": "shop",
            "type": "kafka",
            "brokers": brokers,
            "group": self.group,
            "topics": [self.topic],
            "group_protocol": setting.protocol,
        }
        if setting.protocol == "classic":
            source["client"] = _QUICK
        config = {
            "sources": [{**source, **setting.source}],
            "destinations": {"default": self.destination(setting)},
            "dead_letters": self._store(),
            "shutdown": {"deadline": "10s", "revoke": "4s"},
            **setting.config,
        }
        return Bridge(home, config, {"audit.yaml": kafka_rules(self.topic)})

    def _store(self) -> dict[str, str]:
        if self.letter_topic:
            return {"type": "kafka", "topic": self.letter_topic}
        folder = f"{self.home}/disk/" if self._setting.letters == "disk" else ""
        return {"type": "file", "path": f"{folder}letters.jsonl"}

    def killed(self, life: str) -> None:
        """Its last commit is all that anybody knows of it."""
        self.lives[life].is_finished = finished(self.kafka, self.topic, self.group)

    def is_committed(self) -> bool:
        """Every partition's offset lies behind the last record that was made."""
        ends: dict[int, int] = {}
        for place in self.traffic.made.values():
            ends[place.partition] = max(ends.get(place.partition, 0), place.offset + 1)
        places = committed_places(self.kafka, self.topic, self.group)
        committed = {place.partition: place.offset for place in places}
        return all(committed.get(partition, 0) >= end for partition, end in ends.items())

    def produce(self, user: str, value: bytes | None = None) -> Made:
        """One more record of a user, with a value of its own unless another is given."""
        made = self.traffic.next(user)
        self.traffic.send(made, value)
        return made


def letters_of(kafka: Kafka, topic: str) -> list[Made]:
    """What lies in a dead-letter topic of one partition; nothing, while there is no such topic."""
    reader = Consumer(
        {
            "bootstrap.servers": kafka.brokers,
            "group.id": "letters",
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    try:
        end = reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1]
        reader.assign([TopicPartition(topic, 0, 0)])
        found: list[Made] = []
        while len(found) < end:
            found += [
                made_of(cast("bytes", one.value())) for one in reader.consume(100, 1) if not one.error()
            ]
    except KafkaException:
        return []
    else:
        return found
    finally:
        reader.close()
