"""The composition root: knows every concrete class, starts them, and ends them under one deadline.

Leaving, in this order: no more input (each consumer stops reading and keeps its connection alive) →
open records end, or the deadline comes → last positions are committed and the brokers left → letters
and requests still under way are given up → the admin server. A second signal leaves at once: nothing
is lost by it, some is sent again.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial

import httpx

from bridge import __version__, consumers
from bridge.admin import AdminServer, Operator
from bridge.config import Config, Destination, SourceSettings
from bridge.consumers.base import Consumer, Inbox, Surroundings
from bridge.control import Control
from bridge.dead_letters import open_store
from bridge.decode import Schemas, open_schemas, registry_users
from bridge.errors import BridgeError, ConfigError
from bridge.inbox import LoopInbox
from bridge.intake import Intake
from bridge.logs import get_logger
from bridge.metrics import Board
from bridge.overseer import Overseer
from bridge.parts import Parts
from bridge.pipeline import Pipeline
from bridge.reload import Reloader
from bridge.returns import Returns
from bridge.rules import RuleSet
from bridge.secrets import SecretSource, read_secret
from bridge.send.client import Client
from bridge.send.clock import LoopClock
from bridge.send.controller import Controller
from bridge.send.dispatcher import Dispatcher
from bridge.send.transport import default_transport
from bridge.settle.budget import Budgets
from bridge.settle.undertaker import Undertaker
from bridge.tally import Tally
from bridge.traces import words_of
from bridge.watch import Watch

_log = get_logger("bridge")
_CLOSE_SHARE = 0.2
"""The last share of the deadline is kept for commits and closing."""

MakeConsumer = Callable[[SourceSettings, Inbox], Consumer]
MakeTransport = Callable[[Destination], httpx.AsyncBaseTransport]


class App:
    """One bridge process.

    Args:
        config: the settings.
        rules: compiled rules.
        environ: where secrets of the environment are read.
        make_consumer: builds a consumer; by default by the source's type.
        make_transport: builds a destination's transport; by default as its settings say.
    """

    def __init__(
        self,
        config: Config,
        rules: RuleSet,
        environ: Mapping[str, str],
        *,
        make_consumer: MakeConsumer | None = None,
        make_transport: MakeTransport = default_transport,
    ) -> None:
        self._config = config
        self._rules = rules
        self._environ = environ
        self._make_consumer = make_consumer or self._consumer_of
        self._make_transport = make_transport
        self._error: Exception | None = None
        self._stop: asyncio.Event
        self.started = asyncio.Event()
        self.board = Board()
        self._parts = Parts()
        self.admin: AdminServer
        self._reloader: Reloader
        self._reloading: asyncio.Task[None] | None = None
        self.watch: Watch
        self._clients: dict[str, Client] = {}

    def request_stop(self) -> None:
        """Begin to leave. Loop thread."""
        self._stop.set()

    async def serve(self, *, signals: bool = True) -> None:
        """Run until a signal, the end of all input, or an error that cannot be waited out.

        Raises:
            BridgeError: why it could not start or go on.
        """
        loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        loop.set_exception_handler(self._crashed)
        self._build(loop)
        self.admin.start()
        if signals:
            self._listen(loop)
        try:
            self._start()
            await self._stop.wait()
        finally:
            await self._leave()
        if self._error is not None:
            raise self._error

    # Building

    def _build(self, loop: asyncio.AbstractEventLoop) -> None:
        config, tally = self._config, Tally(self.board, time.time)
        parts = self._parts
        pipeline = Pipeline(config, self._rules, tally, parts)
        overseer = Overseer(tally, parts, self._source_ended)
        store = open_store(config, self._secret_reader())
        parts.undertaker = Undertaker(store, overseer, random.random, self._rules.hash)
        parts.budgets = Budgets(tally.handled)
        parts.returns = Returns(parts.intakes, parts.dispatchers, time.monotonic)
        parts.schemas = self._schemas(pipeline)
        for name, settings in config.destinations.items():
            parts.dispatchers[name] = self._dispatcher(name, settings, pipeline, overseer, LoopClock(loop))
        for source in config.sources:
            parts.intakes[source.name] = self._intake(source, loop, pipeline, overseer)
        pipeline.use(self._rules)
        self.watch = Watch(self.board, tally, parts, self._rules)

        def swap(rules: RuleSet) -> None:
            pipeline.use(rules)
            self.watch.show(rules)

        self._reloader = Reloader(config, self._environ, self._rules, swap, self.board)
        operator = self._operator(loop, pipeline)
        self.admin = AdminServer(config.admin, self.board.latest, self.watch.health, operator)

    def _operator(self, loop: asyncio.AbstractEventLoop, pipeline: Pipeline) -> Operator | None:
        """Only where the configuration has one; a token that cannot be read ends the start."""
        admin = self._config.admin
        if not admin.control or admin.token is None:
            return None
        source = SecretSource(admin.token, base=self._config.base, environ=self._environ, in_header=True)
        token = source.value
        token()
        return Operator(Control(loop, self._parts.intakes, pipeline), token)

    def _secret_reader(self) -> Callable[..., str]:
        return partial(read_secret, base=self._config.base, environ=self._environ)

    def _schemas(self, pipeline: Pipeline) -> Schemas | None:
        """Only where a source needs them; the password is read once here, so that its lack ends the start."""
        settings = self._config.schema_registry
        if settings is None or not registry_users(self._config):
            return None
        password = None
        if settings.password is not None:
            password = SecretSource(settings.password, base=self._config.base, environ=self._environ).value
            password()
        return open_schemas(settings, password, self._config.limits.json_depth, pipeline)

    def _consumer_of(self, settings: SourceSettings, inbox: Inbox) -> Consumer:
        letters = self._config.dead_letters
        surroundings = Surroundings(
            self._secret_reader(),
            frozenset(name for name in (letters.topic, letters.queue) if name),
            self._config.shutdown.revoke,
        )
        return consumers.load(settings.type).build(settings, inbox, surroundings)

    def _intake(
        self,
        settings: SourceSettings,
        loop: asyncio.AbstractEventLoop,
        pipeline: Pipeline,
        overseer: Overseer,
    ) -> Intake:
        inbox = LoopInbox(loop)
        consumer = self._make_consumer(self._named(settings), inbox)
        intake = Intake(consumer, self._config.limits, self._config.commit.interval, pipeline, overseer)
        inbox.lead_to(intake)
        return intake

    def _named(self, settings: SourceSettings) -> SourceSettings:
        """A source that names no topics or queues reads those that rules name."""
        key = settings.streams_key
        if not key or settings.stream_names():
            return settings
        names = self._rules.stream_names(settings.name, key)
        if not names:
            raise ConfigError(
                f"source {settings.name!r} has no {key}", hint="name them here or in a rule's `from`"
            )
        return settings.model_copy(update={key: tuple(names)})

    def _dispatcher(
        self, name: str, settings: Destination, pipeline: Pipeline, overseer: Overseer, clock: LoopClock
    ) -> Dispatcher:
        write_key = SecretSource(
            settings.write_key, base=self._config.base, environ=self._environ, in_header=True
        )
        agent = f"filum-bridge/{__version__}"
        client = Client(settings, write_key, self._make_transport(settings), agent)
        self._clients[name] = client
        controller = Controller(settings.retry, random.random)
        return Dispatcher(name, settings, client, pipeline, overseer, controller, clock)

    # Running

    def _start(self) -> None:
        _log.info("bridge started", version=__version__, rules=self._rules.hash, admin_port=self.admin.port)
        self.watch.start(asyncio.get_running_loop(), self._tick)
        if self._parts.schemas is not None:
            self._parts.schemas.start(asyncio.get_running_loop())
        for intake in self._parts.intakes.values():
            intake.consumer.start()
        self._reloading = asyncio.create_task(self._reloader.run())
        self._reloading.add_done_callback(self._ended)
        self.started.set()

    def _tick(self) -> None:
        """A few times a second: give back what is held too long; leave when all input has ended."""
        self._parts.returns.look()
        self._look_at_keys()
        intakes = self._parts.intakes.values()
        if all(intake.has_ended and not intake.ledger.in_flight for intake in intakes):
            self._stop.set()

    def _look_at_keys(self) -> None:
        for name, client in self._clients.items():
            try:
                if client.look_at_key():
                    _log.info("write key reloaded", destination=name)
            except ConfigError as error:
                _log.error("write key not reloaded, the old one stays", destination=name, error=str(error))

    def _source_ended(self, intake: Intake, error: Exception | None) -> None:
        if error is not None:
            _log.error("source failed", source=intake.name, error=str(error))
            self._error = self._error or error
            self._stop.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._crashed(asyncio.get_running_loop(), {"message": "a task failed", "exception": error})

    def _crashed(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """A bug in a task or callback: say it whole, and leave rather than stand still in silence."""
        error = context.get("exception")
        trace = error if isinstance(error, Exception) else None
        _log.error("internal error", what=words_of(str(context.get("message"))), exc_info=trace)
        self._error = self._error or BridgeError(f"internal error: {type(error).__name__}: see the log")
        self._stop.set()

    # Leaving

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled, number)

    def _signalled(self, number: signal.Signals) -> None:
        if self._stop.is_set():
            _log.warning("second signal: leaving at once", signal=number.name)
            os._exit(128 + number)
        _log.info("draining", signal=number.name, deadline_seconds=self._config.shutdown.deadline)
        self._stop.set()

    async def _leave(self) -> None:
        deadline_seconds = self._config.shutdown.deadline
        closing_seconds = deadline_seconds * _CLOSE_SHARE
        self.watch.drain()
        if self._reloading is not None:
            self._reloading.cancel()
        try:
            async with asyncio.timeout(deadline_seconds + closing_seconds):
                await self._close_parts(deadline_seconds, closing_seconds)
        except TimeoutError:
            _log.warning("deadline passed: what does not close is left behind")
        self.watch.stop()
        self.admin.stop()
        _log.info("bridge stopped", **self.watch.summary())

    async def _close_parts(self, deadline_seconds: float, closing_seconds: float) -> None:
        budget_seconds = deadline_seconds - closing_seconds
        closes = [intake.consumer.close(budget_seconds) for intake in self._parts.intakes.values()]
        await asyncio.wait([asyncio.wrap_future(close) for close in closes], timeout=deadline_seconds)
        if self._parts.schemas is not None:
            self._parts.schemas.close()
        for dispatcher in self._parts.dispatchers.values():
            dispatcher.close()
        for client in self._clients.values():
            await client.close()
        await self._parts.undertaker.close(closing_seconds)
