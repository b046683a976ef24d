"""The real parts themselves: what the other tests stand on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.parts.kafka import Kafka
from tests.parts.process import PartFailed, Process, wait_until
from tests.parts.rabbitmq import RabbitMQ


@pytest.mark.kafka
def test_kafka_keeps_its_data_over_a_crash(own_kafka: Callable[[], Kafka]) -> None:
    """A killed broker comes back at its address with the topics it had."""
    broker = own_kafka()
    topic = broker.new_topic("kept", partitions=3)
    broker.kill()
    assert broker.pid == 0
    broker.start()
    assert len(broker.admin().list_topics(topic, timeout=10).topics[topic].partitions) == 3


@pytest.mark.kafka
def test_kafka_takes_records(kafka: Kafka) -> None:
    """The session's broker confirms what it is given."""
    errors: list[object] = []
    producer = Producer({"bootstrap.servers": kafka.brokers, "acks": "all"})
    producer.produce(kafka.new_topic(), b"x", on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(30) == 0
    assert errors == [None]


@pytest.mark.rabbitmq
def test_rabbitmq_keeps_its_data_over_a_crash(own_rabbitmq: Callable[[], RabbitMQ]) -> None:
    """A killed node comes back at its address with the durable queues it had."""
    node = own_rabbitmq()
    queue = node.new_queue("kept")
    node.flush()
    node.kill()
    node.start()
    assert node.depth(queue) == 0


@pytest.mark.rabbitmq
def test_rabbitmq_answers_its_operator(rabbitmq: RabbitMQ) -> None:
    """``rabbitmqctl`` reaches the session's node, and only that."""
    queue = rabbitmq.new_queue("seen")
    rabbitmq.publish(queue, b"one", b"two")
    assert f"{queue}\t2" in rabbitmq.ctl("list_queues", "name", "messages")


def test_a_part_that_ends_early_shows_its_log(tmp_path: Path) -> None:
    """A program that cannot start fails at once, with its own words."""
    part = Process([sys.executable, "-c", "raise SystemExit('no room here')"], log=tmp_path / "log")
    part.start()
    with pytest.raises(PartFailed, match=r"ended before: ready(.|\n)*no room here"):
        part.wait_ready(lambda: False, timeout_seconds=30, what="ready")


def test_a_part_does_not_outlive_the_tests(tmp_path: Path) -> None:
    """When the tests are killed, the programs they started end too."""
    child = (
        "import sys, pathlib, os\nfrom tests.parts.process import Process\n"
        "part = Process(['sleep', '60'], log=pathlib.Path(sys.argv[1]))\n"
        "part.start(); print(part.pid, flush=True); os.kill(os.getpid(), 9)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", child, str(tmp_path / "log")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=False,
        timeout=30,
    )
    pid = int(ran.stdout)
    wait_until(lambda: not _is_alive(pid), timeout_seconds=10, what="the orphan has ended")


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"
