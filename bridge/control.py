"""What an operator may ask of a running bridge. Asked on the admin thread, done on the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from bridge.intake import Intake
from bridge.logs import get_logger

PAUSED = "paused_by_operator"

_log = get_logger("bridge")


class UnknownSource(LookupError):
    """There is no source of this name; the message lists those that there are."""


class Control:
    """Pauses and resumes sources.

    Args:
        loop: where it is done.
        intakes: by source.
        resumed: told of a source that is resumed: what an operator's word ends besides the pause.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        intakes: Mapping[str, Intake],
        resumed: Callable[[Intake], None],
    ) -> None:
        self._loop = loop
        self._intakes = intakes
        self._resumed = resumed

    def pause(self, source: str) -> Future[None]:
        """Read no more of it, until ``resume`` or a restart; what was read is delivered. Any thread."""
        return self._on_loop(self._pause, source)

    def resume(self, source: str) -> Future[None]:
        """Read it again; streams that stand still for want of dead-letter budget go on too. Any thread."""
        return self._on_loop(self._resume, source)

    def _pause(self, intake: Intake) -> None:
        intake.hold_back(PAUSED)
        _log.warning("source paused by operator", source=intake.name)

    def _resume(self, intake: Intake) -> None:
        intake.let_go(PAUSED)
        self._resumed(intake)
        _log.warning("source resumed by operator", source=intake.name)

    def _on_loop(self, act: Callable[[Intake], None], source: str) -> Future[None]:
        """Resolves when it is done, with ``UnknownSource`` where there is none."""
        done: Future[None] = Future()

        def run() -> None:
            try:
                act(self._intake(source))
            except Exception as error:  # noqa: BLE001 - who asked is told, whatever it is
                done.set_exception(error)
            else:
                done.set_result(None)

        self._loop.call_soon_threadsafe(run)
        return done

    def _intake(self, source: str) -> Intake:
        if source not in self._intakes:
            raise UnknownSource(
                f"there is no source {source!r}; there are: {', '.join(sorted(self._intakes))}"
            )
        return self._intakes[source]
