"""A shop for the laptop: ``prepare`` makes topics and the queue, ``sell`` publishes until it is ended.

``KAFKA_BROKERS`` and ``AMQP_URL`` say where.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from random import Random

import pika
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bridge.cli.shop_traffic import TOPICS, traffic

OTHER_TOPICS = ("app.events", "filum-bridge.dead-letters")
PARTITIONS = 6
EXCHANGE, QUEUE = "support", "support.tickets"
_TICKET_EVERY = 10


def prepare(brokers: str, url: str) -> None:
    """Topics, and a queue that keeps the order of its messages; what is there already stays."""
    admin = AdminClient({"bootstrap.servers": brokers})
    missing = {*TOPICS, *OTHER_TOPICS} - admin.list_topics(timeout=30).topics.keys()
    for made in (
        admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in missing]).values() if missing else ()
    ):
        made.result(30)
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.exchange_declare(EXCHANGE, "topic", durable=True)
        arguments = {"x-queue-type": "quorum", "x-single-active-consumer": True}
        channel.queue_declare(QUEUE, durable=True, arguments=arguments)
        channel.queue_bind(QUEUE, EXCHANGE, "ticket.*")


def tickets(dice: Random) -> Iterator[tuple[str, bytes]]:
    """Routing key and body; each ticket is opened, then closed with a rating."""
    for number in count(1):
        body = {
            "id": f"T-{number}",
            "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "requester": {"customer_id": dice.randrange(400)},
        }
        opened = {**body, "subject": "Đổi hàng", "priority": dice.choice(["low", "normal", "high"])}
        yield "ticket.created", json.dumps(opened).encode()
        yield "ticket.closed", json.dumps({**body, "rating": dice.randint(1, 5)}).encode()


def sell(brokers: str, url: str, rate: int, seed: int, stop: threading.Event) -> None:
    """``rate`` messages a second to Kafka, and a tenth of it to RabbitMQ."""
    dice = Random(seed)  # noqa: S311 - sample data
    producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": True})
    messages, asked = traffic(dice, lambda: datetime.now(UTC)), tickets(dice)
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        for number in count():
            if stop.wait(1 / rate):
                break
            message = next(messages)
            producer.produce(message.topic, message.value, message.key)
            producer.poll(0)
            if number % _TICKET_EVERY == 0:
                key, body = next(asked)
                lasting = pika.BasicProperties(delivery_mode=2, message_id=f"{seed}-{number}")
                channel.basic_publish(EXCHANGE, key, body, lasting)
                connection.process_data_events(0)
        producer.flush(10)


def main() -> None:
    """What the words say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["prepare", "sell"])
    parser.add_argument("--rate", type=int, default=20, help="messages a second")
    parser.add_argument("--seed", type=int, default=int(datetime.now(UTC).timestamp()))
    asked = parser.parse_args()
    brokers, url = os.environ["KAFKA_BROKERS"], os.environ["AMQP_URL"]
    if asked.what == "prepare":
        prepare(brokers, url)
        return
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    sell(brokers, url, asked.rate, asked.seed, stop)


if __name__ == "__main__":
    main()
