"""The schemas that fuzzed bodies are read by: every type, logical types, recursion."""

from __future__ import annotations

from typing import Any

_LINES = {"type": "record", "name": "Line", "fields": [{"name": "sku", "type": "string"}]}
PLAIN_AVRO: dict[str, Any] = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "user", "type": "string"},
        {"name": "paid", "type": "boolean"},
        {"name": "units", "type": "long"},
        {"name": "rate", "type": "double"},
        {"name": "note", "type": ["null", "string"]},
        {"name": "lines", "type": {"type": "array", "items": _LINES}},
        {"name": "by_sku", "type": {"type": "map", "values": "int"}},
        {"name": "raw", "type": "bytes"},
        {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["NEW", "PAID"]}},
        {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 2}},
    ],
}
_CHAIN = {
    "type": "record",
    "name": "Chain",
    "fields": [{"name": "v", "type": "string"}, {"name": "next", "type": ["null", "Chain"]}],
}
_TREE = {
    "type": "record",
    "name": "Tree",
    "fields": [{"name": "kids", "type": {"type": "array", "items": "Tree"}}],
}
_DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 4}
_UUID = {"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"}
_VARIABLE = {
    "type": "record",
    "name": "VariableScaleDecimal",
    "connect.name": "io.debezium.data.VariableScaleDecimal",
    "fields": [{"name": "scale", "type": "int"}, {"name": "value", "type": "bytes"}],
}
_LOGICAL = {
    "type": "record",
    "name": "L",
    "fields": [
        {"name": "price", "type": _DECIMAL},
        {"name": "id", "type": _UUID},
        {"name": "any", "type": _VARIABLE},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "text", "type": {"type": "string", "logicalType": "uuid"}},
    ],
}
AVRO: tuple[Any, ...] = (
    PLAIN_AVRO,
    _CHAIN,
    _TREE,
    _LOGICAL,
    "string",
    "bytes",
    {"type": "map", "values": "float"},
)

ORDER_PROTO = """
syntax = "proto3";
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/wrappers.proto";
import "confluent/type/decimal.proto";

message Order {
  string id = 1;
  int64 units = 2;
  bytes raw = 4;
  double rate = 6;
  Status status = 7;
  optional string note = 8;
  oneof pay { string card = 9; int32 cash = 10; }
  repeated Line lines = 11;
  map<string, Line> by_sku = 12;
  map<int32, string> names = 13;
  google.protobuf.Timestamp at = 16;
  google.protobuf.Duration took = 17;
  google.protobuf.Struct free = 18;
  google.protobuf.StringValue maybe = 19;
  confluent.type.Decimal exact = 21;
  Order parent = 22;
  google.protobuf.Value any = 23;
  message Line { string sku = 1; Inner inner = 2; message Inner { int32 n = 1; } }
  enum Status { UNKNOWN = 0; PAID = 1; NEG = -1; }
}
message Other { string a = 1; }
"""

BODY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["user"],
    "properties": {
        "user": {"type": "string", "maxLength": 5},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}, "maxItems": 3},
        "rate": {"type": "number", "multipleOf": 0.5},
    },
    "patternProperties": {"^x-": {"type": "integer"}},
    "propertyNames": {"maxLength": 12},
    "$defs": {
        "line": {
            "type": "object",
            "properties": {"parent": {"$ref": "#/$defs/line"}},
            "additionalProperties": False,
        }
    },
}
