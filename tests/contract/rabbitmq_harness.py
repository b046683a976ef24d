"""The contract suite on a real RabbitMQ: two classic queues, exclusive consumers."""

from __future__ import annotations

from collections.abc import Sequence

import pika
import pytest

from bridge.config import Secret
from bridge.consumers.base import Consumer, Inbox, Settles
from bridge.consumers.rabbitmq import RabbitConsumer, RabbitSettings
from bridge.consumers.rabbitmq_records import header_table
from tests.contract.harness import Abilities, Message
from tests.parts.rabbitmq import RabbitMQ


class RabbitHarness:
    """Two fresh durable queues; messages are persistent, so that they survive the broker."""

    abilities = Abilities(Settles.EACH, keys=False, null_values=False, repeated_headers=False, revokes=False)

    def __init__(self, node: RabbitMQ) -> None:
        self._node = node
        self._queues = tuple(node.new_queue("contract") for _ in range(self.abilities.streams))

    def produce(self, messages: Sequence[Message], number: int = 0) -> None:
        """Publish with confirms."""
        with self._node.connect() as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            for one in messages:
                properties = pika.BasicProperties(delivery_mode=2, headers={**header_table(one.headers)})
                channel.basic_publish("", self._queues[number], one.value or b"", properties, mandatory=True)

    def consumer(self, inbox: Inbox) -> Consumer:
        """A consumer of both queues."""
        url = Secret(env="AMQP_URL")
        settings = RabbitSettings(name="r", url=url, queues=self._queues, prefetch=5000)
        consumer = RabbitConsumer(settings, inbox, secret_reader=lambda _: self._node.url)
        consumer.widen()
        return consumer

    def revoke(self) -> None:
        """RabbitMQ takes nothing away in an orderly way."""
        raise NotImplementedError

    def lose(self) -> None:
        """The broker closes every connection."""
        self._node.ctl("close_all_connections", "the test asked for it")

    def drop_connection(self) -> None:
        """The broker is restarted."""
        self._node.restart()

    def close(self) -> None:
        """Queues go with the broker."""


def open_harness(request: pytest.FixtureRequest, *, own_broker: bool) -> RabbitHarness:
    """Fresh queues on the session's broker, or on one of the test's own."""
    if own_broker:
        return RabbitHarness(request.getfixturevalue("own_rabbitmq")())
    return RabbitHarness(request.getfixturevalue("rabbitmq"))
