"""Orders into a RabbitMQ queue: in order, confirmed, and many under way at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pika
from pika.channel import Channel
from pika.frame import Method
from pika.spec import Basic

from tests.bench.delivery.orders import orders
from tests.parts.rabbitmq import RabbitMQ

_UNDER_WAY = 2_000
_PERSISTENT = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)


class NotTaken(Exception):
    """The broker refused a message, or hung up."""


def load_queue(rabbitmq: RabbitMQ, count: int, *, kind: str) -> str:
    """A new durable queue (``classic`` or ``quorum``) with so many orders, persistent; its name.

    Raises:
        NotTaken: not all of them are in it.
    """
    queue = rabbitmq.new_queue(f"orders-{count}", x_queue_type=kind)
    publishing = _Publishing(rabbitmq.url, queue, (order.body for order in orders(count)))
    publishing.run()
    if publishing.confirmed != count:
        raise NotTaken(f"{queue}: {publishing.confirmed} of {count} confirmed")
    return queue


class _Publishing:
    """One connection, until all is confirmed or something goes wrong."""

    def __init__(self, url: str, queue: str, bodies: Iterator[bytes]) -> None:
        self._queue, self._bodies = queue, bodies
        self.sent = self.confirmed = 0
        self._connection = pika.SelectConnection(
            pika.URLParameters(url),
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._opened),
            on_open_error_callback=lambda connection, _: connection.ioloop.stop(),
            on_close_callback=lambda connection, _: connection.ioloop.stop(),
        )

    def run(self) -> None:
        """Return when it is over."""
        self._connection.ioloop.start()

    def _opened(self, channel: Channel) -> None:
        self._channel = channel
        channel.confirm_delivery(ack_nack_callback=self._answered)
        self._send(_UNDER_WAY)

    def _answered(self, frame: Method[Basic.Ack | Basic.Nack]) -> None:
        if isinstance(frame.method, Basic.Nack):
            self._connection.close()
            return
        tag = int(frame.method.delivery_tag)
        self.confirmed = tag if frame.method.multiple else self.confirmed + 1
        self._send(_UNDER_WAY - (self.sent - self.confirmed))

    def _send(self, room: int) -> None:
        for body in islice(self._bodies, max(0, room)):
            self._channel.basic_publish("", self._queue, body, _PERSISTENT)
            self.sent += 1
        if self.sent == self.confirmed:
            self._connection.close()
