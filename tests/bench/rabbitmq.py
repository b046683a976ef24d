"""``python -m tests.bench.rabbitmq``: CPU of taking one message from a real RabbitMQ and acking it.

The consumer is put beside pika alone, used as its documentation has it. Each run empties a queue that was
filled before; what is counted is the CPU time of this process, all threads, from the first connect to the
last ack. Runs take turns, so that the noise of the machine is shared.
"""

from __future__ import annotations

import gc
import platform
import sys
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import NamedTuple

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.channel import Channel
from pika.spec import Basic

from bridge.consumers.base import Kept, Link
from bridge.consumers.rabbitmq import RabbitConsumer, RabbitSettings
from bridge.model import Position, Record, Stream
from tests.parts.process import wait_until
from tests.parts.rabbitmq import RabbitMQ

MESSAGES = 50_000
_BODY = b"x" * 700
_PROPERTIES = pika.BasicProperties(
    delivery_mode=2, content_type="application/json", message_id="0194f1a2-7c1d-7e33-9a55-2f0a9b1c3d4e"
)
_PREFETCH = 500
_ROUNDS = 5
_PATIENCE_SECONDS = 300.0
Run = Callable[[RabbitMQ, str, int], None]


class SettlingInbox:
    """A loop that is done with every batch at once; ``emptied`` is set with the last record."""

    def __init__(self, count: int) -> None:
        self.consumer: RabbitConsumer
        self.emptied = threading.Event()
        self._left = count

    def wait_for_room(self, timeout_seconds: float) -> bool:
        return True

    def records(self, batch: Sequence[Record], consumed_total: int) -> None:
        self.consumer.settle([Position(one.stream, one.offset, one.epoch) for one in batch])
        self._left -= len(batch)
        if self._left <= 0:
            self.emptied.set()

    def assigned(self, epochs: Mapping[Stream, int], kept: Mapping[Stream, Kept] | None = None) -> None:
        pass

    def revoked(self, streams: Collection[Stream], budget_seconds: float) -> Future[Sequence[Position]]:
        answer: Future[Sequence[Position]] = Future()
        answer.set_result(())
        return answer

    def lost(self, streams: Collection[Stream]) -> None:
        pass

    def link(self, state: Link, detail: str = "") -> None:
        pass

    def failed(self, error: Exception) -> None:
        raise error

    def finished(self) -> None:
        pass


def ours(node: RabbitMQ, queue: str, count: int) -> None:
    """The consumer, as the bridge runs it."""
    inbox = SettlingInbox(count)
    settings = RabbitSettings(name="bench", url=f"{node.address}", queues=(queue,), prefetch=_PREFETCH)
    inbox.consumer = RabbitConsumer(settings, inbox)
    inbox.consumer.widen()
    inbox.consumer.start()
    assert inbox.emptied.wait(_PATIENCE_SECONDS), "the queue was not emptied in time"
    inbox.consumer.close(10.0).result()


def bare_pika(each: int) -> Run:
    """The client library alone, with one ack for so many messages."""

    def run(node: RabbitMQ, queue: str, count: int) -> None:
        left = count

        def on_message(channel: Channel, method: Basic.Deliver, _: object, body: bytes) -> None:
            nonlocal left
            left -= 1
            if left % each == 0:
                channel.basic_ack(method.delivery_tag or 0, multiple=each > 1)
            if left == 0:
                connection.close()

        def on_channel(channel: Channel) -> None:
            channel.basic_qos(prefetch_count=_PREFETCH)
            channel.basic_consume(queue, on_message)

        connection = pika.SelectConnection(
            pika.URLParameters(node.url),
            on_open_callback=lambda opened: opened.channel(on_open_callback=on_channel),
            on_close_callback=lambda closed, _: closed.ioloop.stop(),
        )
        connection.ioloop.start()

    return run


RUNS: dict[str, Run] = {
    "pika, an ack each": bare_pika(1),
    "pika, an ack for 100": bare_pika(100),
    "the consumer": ours,
}
_YARDSTICK = "pika, an ack for 100"


def fill(node: RabbitMQ, count: int) -> str:
    """A new durable queue that holds so many persistent messages."""
    queue = node.new_queue("bench")
    with node.connect() as connection:
        channel: BlockingChannel = connection.channel()
        for _ in range(count):
            channel.basic_publish("", queue, _BODY, _PROPERTIES)
    wait_until(lambda: node.depth(queue) == count, timeout_seconds=_PATIENCE_SECONDS, what="filled")
    return queue


class Spent(NamedTuple):
    """What one message took, µs; of the CPU by this process alone."""

    cpu: float
    wall: float


def run_once(node: RabbitMQ, run: Run, count: int) -> Spent:
    """Fill a queue, then measure how it is emptied."""
    queue = fill(node, count)
    gc.collect()
    cpu, wall = process_time(), perf_counter()
    run(node, queue, count)
    cpu, wall = process_time() - cpu, perf_counter() - wall
    assert node.depth(queue) == 0
    return Spent(cpu / count * 1e6, wall / count * 1e6)


def main() -> None:
    """Write the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES
    write = sys.stdout.write
    write(f"{platform.python_implementation()} {platform.python_version()}, pika {pika.__version__}\n")
    with TemporaryDirectory() as home:
        node = RabbitMQ(Path(home))
        node.start()
        try:
            taken = [{name: run_once(node, run, count) for name, run in RUNS.items()} for _ in range(_ROUNDS)]
        finally:
            node.stop()
    title = f"one of {count:,} messages of 700 bytes, µs"
    write(f"\n{title:44}{'CPU':>8}{'least':>8}{'wall':>8}{'x pika':>8}\n")
    for name in RUNS:
        cpu = [one[name].cpu for one in taken]
        wall = median(one[name].wall for one in taken)
        ratio = median(one[name].cpu / one[_YARDSTICK].cpu for one in taken)
        write(f"{name:44}{median(cpu):8.1f}{min(cpu):8.1f}{wall:8.1f}{ratio:8.2f}\n")


if __name__ == "__main__":
    main()
