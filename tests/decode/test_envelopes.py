"""CloudEvents, and bodies without an envelope: what a rule sees."""

import base64
import json
from typing import Any

import pytest

from bridge.config import Limits
from bridge.decode import Document, decode
from bridge.model import Headers, Poison, Reason, Record, Scope, Stream

CE = {"specversion": "1.0", "id": "e-1", "source": "/app", "type": "opened", "time": "2024-07-15T07:58:13Z"}


def document(body: Any, headers: Headers = (), *, kind: Any = "json", **fields: Any) -> Document:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    made = decode(Record(Stream("s", "t"), 1, 1, data, headers=headers, **fields), kind, Limits())
    assert isinstance(made, Document)
    return made


def scope(one: Document, envelope: str = "auto") -> Scope:
    found = one.unwrap(envelope)
    assert isinstance(found, Scope), found
    return found


def poison(one: Document, envelope: str) -> str:
    found = one.unwrap(envelope)
    assert isinstance(found, Poison)
    assert found.reason is Reason.UNDECODABLE
    return found.error


def headers_of(prefix: str, **attributes: str) -> Headers:
    return tuple((prefix + name, value.encode()) for name, value in attributes.items())


def test_without_an_envelope_the_body_is_the_event() -> None:
    """Nothing else is in scope."""
    assert scope(document({"a": 1}), "none") == Scope({"a": 1})
    assert scope(document({"a": 1}), "auto") == Scope({"a": 1})


def test_an_envelope_is_taken_off_once() -> None:
    """Rules that share an envelope share the scope."""
    one = document({"a": 1}, headers_of("ce_", **CE))
    assert one.unwrap("auto") is one.unwrap("auto")


@pytest.mark.parametrize("prefix", ["ce_", "cloudEvents_", "cloudEvents:"])
def test_a_binary_cloudevent_is_recognised_by_its_headers(prefix: str) -> None:
    """Kafka's and AMQP's prefixes; the body is the data."""
    found = scope(document({"a": 1}, headers_of(prefix, **CE)))
    assert found.event == {"a": 1}
    assert found.cloudevent == CE
    assert found.time == CE["time"]


def test_a_structured_cloudevent_is_recognised_by_its_content_type() -> None:
    """As a header on Kafka, as a property on AMQP."""
    body = {**CE, "data": {"a": 1}}
    media = "application/cloudevents+json; charset=UTF-8"
    for one in (
        document(body, (("content-type", media.encode()),)),
        document(body, content_type=media),
    ):
        assert scope(one).event == {"a": 1}
        assert scope(one).cloudevent == CE


def test_a_body_that_merely_looks_like_a_cloudevent_is_left_alone() -> None:
    """Recognised by itself only from headers or content type; said, it is read without either."""
    one = document({**CE, "data": {"a": 1}})
    assert scope(one, "auto").cloudevent is None
    assert scope(one, "cloudevents").event == {"a": 1}


def test_headers_that_make_no_whole_cloudevent_are_no_envelope() -> None:
    """Somebody else's `ce_` header does not poison the record."""
    one = document({"a": 1}, ((("ce_id"), b"1"),))
    assert scope(one) == Scope({"a": 1})
    assert "no `specversion`" in poison(document({"id": 1}, ()), "cloudevents")


@pytest.mark.parametrize("missing", ["specversion", "id", "source", "type"])
def test_a_cloudevent_needs_its_required_attributes(missing: str) -> None:
    """Said explicitly, an incomplete one is poison."""
    body = {name: value for name, value in CE.items() if name != missing}
    assert f"`{missing}`" in poison(document(body), "cloudevents")


def test_data_in_base64_is_decoded() -> None:
    """JSON by its content type, else text."""
    data = base64.b64encode(b'{"a": 1}').decode()
    assert scope(document({**CE, "data_base64": data}), "cloudevents").event == {"a": 1}
    text = {**CE, "data_base64": data, "datacontenttype": "text/plain"}
    assert scope(document(text), "cloudevents").event == '{"a": 1}'
    assert "not base64" in poison(document({**CE, "data_base64": "%%"}), "cloudevents")


def test_a_structured_cloudevent_is_json_even_in_a_text_source() -> None:
    """Its content type says so."""
    body = json.dumps({**CE, "data": 1}).encode()
    one = document(body, kind="text", content_type="application/cloudevents+json")
    assert scope(one).event == 1


def test_batches_are_refused() -> None:
    """One record is one event."""
    assert "batch" in poison(document([], content_type="application/cloudevents-batch+json"), "auto")


def test_source_and_id_are_joined_unambiguously() -> None:
    """Moving a character from one to the other makes another identity."""
    one = scope(document({**CE, "source": "/a", "id": "b1"}), "cloudevents").identity
    other = scope(document({**CE, "source": "/ab", "id": "1"}), "cloudevents").identity
    assert one != other


@pytest.mark.parametrize("envelope", ["auto", "cloudevents", "debezium"])
def test_a_batch_is_refused_on_either_broker(envelope: str) -> None:
    """By its content type, as a header or as a property; `none` sees the list as it is."""
    media = "application/cloudevents-batch+json; charset=utf-8"
    one = document([CE], (("content-type", media.encode()),))
    assert "one record is one event" in poison(one, envelope)
    assert scope(one, "none").event == [CE]


def test_extensions_are_attributes() -> None:
    """Of any JSON kind in structured mode, as text in binary mode."""
    structured = {**CE, "tenant": 5, "sampled": True, "data": {}}
    assert scope(document(structured), "cloudevents").cloudevent == {**CE, "tenant": 5, "sampled": True}
    binary = headers_of("ce_", **CE, tenant="5")
    assert scope(document({}, binary)).cloudevent == {**CE, "tenant": "5"}


@pytest.mark.parametrize("broker", ["header", "property"])
def test_the_content_type_of_a_binary_event_is_its_datacontenttype(broker: str) -> None:
    """And it does not say how the body is read: the source's `decode` does."""
    headers, fields = headers_of("ce_", **CE), {}
    if broker == "header":
        headers = (*headers, ("Content-Type", b"text/plain"))
    else:
        fields = {"content_type": "text/plain"}
    one = scope(document(b"{}", headers, kind="text", **fields))
    assert (one.event, one.cloudevent["datacontenttype"]) == ("{}", "text/plain")
    assert scope(document(b"{}", headers, **fields)).event == {}


def test_data_that_is_not_json_stays_as_it_is() -> None:
    """Structured: text in `data`, and text in base64; other bytes cannot be seen."""
    text = {**CE, "datacontenttype": "text/xml", "data": "<a/>"}
    assert scope(document(text), "cloudevents").event == "<a/>"
    image = {**CE, "datacontenttype": "image/png", "data_base64": base64.b64encode(b"\x89PNG").decode()}
    assert "not UTF-8" in poison(document(image), "cloudevents")
    assert scope(document(CE), "cloudevents").event is None
