"""Stage 1: brokers → records. The table of consumers, loaded when first asked for."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import cast

from bridge.consumers.base import Consumer
from bridge.errors import ConfigError

GROUP = "filum_bridge.consumers"

_BUILT_IN = {
    "kafka": "bridge.consumers.kafka:KafkaConsumer",
    "rabbitmq": "bridge.consumers.rabbitmq:RabbitConsumer",
    "file": "bridge.consumers.file:FileConsumer",
    "memory": "bridge.consumers.memory:MemoryConsumer",
}


def names() -> list[str]:
    """All types a source may have, those of installed plug-ins included."""
    return sorted({*_BUILT_IN, *(point.name for point in entry_points(group=GROUP))})


def load(kind: str) -> type[Consumer]:
    """The consumer class of a source type; built-in names cannot be taken over by a plug-in.

    Raises:
        ConfigError: no such type, or its library is not installed.
    """
    target = _BUILT_IN.get(kind) or _outside(kind)
    if target is None:
        raise ConfigError(f"unknown source type {kind!r}", hint=f"one of {', '.join(names())}")
    module, _, attribute = target.partition(":")
    try:
        return cast("type[Consumer]", getattr(import_module(module), attribute))
    except ImportError as error:
        raise ConfigError(f"source type {kind!r} cannot be loaded: {error}") from error


def _outside(kind: str) -> str | None:
    points = [point for point in entry_points(group=GROUP) if point.name == kind]
    return points[0].value if points else None
