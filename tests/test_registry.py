"""The whole bridge with a schema registry: what waits, what does not, and what is poison."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.config_file import load_config
from bridge.consumers.memory import MemorySettings
from bridge.errors import ConfigErrors
from tests.canned_registry import CannedRegistry
from tests.inprocess import RULES, World

ROOT = Path(__file__).parents[1]

LETS_EVERYTHING_PASS = {"schema": "true", "schemaType": "JSON"}
NOT_FOUND = {"error_code": 40403, "message": "Schema not found"}


@pytest.fixture
def registry() -> Iterator[CannedRegistry]:
    with CannedRegistry.running() as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, registry: CannedRegistry) -> World:
    sources = [{"name": "shop", "type": "memory", "decode": "json_schema"}]
    return World(tmp_path, sources=sources, schema_registry={"url": registry.url})


def order(world: World, schema: int, user: str, seq: int, partition: int = 0) -> None:
    body = json.dumps({"kind": "order", "user": user, "seq": seq}).encode()
    world.broker.produce("orders", b"\x00" + schema.to_bytes(4, "big") + body, partition=partition)


def seen(world: World) -> list[tuple[str, int]]:
    return [(e["user_id"], e["event_params"][0]["value"]["int_value"]) for e in world.accepted]


def fetches(world: World, outcome: str) -> float:
    return world.snapshot().value("schema_fetches_total", outcome=outcome)


def test_a_partition_waits_for_its_schema_and_no_other_does(world: World, registry: CannedRegistry) -> None:
    """While the registry answers 503 for one schema: nothing lost, order kept, the reason shown."""
    registry.answers["/schemas/ids/1"] = 200, LETS_EVERYTHING_PASS
    registry.answers["/schemas/ids/2"] = 503, "later"
    order(world, 1, "ann", 0)
    for seq in range(1, 21):
        order(world, 2 if seq == 1 else 1, "ann", seq)
    order(world, 1, "bob", 0, partition=1)

    async def story() -> None:
        await world.until(lambda: len(world.accepted) == 2 and fetches(world, "unavailable") > 1)
        shot = world.snapshot()
        assert shot.value("stalled", source="shop", destination="", reason="registry_unavailable") == 1
        await world.until(lambda: world.snapshot().value("partitions_paused", source="shop") == 1)
        assert world.committed() == 2
        registry.answers["/schemas/ids/2"] = 200, LETS_EVERYTHING_PASS
        await world.until(lambda: world.committed() == 22)
        shot = world.snapshot()
        assert shot.value("stalled", source="shop", destination="", reason="registry_unavailable") == 0

    world.run(story)

    assert [one for one in seen(world) if one[0] == "ann"] == [("ann", seq) for seq in range(21)]
    assert world.letters() == []
    assert registry.paths.count("/apis/schemas/ids/1") == 1


@pytest.mark.parametrize("kind", ["revoke", "lose"])
def test_what_waits_is_given_back_when_its_partition_goes(
    world: World, registry: CannedRegistry, kind: str
) -> None:
    """Fenced, not sent by the schema's late arrival, and read again by whoever has the partition then."""
    registry.answers["/schemas/ids/2"] = 404, NOT_FOUND
    for seq in range(5):
        order(world, 2, "ann", seq)

    async def story() -> None:
        await world.until(lambda: fetches(world, "unknown") > 0)
        getattr(world.broker, kind)("bridge")
        await world.until(lambda: world.app.watch.summary()["given_back"] == 5)
        await world.until(lambda: world.app.watch.summary()["in_flight"] == 5)
        registry.answers["/schemas/ids/2"] = 200, LETS_EVERYTHING_PASS
        await world.until(lambda: world.committed() == 5)

    world.run(story)

    assert seen(world) == [("ann", seq) for seq in range(5)]


def test_bytes_that_contradict_are_letters_and_stop_nobody(world: World, registry: CannedRegistry) -> None:
    """Not framed, against the schema, or with a schema that cannot be used; each with its reason."""
    registry.answers["/schemas/ids/1"] = 200, {**LETS_EVERYTHING_PASS, "schema": '{"required": ["user"]}'}
    registry.answers["/schemas/ids/3"] = 200, {"schema": '"string"', "schemaType": "AVRO"}
    world.broker.produce("orders", b'{"kind": "order"}')
    world.broker.produce("orders", b"\x00\x00\x00\x00\x01{}")
    order(world, 3, "ann", 0)
    order(world, 1, "ann", 1)

    async def story() -> None:
        await world.until(lambda: world.committed() == 4)

    world.run(story)

    assert seen(world) == [("ann", 1)]
    assert [letter["headers"]["bridge-reason"] for letter in world.letters()] == ["undecodable"] * 3
    errors = [letter["headers"]["bridge-error"] for letter in world.letters()]
    assert errors == [
        "magic byte 123, not 0: not in the schema registry's wire format",
        "the body contradicts its schema at required",
        "schema 3 cannot be used: it is of type AVRO, and the source says `decode: json_schema`",
    ]


def test_leaving_does_not_wait_for_a_registry(world: World, registry: CannedRegistry) -> None:
    """What waits is given back, uncommitted."""
    registry.answers["/schemas/ids/2"] = 503, ""
    order(world, 2, "ann", 0)

    async def story() -> None:
        await world.until(lambda: fetches(world, "unavailable") > 0)

    world.run(story)

    assert world.committed() == 0
    assert world.app.watch.summary()["given_back"] == 1


def write_config(home: Path, source: dict[str, Any], **more: Any) -> None:
    (home / "rules.yaml").write_text(RULES)
    (home / "in.jsonl").write_text("")
    whole = {
        "sources": [source],
        "destinations": {"default": {"url": "http://127.0.0.1:9", "write_key": {"env": "K"}}},
        "dead_letters": {"type": "file", "path": "letters.jsonl"},
        "rules": ["rules.yaml"],
        "admin": {"host": "127.0.0.1", "port": 0},
        **more,
    }
    (home / "bridge.yaml").write_text(json.dumps(whole))


@pytest.mark.parametrize("source", [{"decode": "avro"}, {"topic_decode": {"orders": "avro"}}])
def test_a_schema_needs_a_registry(tmp_path: Path, source: dict[str, Any]) -> None:
    """Refused where the configuration is read, at the key that says so."""
    write_config(tmp_path, {"name": "shop", "type": "memory", **source})
    with pytest.raises(ConfigErrors, match="`avro` needs a schema registry") as told:
        load_config(tmp_path / "bridge.yaml", environ={}, source_settings=lambda _: MemorySettings)
    assert (
        told.value.errors[0].where
        == f"sources[0].{'decode' if 'decode' in source else 'topic_decode.orders'}"
    )


WITHOUT_EXTRA = """
import sys
sys.modules.update(dict.fromkeys(["antlr4", "authlib", "fastavro", "httpx2", "jsonschema_rs", "google"]))
from bridge.__main__ import main
sys.argv = ["filum-bridge", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("check", 0, "warning: bodies with a schema need what is not installed here"),
        ("run", 2, "error: bodies with a schema need what is not installed"),
    ],
)
def test_without_the_extra_the_remedy_is_told(tmp_path: Path, command: str, code: int, said: str) -> None:
    """``run`` refuses to start; ``check`` warns, for the bridge may run elsewhere."""
    config = tmp_path / "bridge.yaml"
    write_config(
        tmp_path,
        {"name": "shop", "type": "file", "path": "in.jsonl", "decode": "avro"},
        schema_registry={"url": "http://127.0.0.1:9"},
    )
    answer = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRA, command, "--config", config],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"K": "key", "PYTHONPATH": str(ROOT)},
    )

    assert answer.returncode == code, answer.stdout + answer.stderr
    assert said in answer.stdout + answer.stderr
    assert "pip install 'filum-bridge[registry]'" in answer.stdout + answer.stderr
