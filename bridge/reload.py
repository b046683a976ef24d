"""Rules that change under a running bridge: read, compiled, tested, then swapped between two records.

The files are looked at once a second, off the loop: that also sees what a directory watch misses (a
ConfigMap's swapped link, a network share) and costs a few ``stat`` calls. A change is taken when the
files have stood still for one look. Rules that do not compile, do not fit the sources, or fail their own
tests are refused: the old ones stay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from bridge.config import Config
from bridge.config_file import rule_files
from bridge.decode import decode
from bridge.errors import BridgeError, ConfigError, ConfigErrors
from bridge.logs import get_logger
from bridge.metrics import Board
from bridge.rules import RuleSet, load_rules
from bridge.rules.testing import run_tests
from bridge.secrets import read_secret

_log = get_logger("bridge")
LOOK_SECONDS = 1.0

Stamp = tuple[tuple[str, int, int, int], ...]


class RuleFailed(BridgeError):
    """New rules compile and fail their own tests."""


class Reloader:
    """Watches the rule files of a configuration. Owned by the loop; files are read on a worker thread.

    Args:
        config: whose rules.
        environ: where secrets of the environment are read.
        rules: those in force.
        swap: puts new ones in force; called on the loop.
        board: where reloads are counted.
        look_seconds: time between two looks.
    """

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        rules: RuleSet,
        swap: Callable[[RuleSet], None],
        board: Board,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._config = config
        self._environ = environ
        self._hash = rules.hash
        self._streams = streams_read(config, rules)
        self._swap = swap
        self._board = board
        self._look_seconds = look_seconds
        self._successful = board.gauge("config_last_reload_successful")
        self._successful.value = 1

    async def run(self) -> None:
        """Look until cancelled."""
        # The first look compares too: the files may have changed since they were loaded.
        taken: Stamp | None = None
        seen: Stamp | None = None
        while True:
            await asyncio.sleep(self._look_seconds)
            now = await asyncio.to_thread(stamp_of, self._config)
            if now == seen and now != taken:
                taken = now
                await self._reload()
            seen = now

    async def _reload(self) -> None:
        try:
            rules = await asyncio.to_thread(self._changed_rules)
        except BridgeError as error:
            self._refuse(error)
            return
        self._successful.value = 1
        if rules is None:
            return
        self._board.counter("config_reloads_total", outcome="ok").value += 1
        _log.info("rules reloaded", rules=rules.hash, before=self._hash)
        self._hash = rules.hash
        self._swap(rules)

    def _changed_rules(self) -> RuleSet | None:
        """On a worker thread: the rules as the files say now, tested; None when they mean the same."""
        files = rule_files(self._config)
        rules = load_rules(files, self._config, environ=self._environ)
        if rules.hash == self._hash:
            return None
        self._judge(rules)
        _run_tests(files, self._config, self._environ)
        return rules

    def _judge(self, rules: RuleSet) -> None:
        """A consumer's subscription is made at its start."""
        wanted = streams_read(self._config, rules)
        for source, names in wanted.items():
            if other := names ^ self._streams[source]:
                problem = f"source {source!r} would read other topics or queues: {', '.join(sorted(other))}"
                raise ConfigError(problem, hint="restart the bridge, or name them under the source")

    def _refuse(self, error: BridgeError) -> None:
        self._successful.value = 0
        self._board.counter("config_reloads_total", outcome="refused").value += 1
        for one in error.errors if isinstance(error, ConfigErrors) else (error,):
            _log.error("rules not reloaded, the old ones stay", rules=self._hash, error=str(one))


def streams_read(config: Config, rules: RuleSet) -> dict[str, frozenset[str]]:
    """For each source that names nothing itself: what rules name for it."""
    return {
        source.name: frozenset(rules.stream_names(source.name, source.streams_key))
        for source in config.sources
        if source.streams_key and not source.stream_names()
    }


def stamp_of(config: Config) -> Stamp:
    """What tells whether a rule file changed, came or went; links are followed."""
    try:
        files = rule_files(config)
    except ConfigError:
        return ()
    beside = [file.with_name(f"{file.stem}.cases.yaml") for file in files]
    return tuple(stamp for file in (*files, *beside) if (stamp := _stat(file)) is not None)


def _stat(file: Path) -> tuple[str, int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return str(file), found.st_mtime_ns, found.st_size, found.st_ino


def _run_tests(files: Sequence[Path], config: Config, environ: Mapping[str, str]) -> None:
    read = partial(read_secret, base=config.base, environ=environ)
    report = run_tests(files, config.destinations, config.limits, read, decode)
    if report.failed:
        first = report.failed[0]
        raise RuleFailed(
            f"{len(report.failed)} tests fail, the first at {first.path}:{first.line}: {first.name}"
        )
