"""Bodies that need a schema: read by one that is known, else held until the registry has answered.

The loop owns everything here but the thread, which alone speaks to the registry: it asks for one schema
at a time, makes its reader, and hands it back. A schema is asked for once however many records wait.
What is known is never asked again: an id means one schema for ever.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from bridge.decode.framing import unframe
from bridge.decode.json_body import Undecodable
from bridge.decode.patience import UNKNOWN_SECONDS, Wait
from bridge.decode.schema import Read, Registry, Schema, SchemaKind, Unavailable, Unknown, Wanted
from bridge.model import Record

if TYPE_CHECKING:
    from bridge.logs import Logger


class Waiting(NamedTuple):
    """A record cannot be read before its schema is there."""

    wanted: Wanted


class _Refusal(NamedTuple):
    """Why no record of a schema can be read; an unknown id is asked for again after ``until_seconds``."""

    problem: str
    until_seconds: float = float("inf")
    wait: Wait = Wait()


Answer = Read | _Refusal | Unknown | Unavailable


class Watcher(Protocol):
    """Who is told; called on the loop."""

    def schema_asked(self, outcome: str) -> None:
        """The registry was asked: ``ok``, ``unusable``, ``unknown`` or ``unavailable``."""
        ...

    def schemas_changed(self) -> None:
        """Something is known now that was not: records that wait may be tried."""
        ...


class Schemas:
    """All schemas of one registry.

    Args:
        registry: who is asked; the thread's alone.
        compile_reader: makes a reader of a schema; called on the thread, raises ``Undecodable``.
        watcher: who is told.
        clock: seconds of a clock that never goes back.
        random: between 0 and 1, for jitter.
    """

    def __init__(
        self,
        registry: Registry,
        compile_reader: Callable[[SchemaKind, Schema], Read],
        watcher: Watcher,
        clock: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self._registry = registry
        self._compile = compile_reader
        self._watcher = watcher
        self._clock = clock
        self._random = random
        self._known: dict[Wanted, Read | _Refusal] = {}
        self._waits: dict[Wanted, Wait] = {}
        self._timers: dict[Wanted, asyncio.TimerHandle] = {}
        self._is_down = False
        self._asked: SimpleQueue[Wanted | None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the thread. It waits until something is asked."""
        self._loop = loop
        threading.Thread(target=self._serve, name="schema-registry", daemon=True).start()

    def close(self) -> None:
        """Ask no more. A request under way is left behind; it has a timeout of its own."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._asked.put(None)

    # Loop

    def read(self, kind: SchemaKind, record: Record, body: bytes) -> Any | Waiting:
        """The value of a body, or ``Waiting`` while its schema is not known.

        Raises:
            Undecodable: not in the wire format, an unknown or unusable schema, or data that contradict it.
        """
        key, data = unframe(body, record.headers)
        wanted = Wanted(kind, key)
        found = self._known.get(wanted)
        if found is None:
            self._want(wanted, Wait())
            return Waiting(wanted)
        if found.__class__ is not _Refusal:
            return found(data)  # type: ignore[operator] # a class check is quicker here than isinstance
        return self._refuse(wanted, found)

    def _refuse(self, wanted: Wanted, refusal: _Refusal) -> Waiting:
        if self._clock() < refusal.until_seconds:
            raise Undecodable(refusal.problem)
        self._want(wanted, refusal.wait)
        return Waiting(wanted)

    def _want(self, wanted: Wanted, wait: Wait) -> None:
        if wanted not in self._waits:
            self._waits[wanted] = wait
            self._asked.put(wanted)

    def _ask_again(self, wanted: Wanted) -> None:
        self._timers.pop(wanted, None)
        self._asked.put(wanted)

    def _answered(self, wanted: Wanted, answer: Answer) -> None:
        if isinstance(answer, Unavailable):
            self._unavailable(wanted, answer)
            return
        self._up()
        if isinstance(answer, Unknown):
            self._unknown(wanted, answer)
            return
        if isinstance(answer, _Refusal):
            _log().error("schema cannot be used", schema=wanted.key, kind=wanted.kind, problem=answer.problem)
        self._watcher.schema_asked("unusable" if isinstance(answer, _Refusal) else "ok")
        self._know(wanted, answer)

    def _know(self, wanted: Wanted, answer: Read | _Refusal) -> None:
        del self._waits[wanted]
        self._known[wanted] = answer
        self._watcher.schemas_changed()

    def _unknown(self, wanted: Wanted, answer: Unknown) -> None:
        self._watcher.schema_asked("unknown")
        now = self._clock()
        before = self._waits[wanted]
        wait = self._waits[wanted] = before.unknown(now)
        if wait.is_over(now):
            problem = f"unknown schema {'id' if isinstance(wanted.key, int) else 'GUID'} {wanted.key}"
            self._know(wanted, _Refusal(problem, now + UNKNOWN_SECONDS, wait))
            return
        if before.unknown_since_seconds is None:
            _log().warning(
                "the registry does not know a schema: its records wait for it a minute",
                schema=wanted.key,
                problem=answer.problem,
            )
        self._later(wanted, wait, now)

    def _unavailable(self, wanted: Wanted, answer: Unavailable) -> None:
        self._watcher.schema_asked("unavailable")
        if not self._is_down:
            self._is_down = True
            _log().error("schema registry unavailable: records wait for it", problem=answer.problem)
        wait = self._waits[wanted] = self._waits[wanted].unanswered()
        self._later(wanted, wait, self._clock())

    def _up(self) -> None:
        """It answers: whatever waits for its next attempt is asked at once."""
        if self._is_down:
            self._is_down = False
            _log().info("schema registry answers")
            for wanted, timer in list(self._timers.items()):
                timer.cancel()
                self._ask_again(wanted)

    def _later(self, wanted: Wanted, wait: Wait, now_seconds: float) -> None:
        assert self._loop is not None  # noqa: S101 - answers come only after the start
        delay_seconds = wait.delay_seconds(now_seconds, self._random)
        self._timers[wanted] = self._loop.call_later(delay_seconds, self._ask_again, wanted)

    # Thread

    def _serve(self) -> None:
        while (wanted := self._asked.get()) is not None:
            self._post(wanted, self._ask(wanted))
        self._registry.close()

    def _ask(self, wanted: Wanted) -> Answer:
        try:
            fetched = self._registry.fetch(wanted)
            return self._compile(wanted.kind, fetched) if isinstance(fetched, Schema) else fetched
        except Undecodable as error:
            return _Refusal(f"schema {wanted.key} cannot be used: {error}")
        except Exception as error:  # noqa: BLE001 - logged whole, and said
            # Nobody may wait for a thread that has ended: a bug shows as a registry that does not answer.
            _log().exception("internal error", what="asking for a schema", schema=wanted.key)
            return Unavailable(f"internal error: {type(error).__name__}")

    def _post(self, wanted: Wanted, answer: Answer) -> None:
        assert self._loop is not None  # noqa: S101 - the start has set it
        with suppress(RuntimeError):  # the loop has closed: the process is ending
            self._loop.call_soon_threadsafe(self._answered, wanted, answer)


def _log() -> Logger:
    """Loaded when there is something to say: tests of rules import this module and never log."""
    from bridge.logs import get_logger  # noqa: PLC0415

    return get_logger("bridge")
