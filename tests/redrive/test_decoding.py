"""Bodies of letters are read as their source says it, with a schema that must be asked for first."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.config import Config, DeadLetters, Decode, Destination, SchemaRegistry, Secret, SourceSettings
from bridge.decode import Document
from bridge.model import Record
from bridge.redrive.session import decoding_of
from tests.canned_registry import CannedRegistry
from tests.redrive.lying import ORDER, found


def config_of(decode: Decode, registry: str = "") -> Config:
    return Config(
        sources=(SourceSettings(name="shop", type="kafka", topic_decode={"orders": decode}),),
        schema_registry=SchemaRegistry(url=registry) if registry else None,
        destinations={"default": Destination(url="http://x", write_key=Secret(env="K"))},
        dead_letters=DeadLetters(type="file", path=Path("x")),
        rules=("r",),
    )


def value_of(record: Record, config: Config) -> Any:
    async def run() -> Any:
        async with asyncio.timeout(20), decoding_of(config, {}) as decoding:
            made = await decoding.document(record)
            event = await decoding.event(found(record))
            assert not isinstance(made, Document) or made.value == event
            return event

    return asyncio.run(run())


def test_a_body_waits_for_its_schema() -> None:
    """Asked for once the first letter needs it."""
    with CannedRegistry.running() as registry:
        registry.answers["/schemas/ids/1"] = 200, {"schema": "true", "schemaType": "JSON"}
        record = msgspec.structs.replace(ORDER, value=b"\x00\x00\x00\x00\x01" + b'{"a": 1}')
        assert value_of(record, config_of("json_schema", registry.url)) == {"a": 1}


@pytest.mark.parametrize(("kind", "value"), [("json", {"user": "ann", "seq": 1}), ("text", ORDER.value)])
def test_a_topic_is_decoded_as_its_source_says(kind: Decode, value: Any) -> None:
    """As `topic_decode` has it."""
    wanted = value.decode() if isinstance(value, bytes) else value
    assert value_of(ORDER, config_of(kind)) == wanted


@pytest.mark.parametrize("body", [b"{", b"", None])
def test_what_cannot_be_decoded_is_no_event(body: bytes | None) -> None:
    """Nor is a tombstone."""
    assert value_of(msgspec.structs.replace(ORDER, value=body), config_of("json")) is None
