"""What an Avro schema says, before fastavro reads it: logical types, and how deep its values nest. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.decode.json_body import Undecodable, parse_json

MAX_SCALE = 10_000
_MAX_SCHEMA_DEPTH = 300
_UUID_BYTES = 16
_VARIABLE_SCALE = "io.debezium.data.VariableScaleDecimal"
_RECORDS = ("record", "error")


def plain_schema(text: str) -> Any:
    """A schema as data, with our logical types in place of Avro's.

    Raises:
        Undecodable: no JSON.
    """
    stripped = text.strip()
    if stripped[:1] not in ("{", "[", '"'):
        return stripped  # a primitive's bare name
    try:
        return _plain(parse_json(stripped.encode(), _MAX_SCHEMA_DEPTH))
    except Undecodable as error:
        raise Undecodable(f"no Avro schema: {error}") from None


def full_name(node: Any) -> str | None:
    """A named schema's name with its namespace."""
    name = node.get("name") if isinstance(node, dict) else None
    if not isinstance(name, str):
        return None
    namespace = node.get("namespace")
    return f"{namespace}.{name}" if namespace and "." not in name else name


def _plain(node: Any) -> Any:
    """Only where types stand: a `default` may look like a schema and is data."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: value for key, value in node.items() if key != "logicalType"}
    for key in ("type", "items", "values"):
        if key in plain:
            plain[key] = _plain(plain[key])
    if isinstance(plain.get("fields"), list):
        plain["fields"] = [_plain(field) for field in plain["fields"]]
    if logical := _logical_type(node):
        plain["logicalType"] = logical
    return plain


def _logical_type(node: Mapping[str, Any]) -> str | None:
    kind, logical = node.get("type"), node.get("logicalType")
    if logical == "decimal" and kind in ("bytes", "fixed") and _is_scale(node.get("scale", 0)):
        return "bridge-decimal"
    if logical == "uuid" and kind == "fixed" and node.get("size") == _UUID_BYTES:
        return "bridge-uuid"
    return "bridge-variable-decimal" if node.get("connect.name") == _VARIABLE_SCALE else None


def _is_scale(scale: Any) -> bool:
    return isinstance(scale, int) and 0 <= scale <= MAX_SCALE


class Shape:
    """How deep the values of a schema nest, of one that fastavro has parsed.

    Raises:
        Undecodable: a list whose elements take no bytes: it may claim any length in five bytes.
    """

    def __init__(self, parsed: Any) -> None:
        self._named: dict[str, Any] = {}
        self._open: list[str] = []
        self._depths: dict[str, int] = {}
        self.is_recursive = False
        self.depth = self._depth(parsed)

    def _depth(self, node: Any) -> int:
        if isinstance(node, list):
            return max((self._depth(branch) for branch in node), default=0)
        if isinstance(node, str):
            return self._depth_of_name(node)
        kind = node["type"]
        if kind == "array":
            inner = self._depth(node["items"])
            if self._takes_no_bytes(node["items"]):
                raise Undecodable("it has a list of elements that take no bytes")
            return 1 + inner
        if kind == "map":
            return 1 + self._depth(node["values"])
        if "name" in node:
            self._named[node["name"]] = node
            return self._depth_of_name(node["name"])
        return self._depth(kind) if isinstance(kind, dict | list) else 0

    def _depth_of_name(self, name: str) -> int:
        node = self._named.get(name)
        if node is None or node["type"] not in _RECORDS:
            return 0
        if name in self._open:
            self.is_recursive = True
            return 0
        if name not in self._depths:
            self._open.append(name)
            inner = max((self._depth(field["type"]) for field in node["fields"]), default=0)
            self._open.pop()
            self._depths[name] = 1 + inner
        return self._depths[name]

    def _takes_no_bytes(self, node: Any) -> bool:
        if isinstance(node, str):
            named = self._named.get(node)
            return node == "null" if named is None else self._takes_no_bytes(named)
        if not isinstance(node, dict):
            return False
        if node["type"] == "fixed":
            return bool(node["size"] == 0)
        if node["type"] in _RECORDS:
            return all(self._takes_no_bytes(field["type"]) for field in node["fields"])
        return bool(node["type"] == "null")
