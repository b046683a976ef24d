"""CloudEvents, Debezium and the outbox: what a rule sees under each envelope."""

import base64
import json
from typing import Any

import pytest

from bridge.config import Limits
from bridge.decode import Document, decode
from bridge.model import Filtered, Headers, Poison, Reason, Record, Scope, Stream

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
    one = document({"a": 1})
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
    assert "batches" in poison(document([], content_type="application/cloudevents-batch+json"), "auto")


def test_source_and_id_are_joined_unambiguously() -> None:
    """Moving a character from one to the other makes another identity."""
    one = scope(document({**CE, "source": "/a", "id": "b1"}), "cloudevents").identity
    other = scope(document({**CE, "source": "/ab", "id": "1"}), "cloudevents").identity
    assert one != other


UUID = "6f1d2c3b-4a59-4867-9d7e-0a1b2c3d4e5f"


def test_the_outbox_router_header_is_the_identity() -> None:
    """Debezium's outbox router names every event by a UUID in the header `id`."""
    plain = scope(document({}, (("id", UUID.encode()),))).identity
    assert plain == f"outbox:t:{UUID}"
    assert scope(document({}, (("id", f'"{UUID}"'.encode()),))).identity == plain


@pytest.mark.parametrize("value", [b"77", b"", None, b"customer-77", UUID.encode() + b"-1"])
def test_an_id_header_that_is_no_uuid_is_not_believed(value: bytes | None) -> None:
    """A customer number there would give many events one id."""
    assert scope(document({}, (("id", value),))).identity is None


ROW = {"id": 1, "name": "Hà"}


def test_a_change_is_the_row_after_it() -> None:
    """`before`, `op` and `source` are in scope."""
    change = {"op": "u", "before": {"id": 1}, "after": ROW, "source": {"db": "shop"}, "ts_ms": 1}
    assert scope(document(change), "debezium") == Scope(ROW, {"id": 1}, "u", {"db": "shop"})


def test_a_delete_is_the_row_before_it() -> None:
    """There is no row after it."""
    assert scope(document({"op": "d", "before": ROW, "after": None}), "debezium").event == ROW


def test_the_schema_wrapper_is_taken_off() -> None:
    """With `schemas.enable` the change is under `payload`."""
    wrapped = {"schema": {"type": "struct", "fields": []}, "payload": {"op": "c", "after": ROW}}
    assert scope(document(wrapped), "debezium").event == ROW


def test_a_wrapped_null_is_a_tombstone() -> None:
    """As the wrapper writes it."""
    assert document({"schema": None, "payload": None}).unwrap("debezium") == Filtered("tombstone")


@pytest.mark.parametrize("body", [{"after": ROW}, ROW, [], "x", 5, {"op": 1, "after": ROW}])
def test_without_an_op_it_is_no_change(body: Any) -> None:
    """A plain message under `envelope: debezium` is poison, not an event of nulls."""
    assert "`op` is missing" in poison(document(body), "debezium")


def test_an_insert_without_a_row_is_poison() -> None:
    """Nothing can be made of it."""
    assert "`after` is missing" in poison(document({"op": "c", "after": None}), "debezium")


def _decimal(unscaled: int) -> str:
    return base64.b64encode(unscaled.to_bytes(12, "big", signed=True)).decode()


def _wrapped(field: dict[str, Any], value: Any) -> Document:
    row = {"type": "struct", "field": "after", "fields": [{"field": "price", **field}]}
    return document(
        {"schema": {"type": "struct", "fields": [row]}, "payload": {"op": "c", "after": {"price": value}}}
    )


def _price(field: dict[str, Any], value: Any) -> Any:
    return scope(_wrapped(field, value), "debezium").event["price"]


DECIMAL = {"type": "bytes", "name": "org.apache.kafka.connect.data.Decimal", "parameters": {"scale": "2"}}


@pytest.mark.parametrize(
    ("unscaled", "text"),
    [(1234, "12.34"), (-5, "-0.05"), (0, "0.00"), (10**24 + 1, "10000000000000000000000.01")],
)
def test_a_decimal_becomes_exact_text(unscaled: int, text: str) -> None:
    """No double on the way, so no digit is lost."""
    assert _price(DECIMAL, _decimal(unscaled)) == text


def test_decimals_in_lists_and_of_variable_scale_too() -> None:
    """The schema is followed into arrays; a variable scale travels with the value."""
    assert _price({"type": "array", "items": DECIMAL}, [_decimal(1), None]) == ["0.01", None]
    variable = {"type": "struct", "name": "io.debezium.data.VariableScaleDecimal"}
    assert _price(variable, {"scale": 3, "value": _decimal(1500)}) == "1.500"
    assert _price(DECIMAL, None) is None


@pytest.mark.parametrize("value", ["%%%", "", base64.b64encode(b"x" * 2000).decode()])
def test_a_decimal_that_contradicts_its_schema_is_poison(value: str) -> None:
    """Neither wrong base64 nor a number of megabytes is tried."""
    assert "decimal" in poison(_wrapped(DECIMAL, value), "debezium")


def test_dates_and_times_stay_as_they_are_on_the_wire() -> None:
    """Their unit is the connector's business, so the rule says it."""
    micro = {"type": "int64", "name": "io.debezium.time.MicroTimestamp"}
    assert _price(micro, 1721030293096000) == 1721030293096000
