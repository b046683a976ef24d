"""``filum-bridge demo``: the whole way in one process, with nothing installed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.live import Live

from bridge.app import App
from bridge.cli.api import LocalApi
from bridge.cli.demo_table import plain_line, table_of
from bridge.cli.run import load
from bridge.cli.samples import samples_folder
from bridge.cli.shop_traffic import TOPICS, traffic
from bridge.config import parse_duration_seconds
from bridge.consumers.kafka_client import KafkaPublisher, MockCluster
from bridge.errors import UsageError
from bridge.logs import configure

_LOOK_SECONDS = 0.5
_LINE_SECONDS = 5.0
_BURSTS_PER_SECOND = 10
_LETTERS = "filum-bridge.dead-letters"
_WRITE_KEY = {"FILUM_WRITE_KEY": "demo"}


def demo(
    duration: Annotated[str, typer.Option("--for", help="End by itself after so long, such as 20s.")] = "",
    rate: Annotated[int, typer.Option(min=1, max=2_000, help="Messages a second.")] = 100,
    seed: Annotated[int, typer.Option(help="Of the traffic.")] = 1,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of metrics; 0 takes a free one.")] = 0,
) -> None:
    """A shop's traffic → an embedded Kafka → the sample rules → a local Filum Event API.

    Needs no broker and no account. Shows what flows; one message in a hundred is broken, so that dead
    letters can be seen. Ctrl-C ends it, everything settled.

    Examples:

      filum-bridge demo

      filum-bridge demo --for 20s --rate 500
    """
    seconds = _seconds(duration)
    console = Console()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="filum-bridge-demo-")))
        log = stack.enter_context((folder / "bridge.log").open("w"))
        configure("info", "json", stream=log)
        api = stack.enter_context(LocalApi(port=0))
        brokers, publisher = _embedded_kafka(stack)
        config, rules = load(_write_config(folder, brokers, api.url, port), {**os.environ, **_WRITE_KEY})
        app = App(config, rules, {**os.environ, **_WRITE_KEY})
        console.print(f"embedded Kafka {brokers} · topics {', '.join(TOPICS)} · seed {seed}")
        stack.enter_context(_publishing(publisher, rate, seed))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(app, api, console, seconds))
    totals = app.watch.summary()
    shown = ("consumed", "delivered", "filtered", "dead_lettered", "dropped", "in_flight", "unaccounted")
    sys.stdout.write(" ".join(f"{name}={totals[name]}" for name in shown) + "\n")
    if totals["unaccounted"] or totals["in_flight"]:
        raise typer.Exit(1)


def _seconds(duration: str) -> float | None:
    try:
        return parse_duration_seconds(duration) if duration else None
    except ValueError as error:
        raise UsageError(f"--for: {error}") from error


def _embedded_kafka(stack: ExitStack) -> tuple[str, KafkaPublisher]:
    """It makes a topic when the first message comes."""
    cluster = MockCluster()
    brokers = cluster.brokers()
    publisher = KafkaPublisher({"bootstrap.servers": brokers})
    stack.callback(lambda: cluster)  # the cluster lives as long as its object
    stack.callback(publisher.close, 5.0)
    return brokers, publisher


def _write_config(folder: Path, brokers: str, api_url: str, port: int) -> Path:
    """The demo's configuration goes the way of every other: through a file and its checks."""
    rules = samples_folder() / "rules"
    config = {
        "sources": [{"name": "shop", "type": "kafka", "brokers": brokers, "group": "filum-bridge-demo"}],
        "destinations": {"default": {"url": f"{api_url}/events", "write_key": {"env": "FILUM_WRITE_KEY"}}},
        "dead_letters": {"type": "kafka", "topic": _LETTERS},
        "rules": [str(rules / f"{name}.yaml") for name in ("orders", "payments", "customers")],
        "admin": {"host": "127.0.0.1", "port": port},
    }
    path = folder / "bridge.yaml"
    path.write_text(json.dumps(config, indent=2))
    return path


@contextmanager
def _publishing(publisher: KafkaPublisher, rate: int, seed: int) -> Iterator[None]:
    """The shop: a thread that publishes ``rate`` messages a second until the block ends."""
    stop = threading.Event()
    messages = traffic(Random(seed), lambda: datetime.now(UTC))  # noqa: S311 - sample data

    def publish() -> None:
        while not stop.wait(1 / _BURSTS_PER_SECOND):
            for message in islice(messages, max(1, rate // _BURSTS_PER_SECOND)):
                publisher.publish(*message)

    shop = threading.Thread(target=publish, name="shop", daemon=True)
    shop.start()
    try:
        yield
    finally:
        stop.set()
        shop.join(2.0)


async def _serve(app: App, api: LocalApi, console: Console, seconds: float | None) -> None:
    """Run the bridge, look at it now and then, and end it when its time is over."""
    serving = asyncio.create_task(app.serve())
    watching = asyncio.create_task(_look(app, api, console))
    if seconds is not None:
        asyncio.get_running_loop().call_later(seconds, app.request_stop)
    try:
        await serving
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def _look(app: App, api: LocalApi, console: Console) -> None:
    await app.started.wait()
    metrics = f"http://127.0.0.1:{app.admin.port}"
    console.print(f"metrics {metrics}/metrics · status {metrics}/ · events received {api.url}/events")
    if not console.is_terminal:
        while True:
            await asyncio.sleep(_LINE_SECONDS)
            console.print(plain_line(app.board.latest()), highlight=False)
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while True:
            live.update(table_of(app.board.latest(), "what flows (Ctrl-C ends it)"), refresh=True)
            await asyncio.sleep(_LOOK_SECONDS)
