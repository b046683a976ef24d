"""Opens the schema registry where the configuration needs one; without the extra it says what to install."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import cast

from bridge.config import Config, SchemaRegistry
from bridge.decode.schema import schema_kind
from bridge.decode.schemas import Schemas, Watcher
from bridge.errors import ConfigError

REMEDY = "pip install 'filum-bridge[registry]'"
_BROUGHT = ("antlr4", "authlib", "fastavro", "httpx2", "jsonschema_rs", "proto_schema_parser")


def registry_users(config: Config) -> tuple[str, ...]:
    """The sources some of whose bodies need a schema."""
    return tuple(
        source.name
        for source in config.sources
        if any(schema_kind(kind) for kind in (source.decode, *source.topic_decode.values()))
    )


def missing_extra() -> str:
    """What of the extra ``registry`` is not installed; empty when nothing."""
    return ", ".join(name for name in _BROUGHT if find_spec(name) is None)


def open_schemas(
    settings: SchemaRegistry, password: Callable[[], str] | None, max_depth: int, watcher: Watcher
) -> Schemas:
    """The schemas of a registry, not started yet.

    Args:
        settings: where it is.
        password: gives the password as it is now; asked on the registry's thread.
        max_depth: deepest nesting of a body that is allowed.
        watcher: who is told.

    Raises:
        ConfigError: the extra ``registry`` is not installed.
    """
    if missing := missing_extra():
        raise ConfigError(f"bodies with a schema need what is not installed: {missing}", hint=REMEDY)
    registry = import_module("bridge.decode.registry")
    return cast("Schemas", registry.schemas_of(settings, password, max_depth, watcher))
