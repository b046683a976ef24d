"""The consumer thread's door to the loop: what it hands over arrives there in the order made."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from functools import partial

from bridge.consumers.base import Kept, Link, Settles
from bridge.intake import Intake
from bridge.model import Position, Record, Stream

_BATCHES_UNDER_WAY = 2
_SLICE = 64
"""Records that are taken in at a time: a millisecond or two."""


class LoopInbox:
    """The consumer thread's door to the loop. Calls arrive on the loop in the order made."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._room = threading.Condition()
        self._under_way = 0
        self._is_open = True
        # Filled by any thread, emptied by the loop: a turn of the loop is owed for each entry.
        self._calls: deque[Callable[[], None]] = deque()
        self.intake: Intake

    def lead_to(self, intake: Intake) -> None:
        """Who takes the calls, and opens and shuts the door where a pause would cost what was prefetched."""
        self.intake = intake
        if intake.consumer.settles is Settles.WATERMARK:
            intake.on_room = self._let_in

    def wait_for_room(self, timeout_seconds: float) -> bool:
        """True once the source has room, and fewer than two batches wait for the loop."""
        with self._room:
            return self._room.wait_for(self._has_room, timeout_seconds)

    def _has_room(self) -> bool:
        return self._is_open and self._under_way < _BATCHES_UNDER_WAY

    def _let_in(self, is_open: bool) -> None:
        with self._room:
            self._is_open = is_open
            self._room.notify()

    def records(self, batch: Sequence[Record], consumed_total: int) -> None:
        """Hand over; see ``consumers.base.Inbox``."""
        with self._room:
            self._under_way += 1
        self._post(self._records, batch, consumed_total)

    def _records(self, batch: Sequence[Record], consumed_total: int) -> None:
        """Some of a batch; the rest has the next turn, for answers must not wait until it is all taken in."""
        rest = batch[_SLICE:]
        if rest:
            self._calls.appendleft(partial(self._records, rest, consumed_total))
            self._loop.call_soon(self._serve)
        try:
            self.intake.on_records(batch[:_SLICE], consumed_total - len(rest))
        finally:
            if not rest:
                with self._room:
                    self._under_way -= 1
                    self._room.notify()

    def _serve(self) -> None:
        """The oldest call, or what is left of it."""
        self._calls.popleft()()

    def assigned(self, epochs: Mapping[Stream, int], kept: Mapping[Stream, Kept] | None = None) -> None:
        """See ``consumers.base.Inbox``."""
        self._post(self.intake.on_assigned, dict(epochs), dict(kept or {}))

    def revoked(self, streams: Collection[Stream], budget_seconds: float) -> Future[Sequence[Position]]:
        """See ``consumers.base.Inbox``."""
        answer: Future[Sequence[Position]] = Future()
        self._post(self.intake.on_revoked, frozenset(streams), budget_seconds, answer)
        return answer

    def lost(self, streams: Collection[Stream]) -> None:
        """See ``consumers.base.Inbox``."""
        self._post(self.intake.on_lost, frozenset(streams))

    def link(self, state: Link, detail: str = "") -> None:
        """See ``consumers.base.Inbox``."""
        self._post(self.intake.on_link, state, detail)

    def failed(self, error: Exception) -> None:
        """See ``consumers.base.Inbox``."""
        self._post(self.intake.on_ended, error)

    def finished(self) -> None:
        """See ``consumers.base.Inbox``."""
        self._post(self.intake.on_ended, None)

    def _post(self, call: Callable[..., None], *arguments: object) -> None:
        """A loop that has closed takes nothing any more: the process is ending."""
        if not self._loop.is_closed():
            self._calls.append(partial(call, *arguments))
            self._loop.call_soon_threadsafe(self._serve)
