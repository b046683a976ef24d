"""A real cluster for ``scripts/test-cluster``, and brokers beside it.

``KUBECONFIG`` says which, ``CLUSTER_HOST`` how its pods reach this machine, ``CLUSTER_IMAGE`` what they run.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cluster.kube import run
from tests.cluster.release import Release
from tests.cluster.world import Place, World, over_kafka, over_rabbitmq
from tests.conftest import require
from tests.parts import kafka as kafka_part
from tests.parts import rabbitmq as rabbitmq_part
from tests.parts.kafka import Kafka
from tests.parts.rabbitmq import RabbitMQ

Enter = Callable[..., World]


@pytest.fixture(scope="session")
def place() -> Place:
    """The cluster that was given; without one these tests are skipped, wherever they run."""
    host, image = os.environ.get("CLUSTER_HOST", ""), os.environ.get("CLUSTER_IMAGE", "")
    if not (host and image):
        pytest.skip(
            "no cluster: set KUBECONFIG, CLUSTER_HOST and CLUSTER_IMAGE, or see scripts/test-cluster --help"
        )
    run("kubectl", "version")
    return Place(host, image)


@pytest.fixture(scope="session")
def outer_kafka(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A Kafka that pods reach."""
    require(kafka_part.missing())
    broker = Kafka(tmp_path_factory.mktemp("kafka"), host=place.host)
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture(scope="session")
def outer_rabbitmq(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """A RabbitMQ that pods reach."""
    require(rabbitmq_part.missing())
    node = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"), host=place.host)
    node.start()
    yield node
    node.kill()


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    """A name and a namespace that nobody has; gone afterwards."""
    name = f"filum-{uuid.uuid4().hex[:8]}"
    yield Release(tmp_path, name)
    run("kubectl", "delete", "namespace", name, "--ignore-not-found")


@pytest.fixture
def on_kafka(place: Place, outer_kafka: Kafka, release: Release) -> Iterator[Enter]:
    """Makes a world over Kafka; nothing is installed yet."""
    with ExitStack() as ends:

        def enter(rate: int = 100) -> World:
            world = over_kafka(place, outer_kafka, release, rate)
            ends.callback(world.end)
            return world

        yield enter


@pytest.fixture
def on_rabbitmq(place: Place, outer_rabbitmq: RabbitMQ, release: Release) -> Iterator[Enter]:
    """Makes a world over queues; ``sharded``: four with a single active consumer, else one to compete for."""
    with ExitStack() as ends:

        def enter(rate: int = 100, *, sharded: bool) -> World:
            if sharded:
                queues = [outer_rabbitmq.new_queue("shard", x_single_active_consumer=True) for _ in range(4)]
            else:
                queues = [outer_rabbitmq.new_queue("plain")]
            world = over_rabbitmq(
                place, outer_rabbitmq, release, rate, queues, **({} if sharded else {"competing": True})
            )
            ends.callback(world.end)
            return world

        yield enter
