"""Two real Kafka brokers of one cluster: one leads all topics, the other coordinates a group, and is lost."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.cimpl import NewTopic

from tests.parts.kafka import Kafka
from tests.parts.process import wait_until

_LEADER, _COORDINATOR = 1, 2


class KafkaPair(Kafka):
    """The first broker, and all of the cluster's topics; ``second`` may be killed and started again."""

    def __init__(self, home: Path) -> None:
        """No I/O; ``home`` must exist and be empty."""
        for name in ("first", "second"):
            (home / name).mkdir()
        super().__init__(home / "first")
        self.second = Kafka(home / "second", joins=self)

    def start(self, *, timeout_seconds: float = 60.0) -> None:
        """Start both; offsets are kept by both, for they are there before the first group."""
        self.begin()
        self.second.begin()
        wait_until(lambda: len(self._brokers()) > 1, timeout_seconds=timeout_seconds, what="two brokers")
        super().wait(timeout_seconds=timeout_seconds)

    def kill(self) -> None:
        """Both, as a crash would."""
        self.second.kill()
        super().kill()

    def new_topic(self, prefix: str = "topic", *, partitions: int = 1, **config: str) -> str:
        """Led by the first broker."""
        name = f"{prefix}-{self.cluster_id[:4]}-{next(_NUMBERS)}"
        settings = {key.replace("_", "."): value for key, value in config.items()}
        topic = NewTopic(name, partitions, replica_assignment=[[_LEADER]] * partitions, config=settings)
        admin = self.admin()
        admin.create_topics([topic])[name].result(30)
        return name

    def group_of_the_second(self) -> str:
        """A group that the second broker coordinates."""
        for number in range(100):
            name = f"group-{number}"
            admin = self.admin()
            described = admin.describe_consumer_groups([name])[name].result(30)
            if described.coordinator.id == _COORDINATOR:
                return name
        raise AssertionError("the second broker coordinates no group")

    def _brokers(self) -> dict[int, object]:
        try:
            return dict(self.admin().list_topics(timeout=5).brokers)
        except KafkaException:
            return {}


_NUMBERS = count(1)
