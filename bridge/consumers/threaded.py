"""A consumer as one thread and a queue of commands: what Kafka, file and memory have in common.

The loop's half (``settle``, ``pause``, ``resume``, ``close``) only puts commands aside. The thread's half
is four methods of a ``Worker``, and nothing else runs on that thread.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Protocol

from bridge.consumers.base import Consumer, Inbox, Link, SecretReader
from bridge.errors import BridgeError, ConsumerError
from bridge.model import Position, Stream

_LEAVE_SECONDS = 1.0
"""What closing may take beyond the budget, before a client that hangs is left behind."""


class Worker(Protocol):
    """What runs on the consumer thread."""

    def open(self) -> None:
        """Begin; raises what cannot be waited out."""
        ...

    def turn(self) -> None:
        """Go round once, a fraction of a second; raises what cannot be waited out."""
        ...

    def leave(self, budget_seconds: float) -> None:
        """Drain and settle the last positions."""
        ...

    def close(self) -> None:
        """Let the client go; may hang, and is left behind then. Runs on a thread of its own."""
        ...

    def settle(self, positions: Sequence[Position]) -> None:
        """See ``Consumer``."""
        ...

    def pause(self, streams: Collection[Stream]) -> None:
        """See ``Consumer``."""
        ...

    def resume(self, streams: Collection[Stream]) -> None:
        """See ``Consumer``."""
        ...


class ThreadedConsumer(Consumer):
    """The loop's half. A subclass names its settings and makes its worker."""

    def __init__(self, settings: Any, inbox: Inbox, *, secret_reader: SecretReader | None = None) -> None:
        super().__init__(settings, inbox, secret_reader=secret_reader)
        self._commands: deque[Callable[[], None]] = deque()
        self._budget_seconds: float | None = None
        self._ended: Future[None] | None = None
        self._thread = threading.Thread(
            target=self._run, name=f"{settings.type}-{settings.name}", daemon=True
        )

    @property
    @abstractmethod
    def worker(self) -> Worker:
        """The thread's half."""

    def start(self) -> None:
        """Start the thread; what cannot work at all comes through ``inbox.failed``."""
        self._thread.start()

    def settle(self, positions: Sequence[Position]) -> None:
        """Put aside."""
        self._commands.append(partial(self.worker.settle, tuple(positions)))

    def pause(self, streams: Collection[Stream]) -> None:
        """Put aside."""
        self._commands.append(partial(self.worker.pause, frozenset(streams)))

    def resume(self, streams: Collection[Stream]) -> None:
        """Put aside."""
        self._commands.append(partial(self.worker.resume, frozenset(streams)))

    def close(self, budget_seconds: float) -> Future[None]:
        """Put aside; a second call gives the first one's future."""
        if self._ended is None:
            self._ended = Future()
            self._budget_seconds = budget_seconds
            threading.Thread(target=self._tell_end, args=(self._ended, budget_seconds), daemon=True).start()
        return self._ended

    def _tell_end(self, ended: Future[None], budget_seconds: float) -> None:
        """On a thread of its own: the consumer thread may hang in its library."""
        if self._thread.ident is not None:
            self._thread.join(budget_seconds + 2 * _LEAVE_SECONDS)
        ended.set_result(None)

    def serve(self) -> None:
        """Run what was put aside. Consumer thread."""
        while self._commands:
            self._commands.popleft()()

    def _run(self) -> None:
        try:
            self._work()
        except BridgeError as error:
            self.inbox.failed(error)
        except Exception as error:  # noqa: BLE001 - a dead thread must be known, whatever killed it
            self.inbox.failed(ConsumerError(f"internal error: {type(error).__name__}: {error}"))
        finally:
            self.inbox.link(Link.CLOSED)

    def _work(self) -> None:
        worker = self.worker
        worker.open()
        try:
            while self._budget_seconds is None:
                self.serve()
                worker.turn()
            self.serve()
            worker.leave(self._budget_seconds)
        finally:
            closing = threading.Thread(target=worker.close, name=f"{self._thread.name}-close", daemon=True)
            closing.start()
            closing.join(_LEAVE_SECONDS)
