"""What a target promises: a value or a declared error, soon, in little memory, and no word of the payload."""

from __future__ import annotations

import re
import resource
import signal
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import process_time
from types import FrameType
from typing import NamedTuple, NoReturn

MARK = "hunter2"
"""Stands in payloads, keys and secrets of the corpus; an error that holds it tells what it must not."""
CPU_SECONDS = 4.0
"""Some twenty times what the worst input of the corpus takes; a hang takes minutes."""
MEMORY_BYTES = 128 * 2**20
MOST_BYTES = 64 * 1024
"""Of one input. What larger ones cost is for the tests of limits."""
_NAMED = re.compile(r"the content encoding `[a-z0-9._-]{1,20}`")
"""What may be shown: a name that a header says, bounded."""


class Broken(AssertionError):
    """A promise that an input broke."""


class Hang(BaseException):
    """One input took more CPU than it may; no ``except Exception`` stops it."""


class Target(NamedTuple):
    """Something that reads what strangers wrote.

    Args:
        name: the folder of its corpus, and the word of the command line.
        run: reads one input; raises ``Broken``, or anything else by mistake.
        words: what its inputs are made of, for mutations.
    """

    name: str
    run: Callable[[bytes], None]
    words: tuple[bytes, ...] = ()


def check(holds: bool, promise: str) -> None:
    """Raise ``Broken`` where a promise does not hold; no ``assert``, which ``python -O`` leaves out."""
    if not holds:
        raise Broken(promise)


def told(error: object) -> None:
    """An error's text: one line, of bounded length, nothing of the input in it."""
    text = _NAMED.sub("", str(error))
    check(bool(text), "an error says nothing")
    check(MARK not in text, f"an error holds what it was given: {text[:200]!r}")
    check(text.isprintable(), f"an error is no line for a terminal: {text[:200]!r}")
    check(len(text) <= 2000, f"an error has {len(text)} characters")


def told_openly(error: object) -> None:
    """The text of an error that may quote its input: still a line that a terminal can show."""
    text = str(error)
    check(bool(text), "an error says nothing")
    check(not set(map(ord, text)) & {*range(9), *range(11, 32), 127}, f"control characters: {text[:200]!r}")


@contextmanager
def bounded(most_bytes: int | None = None) -> Iterator[None]:
    """One input's time; with ``most_bytes`` also what Python allocates for it, which is slow to know."""
    if most_bytes is not None:
        tracemalloc.start()
    start = process_time()
    try:
        yield
        spent = process_time() - start
        check(spent < CPU_SECONDS, f"{spent:.1f} s of CPU for one input")
        if most_bytes is not None:
            peak = tracemalloc.get_traced_memory()[1]
            check(peak < most_bytes, f"{peak / 2**20:.0f} MiB for one input")
    finally:
        if most_bytes is not None:
            tracemalloc.stop()


@contextmanager
def alarmed(cpu_seconds: float = 2 * CPU_SECONDS) -> Iterator[None]:
    """End a step that never ends by itself; main thread only."""

    def ring(number: int, frame: FrameType | None) -> NoReturn:
        raise Hang

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def resident_bytes() -> int:
    """The most that this process has had of memory, C included."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
