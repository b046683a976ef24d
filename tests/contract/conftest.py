"""One harness a test, of every broker that this machine can run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import cast

import pytest

from bridge.consumers.base import Consumer
from tests.contract.harness import Harness
from tests.contract.inbox import RecordingInbox, close

_BROKERS = [
    pytest.param("memory"),
    pytest.param("file"),
    pytest.param("kafka", marks=pytest.mark.kafka),
    pytest.param("kafka_next", marks=pytest.mark.kafka),
    pytest.param("rabbitmq", marks=pytest.mark.rabbitmq),
]


def pytest_configure(config: pytest.Config) -> None:
    """Announce the one marker of this folder."""
    config.addinivalue_line("markers", "own_broker: the broker is stopped or frozen by the test")


@pytest.fixture(params=_BROKERS)
def harness(request: pytest.FixtureRequest) -> Iterator[Harness]:
    """The broker under test, with fresh streams."""
    name = f"tests.contract.{request.param}_harness"
    if find_spec(name) is None:
        pytest.skip(f"{name} is not there")
    open_harness = cast("Callable[..., Harness]", import_module(name).open_harness)
    own_broker = request.node.get_closest_marker("own_broker") is not None
    opened = open_harness(request, own_broker=own_broker)
    yield opened
    opened.close()


@pytest.fixture
def start(harness: Harness) -> Iterator[Callable[[RecordingInbox], Consumer]]:
    """Start a consumer; whatever is left open is closed with the test."""
    started: list[Consumer] = []

    def begin(inbox: RecordingInbox) -> Consumer:
        consumer = harness.consumer(inbox)
        started.append(consumer)
        consumer.start()
        return consumer

    yield begin
    for consumer in started:
        close(consumer, 1.0)
