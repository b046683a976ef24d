"""What the extra ``registry`` brings, put together. Import it by ``open_schemas`` only."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from bridge.config import SchemaRegistry
from bridge.decode.avro_body import avro_reader
from bridge.decode.json_body import Undecodable
from bridge.decode.json_schema_body import json_schema_reader
from bridge.decode.protobuf_body import protobuf_reader
from bridge.decode.schema import TYPE_OF, Read, Schema, SchemaKind
from bridge.decode.schema_client import Address, SchemaClient
from bridge.decode.schemas import Schemas, Watcher

_READERS: dict[SchemaKind, Callable[[Schema, int], Read]] = {
    "avro": avro_reader,
    "protobuf": protobuf_reader,
    "json_schema": json_schema_reader,
}


def compile_reader(kind: SchemaKind, schema: Schema, max_depth: int) -> Read:
    """How bodies of one schema are read.

    Raises:
        Undecodable: a schema of another kind, or one that is none.
    """
    if schema.type != TYPE_OF[kind]:
        raise Undecodable(f"it is of type {schema.type}, and the source says `decode: {kind}`")
    return _READERS[kind](schema, max_depth)


def schemas_of(
    settings: SchemaRegistry, password: Callable[[], str] | None, max_depth: int, watcher: Watcher
) -> Schemas:
    """The schemas of a registry; see ``open_schemas``."""
    address = Address(settings.url, settings.username, password, settings.ca)

    def compiled(kind: SchemaKind, schema: Schema) -> Read:
        return compile_reader(kind, schema, max_depth)

    return Schemas(SchemaClient(address), compiled, watcher, time.monotonic, random.random)
