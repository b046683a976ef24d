"""kill -9 in the middle of real RabbitMQ traffic: nothing lost, order kept, every duplicate explained."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pika
import pytest

from tests.e2e.api import Api
from tests.e2e.auditor import audit, make, queue_rules, taken_of
from tests.e2e.bridge import Bridge
from tests.parts.process import wait_until
from tests.parts.rabbitmq import RabbitMQ

RECORDS, USERS, SEED, PREFETCH = 20_000, 300, 20_261_124, 200


def bridge_of(home: Path, rabbitmq: RabbitMQ, queue: str, api: Api) -> Bridge:
    config = {
        "sources": [
            {
                "name": "desk",
                "type": "rabbitmq",
                "url": {"env": "AMQP_URL"},
                "queues": [queue],
                "prefetch": PREFETCH,
            }
        ],
        "destinations": {
            "default": {
                "url": api.events_url,
                "write_key": {"env": "FILUM_WRITE_KEY"},
                "max_in_flight": 16,
            }
        },
        "dead_letters": {"type": "file", "path": "letters.jsonl"},
    }
    return Bridge(home, config, {"audit.yaml": queue_rules(queue)}, env={"AMQP_URL": rabbitmq.url})


@pytest.mark.rabbitmq
def test_a_kill_loses_nothing(
    rabbitmq: RabbitMQ, api: Api, tmp_path: Path, report: Callable[[str], None]
) -> None:
    """20,000 messages, killed at half; duplicates are at most what was accepted and not acked."""
    queue = rabbitmq.new_queue("kill")
    made = make(RECORDS, USERS, SEED)
    properties = pika.BasicProperties(delivery_mode=2)
    for start in range(0, RECORDS, 5_000):
        rabbitmq.publish(queue, *(one.body for one in made[start : start + 5_000]), properties=properties)
    bridge = bridge_of(tmp_path, rabbitmq, queue, api)

    bridge.start()
    wait_until(lambda: api.accepted_count() >= RECORDS // 2, timeout_seconds=120, what="half accepted")
    bridge.kill()
    before = api.accepted_count()
    wait_until(lambda: rabbitmq.depth(queue) > 0, timeout_seconds=30, what="deliveries back in the queue")
    acked = RECORDS - rabbitmq.depth(queue)

    started = time.monotonic()
    bridge.start()
    wait_until(lambda: api.accepted_count() > before, timeout_seconds=60, what="a new acceptance")
    first_new_seconds = time.monotonic() - started
    wait_until(lambda: api.accepted_count() >= RECORDS, timeout_seconds=180, what="as many as were made")
    wait_until(
        lambda: len({(e.user, e.seq) for e in taken_of(api.accepted())}) == RECORDS,
        timeout_seconds=180,
        what="all messages accepted",
    )
    wait_until(lambda: rabbitmq.depth(queue) == 0, timeout_seconds=30, what="an empty queue")
    accounts = bridge.total("bridge_records_unaccounted")
    bridge.stop()

    result = audit(made, taken_of(api.accepted()))
    report(
        f"rabbitmq: {result}; accepted at the kill {before}, acked {acked}, prefetch {PREFETCH}; "
        f"first new delivery {first_new_seconds:.1f} s after the restart"
    )
    assert (result.lost, result.order_violations) == (0, 0)
    assert result.duplicates <= before - acked
    assert result.duplicates <= PREFETCH
    assert accounts == 0
    assert rabbitmq.depth(queue) == 0
