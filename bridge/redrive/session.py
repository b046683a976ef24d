"""Puts a redrive together: the same parts as ``app``, without sources."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from bridge import __version__
from bridge.config import Config, Destination
from bridge.dead_letters import open_store
from bridge.decode import open_schemas, registry_users
from bridge.redrive.archive import Archive
from bridge.redrive.decoding import Decoding
from bridge.redrive.plan import Planner
from bridge.redrive.redriver import Redriver, Reporter
from bridge.secrets import SecretSource, read_secret
from bridge.send.client import Client
from bridge.send.clock import LoopClock
from bridge.send.controller import Controller
from bridge.send.dispatcher import Dispatcher
from bridge.send.transport import default_transport
from bridge.settle.undertaker import Undertaker

_CLOSING_SECONDS = 5.0


@asynccontextmanager
async def decoding_of(config: Config, environ: Mapping[str, str]) -> AsyncIterator[Decoding]:
    """What reads the letters' bodies, with the schema registry where a source needs one."""
    decoding, settings = Decoding(config), config.schema_registry
    if settings is None or not registry_users(config):
        yield decoding
        return
    password = None
    if settings.password is not None:
        password = SecretSource(settings.password, base=config.base, environ=environ).value
        password()
    schemas = decoding.schemas = open_schemas(settings, password, config.limits.json_depth, decoding)
    schemas.start(asyncio.get_running_loop())
    try:
        yield decoding
    finally:
        schemas.close()


@asynccontextmanager
async def redriver_of(
    config: Config,
    environ: Mapping[str, str],
    archive: Archive,
    planner: Planner,
    reporter: Reporter,
    *,
    rules_hash: str,
    rate: float | None,
) -> AsyncIterator[Redriver]:
    """A redriver with its destinations and its writer of new letters, closed at the end.

    Args:
        config: destinations and dead letters.
        environ: where secrets are read.
        archive: where the letters lie.
        planner: what they become.
        reporter: who is told.
        rules_hash: for new letters.
        rate: events a second to each destination, where that is less than its own limit.
    """
    redriver = Redriver(archive, planner, config.limits.buffer, reporter)
    # A reference in the place of a letter would lose the body, which nobody else may have any more.
    read = partial(read_secret, base=config.base, environ=environ)
    store = open_store(config, read, references=False)
    redriver.undertaker = Undertaker(store, redriver, random.random, rules_hash)
    clients: list[Client] = []
    dispatchers: dict[str, Dispatcher] = {}
    try:
        for name, settings in config.destinations.items():
            write_key = SecretSource(settings.write_key, base=config.base, environ=environ, in_header=True)
            client = Client(settings, write_key, default_transport(settings), f"filum-bridge/{__version__}")
            clients.append(client)
            clock = LoopClock(asyncio.get_running_loop())
            controller = Controller(settings.retry, random.random)
            dispatchers[name] = Dispatcher(
                name, _paced(settings, rate), client, redriver, redriver, controller, clock
            )
        redriver.dispatchers = dispatchers
        yield redriver
    finally:
        for dispatcher in dispatchers.values():
            dispatcher.close()
        for client in clients:
            await client.close()
        await redriver.undertaker.close(_CLOSING_SECONDS)


def _paced(settings: Destination, rate: float | None) -> Destination:
    if rate is None:
        return settings
    least = min(rate, settings.rate_limit or rate)
    return settings.model_copy(update={"rate_limit": least})
