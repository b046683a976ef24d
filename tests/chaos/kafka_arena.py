"""An arena around a real Kafka."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaException,
    TopicCollection,
    TopicPartition,
)

from bridge.settle.offset_map import OffsetMap, read
from tests.chaos.api import Acceptance, AuditingApi
from tests.chaos.arena import Arena, Setting, made_of
from tests.chaos.traffic import KafkaTraffic
from tests.e2e.auditor import Made, kafka_rules
from tests.e2e.bridge import Bridge
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
        kafka_proxy: the way to it, where the setting asks for one.
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
        kafka_proxy: Proxy | None = None,
    ) -> None:
        self.kafka = kafka
        self.kafka_proxy = kafka_proxy
        self.topic = kafka.new_topic("chaos", partitions=PARTITIONS)
        self.group = kafka.group_of_the_second() if isinstance(kafka, KafkaPair) else f"group-{self.topic}"
        self.letter_topic = kafka.new_topic("letters") if setting.letters == "kafka" else ""
        self._setting = setting
        traffic = KafkaTraffic(kafka.brokers, self.topic, PARTITIONS, setting.rate, setting.users, seed)
        super().__init__(home, api, traffic, seed=seed, is_long=is_long)
        self.env |= dict(setting.env)
        if self.letter_topic:
            self.letters = lambda: letters_of(kafka, self.letter_topic)

    def bridge(self, home: Path) -> Bridge:
        """With quick timeouts, so that a test need not wait for minutes."""
        setting = self._setting
        brokers = f"127.0.0.1:{self.kafka_proxy.port}" if self.kafka_proxy else self.kafka.brokers
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
        self.lives[life].is_finished = self.finished()

    def finished(self) -> Callable[[Acceptance], bool]:
        """Whether the group's last commit calls an event's record finished, by offset or by map."""
        admin = self.kafka.admin()
        described = admin.describe_topics(TopicCollection([self.topic]))[self.topic].result(30)
        cluster = admin.list_topics(timeout=30).cluster_id
        offsets: dict[int, int] = {}
        maps: dict[int, OffsetMap] = {}
        for place in self.committed_places():
            log = f"{cluster}/{described.topic_id}/{place.partition}"
            offsets[place.partition] = place.offset
            found = read(place.metadata or "", log, place.offset)
            if isinstance(found, OffsetMap):
                maps[place.partition] = found

        def is_finished(event: Acceptance) -> bool:
            ranges = maps[event.partition].finished if event.partition in maps else ()
            is_below = event.offset < offsets.get(event.partition, 0)
            return is_below or any(a <= event.offset < b for a, b in ranges)

        return is_finished

    def committed_places(self) -> list[TopicPartition]:
        """What the group has committed."""
        numbers = range(
            len(self.kafka.admin().list_topics(self.topic, timeout=30).topics[self.topic].partitions)
        )
        wanted = [TopicPartition(self.topic, number) for number in numbers]
        admin = self.kafka.admin()
        asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(self.group, wanted)])
        return list(asked[self.group].result(30).topic_partitions or [])

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
