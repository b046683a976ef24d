"""Real Kafka, real schema registry, Confluent's own serializers: what they write arrives, or waits."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema, SchemaReference
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.type import money_pb2

from tests.e2e.api import Api
from tests.e2e.bridge import Bridge
from tests.e2e.world import World
from tests.parts.apicurio import Apicurio
from tests.parts.kafka import Kafka
from tests.parts.process import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.registry]

ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "user", "type": ["null", "string"]},
        {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
        {"name": "placed_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}
RULE = """
from: {{topics: [{topic}]}}
rules:
  - name: {name}
    emit:
      - event_type: track
        event_name: Order Placed
        user_id: "{user}"
        event_params:
          Total: "{total}"
          {more}
"""
MONEY_ORDER = """
syntax = "proto3";
package shop;
import "money.proto";
import "google/protobuf/timestamp.proto";
message Ignored { string nothing = 1; }
message Order { string user = 1; Money total = 2; google.protobuf.Timestamp at = 3;
  map<string, int32> counts = 4; }
"""
MONEY = 'syntax = "proto3"; package shop; message Money { string currency = 1; int64 units = 2; }'


def rule(topic: str, name: str, user: str, total: str, more: str = "") -> str:
    return RULE.format(topic=topic, name=name, user=user, total=total, more=more)


def bridge_of(
    home: Path, kafka: Kafka, api: Api, url: str, topics: dict[str, str], rules: dict[str, str]
) -> Bridge:
    """A bridge that reads each topic as the kind it maps to; letters in a file."""
    source = {
        "name": "shop",
        "type": "kafka",
        "brokers": kafka.brokers,
        "group": f"group-{next(iter(topics))}",
        "topics": list(topics),
        "topic_decode": topics,
    }
    config = {
        "sources": [source],
        "schema_registry": {"url": url},
        "destinations": {"default": {"url": api.events_url, "write_key": {"env": "FILUM_WRITE_KEY"}}},
        "dead_letters": {"type": "file", "path": "letters.jsonl"},
    }
    return Bridge(home, config, rules)


def letters(home: Path) -> list[dict[str, Any]]:
    path = home / "letters.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def produce(kafka: Kafka, topic: str, *values: bytes | None) -> None:
    producer = Producer({"bootstrap.servers": kafka.brokers})
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(30) == 0


def avro_bodies(registry: Apicurio, topic: str, schema: object, *values: dict[str, Any]) -> list[bytes]:
    with registry.client() as client:
        serialize = AvroSerializer(client, json.dumps(schema))
        return [serialize(value, context(topic)) or b"" for value in values]


def context(topic: str) -> SerializationContext:
    return SerializationContext(topic, MessageField.VALUE)


def params(event: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: next(iter(one["value"].values())) for one in event["event_params"]}


def test_what_confluents_serializers_write_arrives(
    kafka: Kafka, registry: Apicurio, api: Api, tmp_path: Path
) -> None:
    """Avro with a decimal, Protobuf as a descriptor and as text with a reference, JSON with its schema."""
    avro, money, proto, jsons = (kafka.new_topic(kind) for kind in ("avro", "money", "proto", "jsons"))
    with registry.client() as client:
        order = {"id": "o1", "user": "ann", "total": Decimal("12.50"), "placed_at": 1_700_000_000_123}
        produce(kafka, avro, AvroSerializer(client, json.dumps(ORDER))(order, context(avro)))

        written = ProtobufSerializer(money_pb2.Money, client)
        produce(kafka, money, written(money_pb2.Money(currency_code="VND", units=7), context(money)))

        client.register_schema(f"{proto}-money", Schema(MONEY, "PROTOBUF"))
        reference = SchemaReference("money.proto", f"{proto}-money", 1)
        number = client.register_schema(f"{proto}-value", Schema(MONEY_ORDER, "PROTOBUF", [reference]))
        message = b"\x0a\x03bob\x12\x07\x0a\x03VND\x10\x05\x1a\x02\x08\x07\x22\x05\x0a\x01a\x10\x02"
        produce(kafka, proto, b"\x00" + number.to_bytes(4, "big") + b"\x02\x02" + message)

        schema = json.dumps({"title": "O", "type": "object", "properties": {"user": {"type": "string"}}})
        produce(kafka, jsons, JSONSerializer(schema, client)({"user": "cat", "total": "3"}, context(jsons)))

    rules = {
        "avro.yaml": rule(
            *(avro, "avro", "event.user", "event.total"),
            'Placed: {datetime: "time.ms(event.placed_at)"}',
        ),
        "money.yaml": rule(money, "money", "event.currency_code", "string(event.units)"),
        "proto.yaml": rule(
            *(proto, "proto", "event.user", "string(event.total.units)"),
            "Count: {int: \"event.counts['a']\"}",
        ),
        "json.yaml": rule(jsons, "json", "event.user", "event.total"),
    }
    kinds = {avro: "avro", money: "protobuf", proto: "protobuf", jsons: "json_schema"}
    bridge = bridge_of(tmp_path, kafka, api, registry.url, kinds, rules)
    bridge.start()
    try:
        wait_until(lambda: api.accepted_count() == 4, timeout_seconds=30, what="one event of each kind")
        wait_until(
            lambda: bridge.total("bridge_schema_fetches_total", 'outcome="ok"') == 4,
            timeout_seconds=10,
            what="one question for each",
        )
    finally:
        bridge.kill()

    assert {event["user_id"]: params(event) for event in api.accepted()} == {
        "ann": {"Total": "12.50", "Placed": "2023-11-14T22:13:20.123Z"},
        "VND": {"Total": "7"},
        "bob": {"Total": "5", "Count": 2},
        "cat": {"Total": "3"},
    }
    assert letters(tmp_path) == []


def test_debezium_over_avro_gives_its_row(kafka: Kafka, registry: Apicurio, api: Api, tmp_path: Path) -> None:
    """The envelope as Kafka Connect's Avro converter registers it: the row once in full, once by name."""
    topic = kafka.new_topic("cdc")
    row = {**ORDER, "name": "Value", "namespace": "shop.orders", "connect.name": "shop.orders.Value"}
    envelope = {
        "type": "record",
        "name": "Envelope",
        "namespace": "shop.orders",
        "fields": [
            {"name": "before", "type": ["null", row], "default": None},
            {"name": "after", "type": ["null", "Value"], "default": None},
            {"name": "op", "type": "string"},
        ],
    }
    after = {"id": "o1", "user": "ann", "total": Decimal("-0.05"), "placed_at": 1}
    change = {"before": None, "after": after, "op": "c"}
    produce(kafka, topic, *avro_bodies(registry, topic, envelope, change), None)
    rules = {"cdc.yaml": "envelope: debezium\n" + rule(topic, "cdc", "event.user", "event.total + op")}
    bridge = bridge_of(tmp_path, kafka, api, registry.url, {topic: "avro"}, rules)
    bridge.start()
    try:
        wait_until(lambda: api.accepted_count() == 1, timeout_seconds=30, what="the row")
    finally:
        bridge.kill()

    (event,) = api.accepted()
    assert params(event) == {"Total": "-0.05c"}


def test_a_partition_waits_for_a_registry_that_is_down(
    kafka: Kafka,
    own_registry: Callable[[], Apicurio],
    api: Api,
    tmp_path: Path,
    report: Callable[[str], None],
) -> None:
    """Down at the start: nothing of the topic moves, another topic does; then all of it, in order."""
    topic, plain = kafka.new_topic("waits"), kafka.new_topic("plain")
    registry = own_registry()
    registry.start()
    orders = ({"id": "o", "user": "ann", "total": Decimal(seq), "placed_at": 0} for seq in range(100))
    produce(kafka, topic, *avro_bodies(registry, topic, ORDER, *orders))
    produce(kafka, plain, b'{"user": "bob", "total": "1"}')
    registry.stop()
    rules = {
        "waits.yaml": rule(topic, "waits", "event.user", "event.total"),
        "plain.yaml": rule(plain, "plain", "event.user", "event.total"),
    }
    kinds = {topic: "avro", plain: "json"}
    bridge = bridge_of(tmp_path, kafka, api, registry.url, kinds, rules)
    bridge.start()
    try:
        wait_until(lambda: api.accepted_count() == 1, timeout_seconds=30, what="the other topic")
        stalled = 'reason="registry_unavailable"'
        wait_until(
            lambda: bridge.total("bridge_schema_fetches_total", 'outcome="unavailable"') > 3,
            timeout_seconds=30,
            what="some attempts",
        )
        assert bridge.total("bridge_stalled", stalled) == 1
        assert bridge.status("/readyz") == 200
        world = World(kafka, api, topic, "", bridge)
        assert world.committed() == 0
        attempts = bridge.total("bridge_schema_fetches_total", 'outcome="unavailable"')

        registry.start()
        with registry.client() as client:
            # Its schemas lay in memory: the first one registered has the id that the records name.
            client.register_schema(f"{topic}-value", Schema(json.dumps(ORDER), "AVRO"))
        wait_until(lambda: api.accepted_count() == 101, timeout_seconds=90, what="all that waited")
        wait_until(lambda: world.committed() == 100, timeout_seconds=30, what="all committed")
        wait_until(lambda: bridge.total("bridge_stalled", stalled) == 0, timeout_seconds=10, what="no stall")
    finally:
        bridge.kill()

    totals = [params(event)["Total"] for event in api.accepted() if event["user_id"] == "ann"]
    assert totals == [f"{seq}.00" for seq in range(100)]
    assert letters(tmp_path) == []
    said = (tmp_path / "bridge.log").read_text().count("schema registry unavailable")
    assert said == 1
    report(f"schema registry down at the start: {attempts:g} attempts, then 100 records in order, no letter")


def test_an_id_that_stays_unknown_is_a_letter_after_a_minute(
    kafka: Kafka, registry: Apicurio, api: Api, tmp_path: Path
) -> None:
    """Its partition waits that long; what stands behind it then goes on."""
    topic = kafka.new_topic("unknown")
    order = {"id": "1", "user": "ann", "total": Decimal(1), "placed_at": 0}
    stranger = b"\x00" + (987_654).to_bytes(4, "big") + b"data"
    produce(kafka, topic, stranger, *avro_bodies(registry, topic, ORDER, order))
    rules = {"unknown.yaml": rule(topic, "unknown", "event.user", "event.total")}
    bridge = bridge_of(tmp_path, kafka, api, registry.url, {topic: "avro"}, rules)
    bridge.start()
    try:
        wait_until(
            lambda: bridge.total("bridge_schema_fetches_total", 'outcome="unknown"') > 3,
            timeout_seconds=60,
            what="some questions",
        )
        assert bridge.total("bridge_stalled", 'reason="registry_unavailable"') == 1
        assert letters(tmp_path) == []
        wait_until(lambda: api.accepted_count() == 1, timeout_seconds=90, what="what stands behind it")
    finally:
        bridge.kill()

    (letter,) = letters(tmp_path)
    assert letter["headers"]["bridge-reason"] == "undecodable"
    assert letter["headers"]["bridge-error"] == "unknown schema id 987654"
