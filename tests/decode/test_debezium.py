"""Debezium: what a rule sees of changes, and what is filtered beside them."""

import base64
import json
from typing import Any

import pytest

from bridge.config import Limits
from bridge.decode import Document, decode
from bridge.model import Filtered, Headers, Poison, Reason, Record, Scope, Stream


def document(body: Any, headers: Headers = (), *, topic: str = "db1.shop.rows") -> Document:
    record = Record(Stream("s", topic), 1, 1, json.dumps(body).encode(), headers=headers)
    made = decode(record, "json", Limits())
    assert isinstance(made, Document)
    return made


def scope(one: Document, envelope: str = "debezium") -> Scope:
    found = one.unwrap(envelope)
    assert isinstance(found, Scope), found
    return found


def poison(one: Document, envelope: str = "debezium") -> str:
    found = one.unwrap(envelope)
    assert isinstance(found, Poison), found
    assert found.reason is Reason.UNDECODABLE
    return found.error


ROW = {"id": 1, "name": "Hà"}


def test_a_change_is_the_row_after_it() -> None:
    """`before`, `op` and `source` are in scope."""
    change = {"op": "u", "before": {"id": 1}, "after": ROW, "source": {"db": "shop"}, "ts_ms": 1}
    assert scope(document(change)) == Scope(ROW, {"id": 1}, "u", {"db": "shop"})


def test_a_delete_is_the_row_before_it() -> None:
    """There is no row after it."""
    assert scope(document({"op": "d", "before": ROW, "after": None})).event == ROW


def test_the_schema_wrapper_is_taken_off() -> None:
    """With `schemas.enable` the change is under `payload`."""
    wrapped = {"schema": {"type": "struct", "fields": []}, "payload": {"op": "c", "after": ROW}}
    assert scope(document(wrapped)).event == ROW


def test_a_wrapped_null_is_a_tombstone() -> None:
    """As the wrapper writes it."""
    assert document({"schema": None, "payload": None}).unwrap("debezium") == Filtered("tombstone")


@pytest.mark.parametrize("body", [{"after": ROW}, ROW, [], "x", 5, {"op": 1, "after": ROW}])
def test_without_an_op_it_is_no_change(body: Any) -> None:
    """A plain message under `envelope: debezium` is poison, not an event of nulls."""
    assert "`op` is missing" in poison(document(body))


def test_an_insert_without_a_row_is_poison() -> None:
    """Nothing can be made of it."""
    assert "`after` is missing" in poison(document({"op": "c", "after": None}))


def _decimal(unscaled: int) -> str:
    return base64.b64encode(unscaled.to_bytes(12, "big", signed=True)).decode()


def _wrapped(field: dict[str, Any], value: Any) -> Document:
    row = {"type": "struct", "field": "after", "fields": [{"field": "price", **field}]}
    return document(
        {"schema": {"type": "struct", "fields": [row]}, "payload": {"op": "c", "after": {"price": value}}}
    )


def _price(field: dict[str, Any], value: Any) -> Any:
    return scope(_wrapped(field, value)).event["price"]


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
    assert "decimal" in poison(_wrapped(DECIMAL, value))


def test_dates_and_times_stay_as_they_are_on_the_wire() -> None:
    """Their unit is the connector's business, so the rule says it."""
    micro = {"type": "int64", "name": "io.debezium.time.MicroTimestamp"}
    assert _price(micro, 1721030293096000) == 1721030293096000


@pytest.mark.parametrize("op", ["c", "r", "u"])
def test_every_op_with_a_row_is_seen_with_and_without_the_wrapper(op: str) -> None:
    """A snapshot's `r` too."""
    change = {"op": op, "before": None, "after": ROW, "ts_ms": 1, "transaction": None}
    wrapped = {"schema": {"type": "struct", "fields": []}, "payload": change}
    assert scope(document(change)) == scope(document(wrapped)) == Scope(ROW, op=op)


def test_a_delete_without_the_old_row_is_seen() -> None:
    """A table without replica identity gives none; the key may tell who it was."""
    assert scope(document({"op": "d", "before": None, "after": None})) == Scope(None, op="d")


def test_a_message_is_the_event_of_op_m() -> None:
    """PostgreSQL's logical decoding messages have no row."""
    message = {"prefix": "orders", "content": "e30="}
    assert scope(document({"op": "m", "message": message, "source": {}})).event == message


BESIDE = {
    "truncate": {"op": "t", "before": None, "after": None, "source": {}, "ts_ms": 1},
    "heartbeat": {"ts_ms": 1721030293250},
    "transaction": {"status": "BEGIN", "id": "571:53195829", "ts_ms": 1, "event_count": None}
    | {"data_collections": None},
    "schema_change": {"source": {}, "ts_ms": 1, "databaseName": "shop", "ddl": None, "tableChanges": []},
}


@pytest.mark.parametrize("why", BESIDE)
def test_what_a_connector_writes_beside_rows_is_filtered_with_its_reason(why: str) -> None:
    """With and without the wrapper."""
    wrapped = {"schema": {"type": "struct", "fields": []}, "payload": BESIDE[why]}
    assert document(BESIDE[why]).unwrap("debezium") == Filtered(why)
    assert document(wrapped).unwrap("debezium") == Filtered(why)


def test_a_heartbeat_is_told_by_its_topic_too() -> None:
    """Whatever else it may hold; a row is a row on any topic."""
    topic = "__debezium-heartbeat.db1"
    assert document({"ts_ms": 1, "n": 2}, topic=topic).unwrap("debezium") == Filtered("heartbeat")
    assert scope(document({"op": "c", "after": ROW}, topic=topic)).event == ROW


@pytest.mark.parametrize("body", [{"status": "BEGIN"}, {"ts_ms": 1, "id": 5}, {"ddl": "x"}, {}])
def test_rows_that_merely_resemble_those_are_poison(body: Any) -> None:
    """A flattened table under `envelope: debezium` must not vanish as filtered."""
    assert "`op` is missing" in poison(document(body))


@pytest.mark.parametrize(
    "schema",
    [
        {"name": ["x"], "type": "struct"},
        {"type": "struct", "fields": 5},
        {"type": "struct", "fields": [{"field": ["after"]}, 7, {"field": "after", "type": {}}]},
        {"type": "map", "values": 3},
        {"type": "array", "items": None},
    ],
)
def test_a_schema_that_is_none_is_ignored(schema: Any) -> None:
    """It can only say where Decimals are."""
    assert scope(document({"schema": schema, "payload": {"op": "c", "after": ROW}})).event == ROW


@pytest.mark.parametrize("scale", [None, "x", [], "9" * 5000, 10**9])
def test_a_scale_that_is_none_is_poison(scale: Any) -> None:
    """Nothing is guessed about money."""
    assert "decimal" in poison(_wrapped({**DECIMAL, "parameters": {"scale": scale}}, _decimal(1)))


EVENT = {
    "id": "name:crm;lsn:29274832;txId:565",
    "source": "/debezium/postgresql/crm",
    "specversion": "1.0",
    "type": "io.debezium.connector.postgresql.DataChangeEvent",
    "time": "2020-01-13T13:55:39.738Z",
    "datacontenttype": "application/json",
    "iodebeziumop": "u",
    "iodebeziumtable": "tickets",
}
CHANGE = {"before": {"id": 0}, "after": ROW}


@pytest.mark.parametrize("headers", [(), (("content-type", b"application/cloudevents+json"),)])
def test_a_change_within_a_cloudevent_is_seen_as_if_it_were_plain(headers: Headers) -> None:
    """As Debezium's CloudEvents converter writes it; the attributes are there as well."""
    for data in (CHANGE, {"schema": {"type": "struct", "fields": []}, "payload": CHANGE}):
        one = document({**EVENT, "data": data}, headers)
        assert scope(one) == Scope(ROW, {"id": 0}, "u", None, EVENT, EVENT["time"])
        assert scope(one, "cloudevents").event == data


@pytest.mark.parametrize("envelope", ["cloudevents", "debezium"])
def test_an_id_of_debezium_s_converter_is_no_identity(envelope: str) -> None:
    """Of MySQL it is the same for all rows of one statement."""
    assert scope(document({**EVENT, "data": CHANGE}), envelope).identity is None
    assert scope(document({**EVENT, "iodebeziumop": "", "data": CHANGE}), "cloudevents").identity is None


def test_the_op_of_the_data_goes_before_that_of_the_attributes() -> None:
    """Whole change events as data keep their `source` too."""
    data = {**CHANGE, "op": "c", "source": {"db": "crm"}}
    found = scope(document({**EVENT, "data": data}))
    assert (found.op, found.source) == ("c", {"db": "crm"})


def test_a_change_within_a_binary_cloudevent_is_seen() -> None:
    """The attributes are headers."""
    headers: Headers = tuple((f"ce_{name}", value.encode()) for name, value in EVENT.items())
    assert scope(document(CHANGE, headers)).cloudevent == EVENT
    assert scope(document(CHANGE, headers)).event == ROW


def test_a_cloudevent_without_an_op_is_no_change() -> None:
    """Its converter may be told to leave the attributes out; Avro data is base64 text."""
    bare = {name: value for name, value in EVENT.items() if name != "iodebeziumop"}
    assert "`op` is missing" in poison(document({**bare, "data": CHANGE}))
    assert "`op` is missing" in poison(document({**EVENT, "data": "AAAAAAEAAgICAg=="}))
    assert document({**EVENT, "data": None}).unwrap("debezium") == Filtered("tombstone")


def test_decimals_within_a_cloudevent_are_exact() -> None:
    """Their schema comes with the data."""
    row = {"type": "struct", "field": "after", "fields": [{"field": "price", **DECIMAL}]}
    schema = {"type": "struct", "fields": [row]}
    data = {"schema": schema, "payload": {"before": None, "after": {"price": _decimal(1234)}}}
    assert scope(document({**EVENT, "data": data})).event == {"price": "12.34"}
