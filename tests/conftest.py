"""Real parts for tests: one broker of each kind a session, or one of a test's own where it is killed.

A part this machine lacks skips the tests that ask for it; with ``CI=true`` it fails them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.parts import apicurio as apicurio_part
from tests.parts import kafka as kafka_part
from tests.parts import rabbitmq as rabbitmq_part
from tests.parts.apicurio import Apicurio
from tests.parts.kafka import Kafka
from tests.parts.rabbitmq import RabbitMQ

_MEASURED = "measured"


def require(missing: str) -> None:
    """Go on when nothing is missing; else skip, or fail where CI must have it."""
    if missing and os.environ.get("CI") == "true":
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Keep one line of figures for the end of the test run."""
    return lambda line: record_property(_MEASURED, line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured, passed or not; it travels with the reports, whichever process made them."""
    reports = [one for several in terminalreporter.stats.values() for one in several]
    lines = [
        str(line)
        for one in reports
        if isinstance(one, pytest.TestReport) and one.when == "call"
        for name, line in one.user_properties
        if name == _MEASURED
    ]
    if lines:
        terminalreporter.section("measured")
    for line in lines:
        terminalreporter.line(line)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """The session's Kafka. Never stop it; take ``own_kafka`` for that."""
    require(kafka_part.missing())
    broker = Kafka(tmp_path_factory.mktemp("kafka"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def kafka_brokers(kafka: Kafka) -> str:
    """``bootstrap.servers`` of the session's Kafka."""
    return kafka.brokers


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """The session's RabbitMQ. Never stop it; take ``own_rabbitmq`` for that."""
    require(rabbitmq_part.missing())
    node = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    node.start()
    yield node
    node.stop()


@pytest.fixture(scope="session")
def rabbitmq_url(rabbitmq: RabbitMQ) -> str:
    """URL of the session's RabbitMQ, user info included."""
    return rabbitmq.url


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apicurio]:
    """The session's schema registry. Never stop it; take ``own_registry`` for that."""
    require(apicurio_part.missing())
    part = Apicurio(tmp_path_factory.mktemp("registry"))
    part.start()
    yield part
    part.stop()


@pytest.fixture
def own_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Apicurio]]:
    """A schema registry of the test's own, not started, ended with the test."""
    require(apicurio_part.missing())
    with ExitStack() as stack:

        def make() -> Apicurio:
            part = Apicurio(tmp_path_factory.mktemp("own-registry"))
            stack.callback(part.kill)
            return part

        yield make


@pytest.fixture
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Kafka]]:
    """Start a Kafka of the test's own, ended with the test: ``own_kafka(properties="…")``."""
    require(kafka_part.missing())
    with ExitStack() as stack:

        def start(*, properties: str = "") -> Kafka:
            broker = Kafka(tmp_path_factory.mktemp("own-kafka"), properties=properties)
            stack.callback(broker.kill)
            broker.start()
            return broker

        yield start


@pytest.fixture
def own_rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RabbitMQ]]:
    """Start a RabbitMQ of the test's own, ended with the test: ``own_rabbitmq(settings="…")``."""
    require(rabbitmq_part.missing())
    with ExitStack() as stack:

        def start(*, settings: str = "") -> RabbitMQ:
            node = RabbitMQ(tmp_path_factory.mktemp("own-rabbitmq"), settings=settings)
            stack.callback(node.kill)
            node.start()
            return node

        yield start
