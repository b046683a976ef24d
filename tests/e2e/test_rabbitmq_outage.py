"""An outage longer than RabbitMQ lets a delivery wait: given back in time, asked by a copy, all delivered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pika
import pytest

from tests.e2e.api import Api
from tests.e2e.auditor import Made, audit, make, queue_rules, taken_of
from tests.e2e.bridge import Bridge
from tests.parts.process import wait_until
from tests.parts.rabbitmq import RabbitMQ

RECORDS, USERS, SEED, PREFETCH = 300, 20, 20_261_126, 50
BEFORE = 40
TIMEOUT_SECONDS = 6


def bridge_of(home: Path, node: RabbitMQ, queue: str, api: Api) -> Bridge:
    source = {
        "name": "desk",
        "type": "rabbitmq",
        "url": {"env": "AMQP_URL"},
        "queues": [queue],
        "prefetch": PREFETCH,
        "consumer_timeout": f"{TIMEOUT_SECONDS}s",
    }
    config = {
        "sources": [source],
        "destinations": {"default": {"url": api.events_url, "write_key": {"env": "FILUM_WRITE_KEY"}}},
        "dead_letters": {"type": "file", "path": "letters.jsonl"},
    }
    return Bridge(home, config, {"audit.yaml": queue_rules(queue)}, env={"AMQP_URL": node.url})


def publish(node: RabbitMQ, queue: str, made: Iterable[Made]) -> None:
    """Each with an identity of its own, so that its event has the same id whenever it comes."""
    with node.connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for one in made:
            properties = pika.BasicProperties(delivery_mode=2, message_id=f"{one.user}/{one.seq}")
            channel.basic_publish("", queue, one.body, properties, mandatory=True)


def outlast_the_timeout(node: RabbitMQ) -> None:
    """Hold one delivery with a client of our own until the broker has had enough of it."""
    queue = node.new_queue("held")
    node.publish(queue, b"x")
    with node.connect() as connection:
        channel = connection.channel()
        channel.basic_consume(queue, lambda *_: None)

        def is_over() -> bool:
            connection.process_data_events(0.05)
            return bool(channel.is_closed)

        wait_until(is_over, timeout_seconds=60, what="the broker ends who holds for too long")


def times_out(node: RabbitMQ) -> int:
    """How many consumers the broker has ended for this."""
    return node.log.read_text().count("has timed out waiting for")


@pytest.mark.rabbitmq
@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_an_outage_longer_than_the_consumer_timeout(
    own_rabbitmq: Callable[..., RabbitMQ], api: Api, tmp_path: Path, kind: str
) -> None:
    """Nothing lost, order kept, one event more than once at most, and the broker never ended our channel."""
    node = own_rabbitmq(settings=f"consumer_timeout = {TIMEOUT_SECONDS * 1000}\n")
    node.ctl("eval", "application:set_env(rabbit, channel_tick_interval, 500).")
    queue = node.new_queue("outage", x_queue_type=kind)
    made = make(RECORDS, USERS, SEED)
    bridge = bridge_of(tmp_path, node, queue, api)
    bridge.start()
    publish(node, queue, made[:BEFORE])
    wait_until(lambda: api.accepted_count() == BEFORE, timeout_seconds=60, what="a good beginning")

    api.control(unauthorized=True)
    publish(node, queue, made[BEFORE:])
    wait_until(
        lambda: bridge.total("bridge_stalled", 'reason="given_back"') == 1,
        timeout_seconds=30,
        what="given back",
    )
    outlast_the_timeout(node)
    assert node.depth(queue) == RECORDS - BEFORE
    assert bridge.status("/readyz") == 200
    assert api.accepted_count() == BEFORE

    api.control(unauthorized=False)
    wait_until(lambda: api.accepted_count() >= RECORDS + 1, timeout_seconds=60, what="all accepted")
    wait_until(lambda: bridge.total("bridge_records_in_flight") == 0, timeout_seconds=30, what="all settled")
    accounts = bridge.total("bridge_records_unaccounted")
    lost = bridge.total("bridge_rebalances_total", 'kind="lost"')
    bridge.stop()

    result = audit(made, taken_of(api.accepted()))
    assert (result.lost, result.order_violations, result.duplicates) == (0, 0, 1)
    assert (result.ids_per_record, accounts, lost) == (1, 0, 1)
    assert node.depth(queue) == 0
    assert times_out(node) == 1
