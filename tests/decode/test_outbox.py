"""Records of Debezium's outbox router: their identity and their payload."""

import json
from typing import Any

import pytest

from bridge.config import Limits
from bridge.decode import Document, decode
from bridge.model import Filtered, Headers, Record, Scope, Stream

UUID = "6f1d2c3b-4a59-4867-9d7e-0a1b2c3d4e5f"
ID: Headers = (("id", UUID.encode()),)


def scope(body: Any, headers: Headers = ID, *, envelope: str = "auto", kind: Any = "json") -> Scope:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    made = decode(Record(Stream("s", "t"), 1, 1, data, headers=headers), kind, Limits())
    assert isinstance(made, Document)
    found = made.unwrap(envelope)
    assert isinstance(found, Scope), found
    return found


def test_the_outbox_router_header_is_the_identity() -> None:
    """Debezium's outbox router names every event by a UUID in the header `id`."""
    plain = scope({}).identity
    assert plain == f"outbox:t:{UUID}"
    assert scope({}, (("id", f'"{UUID}"'.encode()),)).identity == plain


@pytest.mark.parametrize("value", [b"77", b"", None, b"customer-77", UUID.encode() + b"-1"])
def test_an_id_header_that_is_no_uuid_is_not_believed(value: bytes | None) -> None:
    """A customer number there would give many events one id."""
    assert scope({}, (("id", value),)).identity is None


@pytest.mark.parametrize("payload", [{"a": 1}, [1, 2], {"a": "\\ud800"}])
def test_a_payload_encoded_twice_is_decoded_twice(payload: Any) -> None:
    """A JSON string whose text is an object or array, with or without the schema wrapper."""
    text = " " + json.dumps(payload)
    assert scope(text).event == payload
    wrapped = {"schema": {"type": "string", "name": "io.debezium.data.Json"}, "payload": text}
    assert scope(wrapped).event == payload
    assert scope({**wrapped, "payload": payload}).event == payload


@pytest.mark.parametrize("text", ["5", "paid", "{", "[1,]", '{"a": NaN}', "", "[" * 201 + "]" * 201])
def test_other_text_stays_text(text: str) -> None:
    """A number in a string is a string; what is no JSON is no fault of the record."""
    assert scope(text).event == text


def test_text_is_decoded_again_only_for_the_outbox_and_only_under_auto() -> None:
    """Without the header, under `none` and in a text source nothing is guessed."""
    text = json.dumps({"a": 1})
    assert scope(text, ()).event == text
    assert scope(text, envelope="none").event == text
    assert scope(text.encode(), kind="text").event == text


def test_a_wrapped_null_is_a_tombstone() -> None:
    """As under `debezium`."""
    record = Record(Stream("s", "t"), 1, 1, b'{"schema": null, "payload": null}', headers=ID)
    made = decode(record, "json", Limits())
    assert isinstance(made, Document)
    assert made.unwrap("auto") == Filtered("tombstone")
