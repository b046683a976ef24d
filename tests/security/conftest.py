"""Brokers that want to know who comes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import require
from tests.parts import kafka as kafka_part
from tests.parts import rabbitmq as rabbitmq_part
from tests.parts.secure_kafka import SecureKafka
from tests.parts.secure_rabbitmq import SecureRabbitMQ


@pytest.fixture(scope="package")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    """A Kafka, one for all tests of this folder."""
    require(kafka_part.missing())
    made = SecureKafka(tmp_path_factory.mktemp("secure"))
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="package")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureRabbitMQ]:
    """A RabbitMQ with TLS, one for all tests of this folder."""
    require(rabbitmq_part.missing())
    made = SecureRabbitMQ(tmp_path_factory.mktemp("node"))
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="package")
def strict_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureRabbitMQ]:
    """Another, that demands certificates of its clients."""
    require(rabbitmq_part.missing())
    made = SecureRabbitMQ(tmp_path_factory.mktemp("strict-node"), demands_certificate=True)
    made.start()
    yield made
    made.stop()
