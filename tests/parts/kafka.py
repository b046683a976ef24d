"""A real Apache Kafka for tests: KRaft, broker and controller in one process, on loopback.

The jars come from ``scripts/setup-parts`` into ``.parts/kafka``. Both group protocols are on, topics are
never made by accident, and joins are quick (no initial rebalance delay).
"""

from __future__ import annotations

import shutil
import subprocess
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.parts.process import Process, free_port

JARS = Path(__file__).parents[2] / ".parts" / "kafka"

_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{port},CONTROLLER://127.0.0.1:{controller_port}
log.dirs={home}/data
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=300
auto.create.topics.enable=false
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=2
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
group.coordinator.rebalance.protocols=classic,consumer
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=6000
group.consumer.min.heartbeat.interval.ms=100
group.consumer.heartbeat.interval.ms=500
"""

_PROXIED = """
listeners=PLAINTEXT://127.0.0.1:{{port}},PROXIED://127.0.0.1:{proxied_port},CONTROLLER://127.0.0.1:{{controller}}
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},PROXIED://127.0.0.1:{advertised}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
"""

_SECOND = """
process.roles=broker
node.id=2
listeners=PLAINTEXT://127.0.0.1:{port}
"""

_LOGGING = """
status=error
rootLogger.level=info
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ABSOLUTE} %p %m (%c)%n
"""


def missing() -> str:
    """What a Kafka would need and this machine lacks, one line; empty when nothing."""
    if shutil.which("java") is None:
        return "Kafka: no `java` here (install a Java 17 runtime)"
    if not any(JARS.glob("kafka_*.jar")):
        return "Kafka: its jars are not in .parts/kafka (run scripts/setup-parts, needs `mvn`)"
    return ""


class Kafka:
    """One broker. Address and data stay the same over ``stop``, ``kill`` and ``restart``.

    Attributes:
        brokers: what a client takes as ``bootstrap.servers``.
        log: everything the broker wrote.
    """

    def __init__(
        self,
        home: Path,
        *,
        properties: str = "",
        advertised_port: int = 0,
        joins: Kafka | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        """No I/O; ``home`` must exist and be empty, ``properties`` are added to server.properties.

        ``host`` is where clients find it: loopback, or an address of a network that the run made.

        With ``joins`` it is the second broker of that one's cluster, without a controller of its own.

        With ``advertised_port`` it has a second door, ``proxied_port``, where clients are told that port of
        loopback for all that follows: that of a proxy to the door.
        """
        self._home = home
        self._host = host
        self._port = free_port()
        self.proxied_port = free_port() if advertised_port else 0
        doors = _PROXIED.format(proxied_port=self.proxied_port, advertised=advertised_port)
        self._extra = (doors if advertised_port else "") + (_SECOND if joins else "") + properties
        self._joins = joins
        self.controller_port: int = joins.controller_port if joins else free_port()
        self.cluster_id: str = joins.cluster_id if joins else _new_cluster_id()
        self.brokers = f"{host}:{self._port}"
        self.log = home / "broker.log"
        self._process = Process(
            [*self._java(heap="384m"), "kafka.Kafka", home / "server.properties"], log=self.log
        )

    @property
    def pid(self) -> int:
        """Process id of the broker; 0 when it does not run."""
        return self._process.pid

    def start(self, *, timeout_seconds: float = 60.0) -> None:
        """Start it and return when it serves topics and groups.

        Raises:
            PartFailed: not ready in time; with the tail of its log.
        """
        self.begin()
        self.wait(timeout_seconds=timeout_seconds)

    def wait(self, *, timeout_seconds: float = 60.0) -> None:
        """Until it serves topics and groups; raises as ``start``."""
        self._process.wait_ready(
            self._answers, timeout_seconds=timeout_seconds, what="Kafka answers and coordinates groups"
        )

    def begin(self) -> None:
        """Start it, and return at once."""
        if not (self._home / "data").exists():
            self._format()
        self._process.start()

    def stop(self) -> None:
        """End it in good order (SIGTERM)."""
        self._process.stop()

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._process.kill()

    def wipe(self) -> None:
        """Empty its disk, while it does not run: it starts as a new one of the same address and cluster."""
        shutil.rmtree(self._home / "data")

    def restart(self) -> None:
        """Stop it in good order and start it again, ready on return."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Let it hang with its connections open (SIGSTOP)."""
        self._process.freeze()

    def thaw(self) -> None:
        """Let it go on after ``freeze``."""
        self._process.thaw()

    def new_topic(self, prefix: str = "topic", *, partitions: int = 1, **config: str) -> str:
        """Make a topic of a name never used before.

        Args:
            prefix: start of the name, for people who read logs.
            partitions: how many.
            config: topic settings, with ``_`` for ``.``, such as ``cleanup_policy="compact"``.
        """
        name = f"{prefix}-{uuid.uuid4().hex[:12]}"
        settings = {key.replace("_", "."): value for key, value in config.items()}
        topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=settings)
        admin = self.admin()
        for made in admin.create_topics([topic]).values():
            made.result(30)
        return name

    def admin(self) -> AdminClient:
        """A fresh admin client; keep it until its futures have resolved, its end would end them."""
        return AdminClient({"bootstrap.servers": self.brokers, "log_level": 0})

    def _answers(self) -> bool:
        """Whether the broker has a leader for topics and a coordinator for groups; asking makes both."""
        asking = Consumer({"bootstrap.servers": self.brokers, "group.id": "readiness", "log_level": 0})
        try:
            asking.list_topics(timeout=1)
            asking.committed([TopicPartition("readiness", 0)], timeout=5)
        except KafkaException:
            return False
        finally:
            asking.close()
        return True

    def _java(self, *, heap: str) -> list[str | Path]:
        return [
            "java",
            f"-Xmx{heap}",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            f"-Dlog4j2.configurationFile={self._home}/log4j2.properties",
            "-cp",
            f"{JARS}/*",
        ]

    def _format(self) -> None:
        """Write the settings and a cluster id, as ``kafka-storage.sh format`` does."""
        settings = _PROPERTIES.format(
            home=self._home, host=self._host, port=self._port, controller_port=self.controller_port
        )
        extra = self._extra.format(port=self._port, controller=self.controller_port)
        (self._home / "server.properties").write_text(settings + extra)
        (self._home / "log4j2.properties").write_text(_LOGGING)
        tool: list[str | Path] = ["kafka.tools.StorageTool", "format", "-t", self.cluster_id]
        tool += [] if self._joins else ["--standalone"]
        command = [*self._java(heap="128m"), *tool, "-c", self._home / "server.properties"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)


def _new_cluster_id() -> str:
    """Its text must not begin with a dash, or the tool takes it for an option."""
    noise = uuid.uuid4().bytes
    return urlsafe_b64encode(bytes([noise[0] & 0x7F]) + noise[1:]).decode().rstrip("=")
