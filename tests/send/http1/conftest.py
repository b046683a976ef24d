"""Every test of the transport runs on both loops, and must leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.send.http1.certificates import Authority, Pair

Play = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

_LOOPS = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
_DEADLINE_SECONDS = 30


def open_sockets() -> set[str]:
    """The process's sockets by descriptor and inode."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.add(f"{link.name} {link.readlink()}")
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
        assert not told, told
        assert not open_sockets() - before

    return run


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs certificates; trusted by ``client_context(authority)``."""
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def pair(authority: Authority) -> Pair:
    """A good server's certificate, for localhost and the loopback addresses."""
    return authority.issue("server")
