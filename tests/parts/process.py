"""One program that a test runs beside itself: its log, its end, and its end when the tests die first."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
_PORTS = range(10_000 + _WORKER % 4 * 5_500, 15_500 + _WORKER % 4 * 5_500)
"""Each test process has its own, for a port is free only until somebody else finds it."""
_GUARD = 'read -r _; kill -9 "-$0"'
"""Shell text: wait for the end of the pipe from the tests, then kill the group of the program."""


class PartFailed(AssertionError):
    """A part did not do in time what it was asked; the message ends with the tail of its log."""


def free_port() -> int:
    """A loopback port that nobody listens on right now, and that no outgoing connection is given.

    Ports for outgoing connections (from 32768 on Linux) will not do: while a broker is down, its own port
    may be taken by somebody's connection, even by that of a client dialing it.
    """
    for port in random.sample(_PORTS, 200):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise PartFailed(f"no free port in {_PORTS}")


def wait_until(ready: Callable[[], bool], *, timeout_seconds: float, what: str) -> None:
    """Ask until it is so.

    Args:
        ready: asked again and again; cheap, and raises nothing.
        timeout_seconds: after this long it counts as failed.
        what: the condition in words, for the message.

    Raises:
        PartFailed: not so in time.
    """
    deadline = time.monotonic() + timeout_seconds
    while not ready():
        if time.monotonic() > deadline:
            raise PartFailed(f"not within {timeout_seconds:g} s: {what}")
        time.sleep(0.05)


class Process:
    """A child in a process group of its own, logging to a file; started and ended any number of times."""

    def __init__(
        self, command: Sequence[str | Path], *, log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self._command = [str(word) for word in command]
        self._log = log
        self.env = {**os.environ, **(env or {})}
        self._child: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running child; 0 when none runs."""
        return self._child.pid if self._child else 0

    @property
    def is_running(self) -> bool:
        """Whether the child was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start the child, and a guard that kills it should the tests die without ending it."""
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                self._command,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._guard = subprocess.Popen(
            ["sh", "-c", _GUARD, str(self._child.pid)], stdin=subprocess.PIPE, start_new_session=True
        )

    def wait_ready(self, ready: Callable[[], bool], *, timeout_seconds: float, what: str) -> None:
        """As ``wait_until``, and fail at once when the child ends; then with the tail of its log."""
        try:
            wait_until(lambda: not self.is_running or ready(), timeout_seconds=timeout_seconds, what=what)
        except PartFailed as problem:
            self._fail(str(problem))
        if not self.is_running:
            self._fail(f"ended before: {what}")

    def stop(self, *, timeout_seconds: float = 30.0) -> None:
        """End it as an operator would (SIGTERM); what does not end in time is killed."""
        self._end(signal.SIGTERM, timeout_seconds)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL), its own children with it."""
        self._end(signal.SIGKILL, 10.0)

    def freeze(self) -> None:
        """Stop its clock (SIGSTOP): connections stay open, nothing answers."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after ``freeze``."""
        self.signal(signal.SIGCONT)

    def log_tail(self, lines: int = 25) -> str:
        """The last lines it wrote."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def _fail(self, problem: str) -> NoReturn:
        self.kill()
        raise PartFailed(f"{problem}\n{self.log_tail()}") from None

    def _end(self, how: signal.Signals, timeout_seconds: float) -> None:
        if self._child is None:
            return
        self.signal(how)
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout_seconds)
        self.signal(signal.SIGKILL)
        self._child.wait(10.0)
        self._child = None
        self._dismiss_guard()

    def signal(self, how: signal.Signals) -> None:
        """Send it to the child and its own children."""
        if self._child is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._child.pid, how)

    def _dismiss_guard(self) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.kill()
            self._guard.wait(10.0)
            self._guard.stdin.close()
            self._guard = None
