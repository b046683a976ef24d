"""Opens the configured dead-letter store with the client that its broker's consumer uses."""

from __future__ import annotations

from collections.abc import Callable

from bridge.config import Config, DeadLetters, Secret, SourceSettings
from bridge.errors import ConfigError
from bridge.settle.stores import DeadLetterStore, FileStore

ReadSecret = Callable[[Secret], str]


def open_store(config: Config, read_secret: ReadSecret) -> DeadLetterStore:
    """The store that ``dead_letters`` describes; connects in the background.

    Raises:
        ConfigError: it names no connection, or one that does not exist.
    """
    target = config.dead_letters
    if target.type == "file" and target.path is not None:
        return FileStore(config.base / target.path)
    return _kafka(config, read_secret) if target.type == "kafka" else _rabbitmq(config, read_secret)


def _source_of(config: Config, target: DeadLetters) -> SourceSettings:
    """The source whose connection the letters share: the one named, or the only one of that type."""
    fitting = [s for s in config.sources if s.type == target.type and target.source in (None, s.name)]
    if len(fitting) != 1:
        raise ConfigError(
            f"dead_letters of type {target.type} fit {len(fitting)} sources",
            where="dead_letters",
            hint="name one with `source`, or give the connection itself",
        )
    return fitting[0]
