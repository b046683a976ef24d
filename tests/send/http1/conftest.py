"""Every test of the transport runs on both loops, and must leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

Play = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

_LOOPS = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
_DEADLINE_SECONDS = 60


def open_sockets() -> set[str]:
    """The process's sockets by descriptor and inode."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{number} {os.readlink(f'/proc/self/fd/{number}')}")
        except OSError:  # the listing's own
            continue
    return {one for one in found if "socket:" in one}


@pytest.fixture(params=sorted(_LOOPS))
def play(request: pytest.FixtureRequest) -> Play:
    """Runs a test's coroutine; fails on what the loop was told of, and on descriptors that stay open."""

    def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
        told: list[dict[str, Any]] = []

        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
            async with asyncio.timeout(_DEADLINE_SECONDS):
                await test()

        before = open_sockets()
        with asyncio.Runner(loop_factory=_LOOPS[request.param]) as runner:
            runner.run(main())
        gc.collect()  # a socket that nobody closed warns now, and a warning is an error
        assert not told
        assert not open_sockets() - before

    return run
