"""Bodies of letters → documents, also those whose schema must be asked for first. Owned by the loop."""

from __future__ import annotations

import asyncio
from typing import Any

from bridge.config import Config, SourceSettings
from bridge.decode import Document, Schemas, Waiting, decode
from bridge.model import Filtered, Poison, Record, Scope
from bridge.redrive.found import FoundLetter


class Decoding:
    """Decodes as the source of each letter says it.

    Args:
        config: its sources and limits.

    ``schemas`` is set where a source needs the registry.
    """

    def __init__(self, config: Config) -> None:
        self._sources: dict[str, SourceSettings] = {source.name: source for source in config.sources}
        self._limits = config.limits
        self.schemas: Schemas | None = None
        self._changed = asyncio.Event()

    def source_of(self, record: Record) -> SourceSettings | None:
        """The settings of the record's source, if there still is one."""
        return self._sources.get(record.stream.source)

    async def document(self, record: Record) -> Document | Poison | Filtered:
        """Decode; waits for the registry as long as that takes."""
        settings = self.source_of(record)
        kind = "json" if settings is None else settings.topic_decode.get(record.stream.name, settings.decode)
        while True:
            self._changed.clear()
            made = decode(record, kind, self._limits, self.schemas)
            if not isinstance(made, Waiting):
                return made
            await self._changed.wait()

    async def event(self, letter: FoundLetter) -> Any:
        """What a rule would call ``event``; None where there is no such thing."""
        made = await self.document(letter.record)
        scope = made.unwrap("auto") if isinstance(made, Document) else made
        return scope.event if isinstance(scope, Scope) else None

    def schema_asked(self, outcome: str) -> None:
        """See ``decode.schemas.Watcher``."""

    def schemas_changed(self) -> None:
        """What waits is tried again."""
        self._changed.set()
