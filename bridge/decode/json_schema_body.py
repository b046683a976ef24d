"""JSON with a JSON Schema in the registry. The only user of jsonschema-rs.

A body that contradicts its schema is undecodable, as with every other kind. The validator is compiled once
a schema; it follows no reference over the network, and its patterns run in linear time where they can.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from bridge.decode.json_body import Undecodable, parse_json
from bridge.decode.schema import Read, Schema, library_says

_MAX_SCHEMA_DEPTH = 300
_BACKTRACK_LIMIT = 100_000


def json_schema_reader(schema: Schema, max_depth: int) -> Read:
    """How bodies of this schema are read.

    Args:
        schema: its text and those it refers to.
        max_depth: deepest nesting of a body that is allowed.

    Raises:
        Undecodable: no JSON Schema.
    """
    validator = _validator(schema)

    def read(data: bytes) -> Any:
        value = parse_json(data, max_depth)
        if not validator.is_valid(value):
            raise Undecodable(_problem(validator, value))
        return value

    return read


def _validator(schema: Schema) -> Any:
    texts = {name: parse_json(text.encode(), _MAX_SCHEMA_DEPTH) for name, text in schema.references}
    root = parse_json(schema.text.encode(), _MAX_SCHEMA_DEPTH)

    def retrieve(uri: str) -> Any:
        return _referred(uri, texts)

    try:
        linear = jsonschema_rs.RegexOptions()
        return jsonschema_rs.validator_for(root, retriever=retrieve, pattern_options=linear)
    except (jsonschema_rs.ValidationError, ValueError):
        # A pattern that looks ahead or behind; or there is something else wrong, which shows again.
        bounded = jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACK_LIMIT)
    try:
        return jsonschema_rs.validator_for(root, retriever=retrieve, pattern_options=bounded)
    except (jsonschema_rs.ValidationError, ValueError) as error:
        problem = library_says(getattr(error, "message", type(error).__name__))
        raise Undecodable(f"no JSON Schema: {problem}") from None


def _referred(uri: str, texts: Mapping[str, Any]) -> Any:
    """By its name, or by a name that the base of the referring schema was put before."""
    for name, schema in texts.items():
        if uri == name or uri.endswith("/" + name.removeprefix("/")):
            return schema
    raise ValueError(f"{uri} is none of its references")


def _problem(validator: Any, value: Any) -> str:
    """Where the schema is contradicted; the library's own words would show the value."""
    try:
        validator.validate(value)
    except jsonschema_rs.ValidationError as error:
        return f"the body contradicts its schema at {'/'.join(map(str, error.evaluation_path)) or 'its root'}"
    return "the body contradicts its schema"
