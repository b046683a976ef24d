"""More pods, and fewer, while records flow: the consumer group is the engine, on a real cluster."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.cluster.conftest import Enter
from tests.cluster.test_life import started
from tests.cluster.world import PARTITIONS, World
from tests.parts.process import wait_until

pytestmark = pytest.mark.timeout(900)


def test_kafka_scales_up_and_down(on_kafka: Enter, report: Callable[[str], None]) -> None:
    """Replicas 1, 4, 2: every pod has partitions, nothing is lost, order is kept."""
    world = started(on_kafka(200), 1)
    world.release.scale(world.values, 4)
    wait_until(lambda: shared(world, 4), timeout_seconds=60, what="four pods share the partitions")
    world.flows(500)
    world.release.scale(world.values, 2)
    wait_until(lambda: shared(world, 2), timeout_seconds=60, what="two pods share the partitions")
    world.flows(500)
    audit = world.close_books()
    report(f"Kafka, replicas 1, 4, 2 under load: {world.told(audit)}")
    assert (audit.lost, audit.order_violations) == (0, 0)


def test_sharded_queues_scale_in_order(on_rabbitmq: Enter, report: Callable[[str], None]) -> None:
    """Replicas 1, 4, 2 on four queues with a single active consumer each."""
    world = started(on_rabbitmq(sharded=True), 1)
    world.release.scale(world.values, 4)
    world.flows(500)
    world.release.scale(world.values, 2)
    world.flows(500)
    audit = world.close_books()
    report(f"RabbitMQ, four single-active queues, replicas 1, 4, 2 under load: {world.told(audit)}")
    assert (audit.lost, audit.order_violations) == (0, 0)


def test_competing_consumers_lose_nothing_and_say_that_order_goes(
    on_rabbitmq: Enter, report: Callable[[str], None]
) -> None:
    """Replicas 1, 4, 2 on one plain queue: every pod's status names what is given up."""
    world = started(on_rabbitmq(sharded=False), 1)
    world.release.scale(world.values, 4)
    world.flows(500)
    for pod in world.release.names():
        assert json.loads(world.release.page(pod, "/status.json"))["unordered"] == ["desk"]
        assert "order is not kept" in world.release.log(pod)
    world.release.scale(world.values, 2)
    world.flows(500)
    audit = world.close_books()
    scaled = "RabbitMQ, competing consumers, replicas 1, 4, 2 under load (unordered by configuration)"
    report(f"{scaled}: {world.told(audit)}")
    assert audit.lost == 0


def shared(world: World, pods: int) -> bool:
    """Whether all partitions are assigned, over so many pods."""
    counts = [world.release.look(pod) for pod in world.release.names()]
    assigned = [sum(one.value for one in look.get("bridge_partitions_assigned", [])) for look in counts]
    return len(assigned) == pods and all(assigned) and sum(assigned) == PARTITIONS
