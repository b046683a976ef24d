"""``helm/values.schema.json``: closed, and for ``config`` as strict as the bridge itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from bridge.cli.schema import config_schema
from tests.helm.values_file import Value

_DIALECT = "http://json-schema.org/draft-07/schema#"
_TYPES = {bool: "boolean", int: "integer", str: "string", list: "array"}
_AT_LEAST_ONE = {"type": "integer", "minimum": 1}

_PROBE = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "initialDelaySeconds": {"type": "integer", "minimum": 0},
        "periodSeconds": _AT_LEAST_ONE,
        "timeoutSeconds": _AT_LEAST_ONE,
        "failureThreshold": _AT_LEAST_ONE,
    },
}
_EXTERNAL_SECRET = {
    "type": "object",
    "additionalProperties": False,
    "required": ["secretStoreRef"],
    "anyOf": [{"required": ["data"]}, {"required": ["dataFrom"]}],
    "properties": {
        "refreshInterval": {"type": "string", "pattern": "^([0-9]+[hms])+$"},
        "secretStoreRef": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "minLength": 1},
                "kind": {"enum": ["SecretStore", "ClusterSecretStore"]},
            },
        },
        "data": {"type": "array", "items": {"type": "object"}},
        "dataFrom": {"type": "array", "items": {"type": "object"}},
    },
}
_SECRET = {
    "type": "object",
    "additionalProperties": False,
    "oneOf": [{"required": ["existingSecret"]}, {"required": ["externalSecret"]}],
    "properties": {
        "existingSecret": {"type": "string", "minLength": 1},
        "externalSecret": _EXTERNAL_SECRET,
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["key", "path"],
                "properties": {"key": {"type": "string"}, "path": {"type": "string"}},
            },
        },
    },
}
_TRIGGER = {
    "type": "object",
    "additionalProperties": False,
    "required": ["type", "metadata", "target"],
    "properties": {
        "type": {"type": "string", "minLength": 1},
        "name": {
            "type": "string",
            "pattern": "^[a-z][a-zA-Z0-9_]*$",
            "not": {"pattern": "^(held|pods|lag_[0-9]+)$"},
        },
        "target": {"type": "number", "exclusiveMinimum": 0},
        "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
        "authenticationRef": {"type": "object"},
        "useCachedMetrics": {"type": "boolean"},
    },
}


def schema_text(values: Sequence[Value]) -> str:
    """The whole file."""
    # A chart that this one is part of may hand down `global`.
    properties = {"global": {"type": "object"}} | {value.path[-1]: _schema_of(value) for value in values}
    whole = {
        "$schema": _DIALECT,
        "title": "Values of the chart filum-bridge",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "definitions": {"probe": _PROBE, "secret": _SECRET, "trigger": _TRIGGER, **_config_definitions()},
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _schema_of(value: Value) -> dict[str, Any]:
    if "$ref" in value.schema:
        return value.schema
    told: dict[str, Any] = {"description": value.text} if value.text else {}
    if value.is_group:
        properties = {child.path[-1]: _schema_of(child) for child in value.children}
        return {**told, "type": "object", "additionalProperties": False, "properties": properties}
    if isinstance(value.default, dict):
        return {**told, "type": "object", "additionalProperties": False, **value.schema}
    if isinstance(value.default, list) and "items" not in value.schema:
        raise ValueError(f"{'.'.join(value.path)}: what does the list hold? (@schema {{items: …}})")
    inferred = {} if "enum" in value.schema else {"type": _TYPES[type(value.default)]}
    return {**told, **inferred, **value.schema}


def _config_definitions() -> dict[str, Any]:
    """The bridge's own schema, less what the chart sets. Whether all is there that must be, templates say."""
    # What this dialect calls definitions.
    bridge: dict[str, Any] = json.loads(json.dumps(config_schema()).replace("#/$defs/", "#/definitions/"))
    definitions: dict[str, Any] = bridge["$defs"]
    for ours in ("host", "port"):
        del definitions["Admin"]["properties"][ours]
    config = {key: bridge[key] for key in ("type", "additionalProperties", "properties")}
    del config["properties"]["rules"]
    return {"config": config, **definitions}
