"""JSON with a JSON Schema: what fits passes as it is, what contradicts is undecodable."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from bridge.decode.json_body import Undecodable
from bridge.decode.json_schema_body import json_schema_reader
from bridge.decode.schema import Schema
from tests.canned_registry import CannedRegistry

ORDER = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string"},
        "total": {"type": "number", "minimum": 0},
        "customer": {"$ref": "customer.json"},
    },
}
CUSTOMER = {"type": "object", "properties": {"id": {"type": "integer"}}}


def read(schema: Any, body: bytes, *references: tuple[str, Any], max_depth: int = 200) -> Any:
    texts = tuple((name, json.dumps(reference)) for name, reference in references)
    return json_schema_reader(Schema("JSON", json.dumps(schema), texts), max_depth)(body)


def test_what_fits_passes_as_it_is() -> None:
    """Also what the schema does not name; large numbers keep their digits."""
    body = b'{"id": "a", "total": 12345678901234567890, "more": [null]}'

    assert read(ORDER, body, ("customer.json", CUSTOMER)) == json.loads(body)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"{}", "at required"),
        (b'{"id": "a", "total": -7}', "at properties/total/minimum"),
        (b'{"id": "a", "customer": {"id": "secret"}}', "at properties/customer/"),
        (b'{"id": 4711}', "at properties/id/type"),
    ],
)
def test_what_contradicts_is_undecodable(body: bytes, place: str) -> None:
    """The reason names the place in the schema, and nothing of the body."""
    with pytest.raises(Undecodable, match=place) as told:
        read(ORDER, body, ("customer.json", CUSTOMER))
    assert "secret" not in str(told.value)
    assert "4711" not in str(told.value)


def test_what_is_no_json_is_undecodable() -> None:
    """The schema comes second."""
    with pytest.raises(Undecodable):
        read(True, b"{")
    with pytest.raises(Undecodable, match="deeper than 3"):
        read(True, b"[[[[]]]]", max_depth=3)


def test_a_reference_is_found_under_the_base_of_the_schema() -> None:
    """``$id`` is put before a relative name."""
    schema = {**ORDER, "$id": "https://shop.example/schemas/order.json"}
    with pytest.raises(Undecodable, match="contradicts"):
        read(schema, b'{"id": "a", "customer": 1}', ("customer.json", CUSTOMER))


def test_no_reference_is_followed_elsewhere(tmp_path: Path) -> None:
    """Neither over the network nor into files: a schema is somebody else's text."""
    (tmp_path / "x.json").write_text("true")
    with CannedRegistry.running() as server:
        server.answers["/x.json"] = 200, True
        for target in (f"{server.url}/x.json", (tmp_path / "x.json").as_uri(), "gone.json"):
            with pytest.raises(Undecodable, match="no JSON Schema"):
                read({"$ref": target}, b"{}")

        assert server.paths == []


@pytest.mark.parametrize("text", ["", "{", '{"type": "strange"}', '{"pattern": "("}', "[" * 400])
def test_a_schema_that_is_none_is_undecodable(text: str) -> None:
    """Found when it is compiled, once."""
    with pytest.raises(Undecodable):
        json_schema_reader(Schema("JSON", text), 200)


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(?=a)(a+)+$"])
def test_no_pattern_takes_for_ever(pattern: str) -> None:
    """Linear where it can be, else with a limit; Python's own would need 2^40 steps."""
    began = time.monotonic()
    with pytest.raises(Undecodable):
        read({"type": "string", "pattern": pattern}, b'"' + b"a" * 40 + b'!"')
    assert time.monotonic() - began < 5
