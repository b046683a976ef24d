"""What all runs share, made when first asked for: brokers, topics with orders, programs, a certificate."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.bench.delivery.build import PARTS, Tell, go_program
from tests.bench.delivery.contestants import Contestant
from tests.bench.delivery.course import Course
from tests.bench.delivery.feed import Feed, QueueFeed, TopicFeed
from tests.bench.delivery.loading import load_topic
from tests.bench.delivery.publishing import load_queue
from tests.parts.kafka import Kafka
from tests.parts.kafka import missing as kafka_missing
from tests.parts.rabbitmq import RabbitMQ
from tests.parts.rabbitmq import missing as rabbitmq_missing
from tests.send.http1.certificates import Authority, Pair


class PartMissing(Exception):
    """This machine lacks something that every run needs."""


class Stand:
    """Ends all it started with its ``with`` statement.

    Args:
        tell: told what takes long.
    """

    def __init__(self, tell: Tell) -> None:
        self.tell = tell
        self._open = ExitStack()
        self._programs: dict[str, Path] = {}
        self._patient_topics: dict[int, str] = {}
        self._topics: dict[tuple[int, int], str] = {}

    def __enter__(self) -> Self:
        PARTS.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="run-", dir=PARTS))
        self._open.callback(shutil.rmtree, self.folder, ignore_errors=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._open.close()

    def home(self, name: str) -> Path:
        """A new empty folder."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))

    def need(self) -> None:
        """Make sure of what nearly every run needs.

        Raises:
            CannotBuild: the sink.
            PartMissing: Kafka.
        """
        _ = self.sink, self.kafka

    @cached_property
    def kafka(self) -> Kafka:
        """A running broker."""
        return self.new_kafka()

    def new_kafka(self, properties: str = "") -> Kafka:
        """Another broker, ended with the stand.

        Raises:
            PartMissing: it cannot run here.
        """
        if problem := kafka_missing():
            raise PartMissing(problem)
        self.tell("starting Kafka")
        broker = Kafka(self.home("kafka"), properties=properties)
        self._open.callback(broker.kill)
        broker.start()
        return broker

    def topic(self, events: int, *, copy: int = 0) -> str:
        """A topic that holds so many orders; another ``copy`` is another topic with the same ones."""
        if (events, copy) not in self._topics:
            broker = self.kafka
            self.tell(f"loading {events:,} orders")
            self._topics[events, copy] = load_topic(broker, events)
        return self._topics[events, copy]

    @cached_property
    def rabbitmq(self) -> RabbitMQ:
        """A running node.

        Raises:
            PartMissing: it cannot run here.
        """
        if problem := rabbitmq_missing():
            raise PartMissing(problem)
        self.tell("starting RabbitMQ")
        node = RabbitMQ(self.home("rabbitmq"))
        self._open.callback(node.kill)
        node.start()
        return node

    def feed(self, course: Course) -> Feed:
        """The records of a course: a topic that may have been read before, or a queue of its own."""
        if course.source == "kafka":
            return TopicFeed(self.kafka, self.topic(course.events), course.events)
        self.tell(f"loading {course.events:,} orders into a {course.source} queue")
        return QueueFeed(self.rabbitmq, load_queue(self.rabbitmq, course.events, kind=course.source))

    @cached_property
    def patient_kafka(self) -> Kafka:
        """A broker that waits for members of a new group as long as brokers usually do."""
        return self.new_kafka("group.initial.rebalance.delay.ms=3000\n")

    def patient_feed(self, events: int) -> TopicFeed:
        """A topic of that one, with so many orders."""
        if events not in self._patient_topics:
            self._patient_topics[events] = load_topic(self.patient_kafka, events)
        return TopicFeed(self.patient_kafka, self._patient_topics[events], events)

    @cached_property
    def sink(self) -> Path:
        """The sink's program."""
        return go_program("sink", self.tell)

    def program(self, contestant: Contestant) -> Path:
        """A contestant's program, built when it must be."""
        if contestant.build is None:
            return Path()
        if contestant.name not in self._programs:
            self._programs[contestant.name] = contestant.build(self.tell)
        return self._programs[contestant.name]

    @cached_property
    def authority(self) -> Path:
        """What clients are to trust."""
        return self._certificates[0]

    @cached_property
    def pair(self) -> Pair:
        """The sink's certificate (ECDSA, P-256) and key."""
        return self._certificates[1]

    @cached_property
    def _certificates(self) -> tuple[Path, Pair]:
        authority = Authority(self.home("certificates"))
        return authority.cert, authority.issue("sink")
