"""``filum-bridge schema``: JSON Schemas of configuration, rules and tests for editors, and pages of docs.

Generated from what the loader itself knows, so they cannot say other than it does; ``config/schema/`` holds
copies for editors, and a test fails when they differ.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Annotated, Any, Literal

import typer
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from bridge import consumers
from bridge.cli.reference import functions_page
from bridge.cli.rule_schema import cases_schema, rules_schema
from bridge.config import Config, parse_duration_seconds, parse_size_bytes
from bridge.rules.lint.codes import lints_page

Page = Literal["config", "rules", "cases", "functions", "lints"]
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SOURCE_TYPES = ("kafka", "rabbitmq", "file")

_REFERENCE = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"}
_DURATION = {
    "anyOf": [{"type": "string", "pattern": r"^(\d+(\.\d+)?(us|ms|s|m|h|d))+$|\$\{"}, {"const": 0}],
    "description": "A duration such as 20ms, 10s or 1m30s.",
}
_SIZE = {
    "anyOf": [
        {"type": "string", "pattern": r"^\d+\s*(B|KiB|MiB|GiB|kB|MB|GB)$|\$\{"},
        {"type": "integer", "exclusiveMinimum": 0},
    ],
    "description": "A size such as 32KiB or 64MiB; a bare number is bytes.",
}


def schema(
    what: Annotated[
        Page,
        typer.Argument(help="config, rules, cases: a JSON Schema. functions, lints: a page of reference."),
    ] = "config",
) -> None:
    """Print the JSON Schema of the configuration, of rule files or of their tests, or a reference.

    A reference is of the functions that expressions may call, or of what `check` tells.

    Examples:

      filum-bridge schema > bridge.schema.json

      filum-bridge schema rules > rules.schema.json

      filum-bridge schema functions > functions.md

      # yaml-language-server: $schema=rules.schema.json   (first line of a rule file)
    """
    sys.stdout.write(_PAGES[what]())


def schema_text(schema: dict[str, Any] | None = None) -> str:
    """A schema, by default the configuration's, as it is written to a file: two spaces, a line end."""
    return json.dumps(config_schema() if schema is None else schema, indent=2, ensure_ascii=False) + "\n"


def config_schema() -> dict[str, Any]:
    """The schema of ``bridge.yaml``: references allowed wherever a scalar is, sources by their type."""
    whole = _schema_of(Config)
    definitions: dict[str, Any] = whole.pop("$defs")
    definitions.pop("SourceSettings", None)
    del whole["properties"]["base"]
    for kind in _SOURCE_TYPES:
        source = _schema_of(consumers.load(kind).Settings)
        definitions.update(source.pop("$defs", {}))
        source["required"] = sorted({*source.get("required", []), "name", "type"})
        definitions[f"source_{kind}"] = source
    whole["properties"]["sources"]["items"] = _any_source()
    return {
        "$schema": _DIALECT,
        "title": "Filum Bridge configuration",
        **_open(whole),
        "$defs": _open(definitions),
    }


def _any_source() -> dict[str, Any]:
    """Known types are judged; those of plug-ins are let through."""
    branches = [
        {"if": {"properties": {"type": {"const": kind}}}, "then": {"$ref": f"#/$defs/source_{kind}"}}
        for kind in _SOURCE_TYPES
    ]
    return {"type": "object", "required": ["name", "type"], "allOf": branches}


class _Generator(GenerateJsonSchema):
    """Durations and sizes are text in a file, whatever number they become."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        function = schema["function"]["function"]
        if function is parse_duration_seconds:
            return dict(_DURATION)
        if function is parse_size_bytes:
            return dict(_SIZE)
        return super().function_before_schema(schema)


def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(schema_generator=_Generator)


def _open(node: Any) -> Any:
    """Let ``${VAR}`` stand where a number, a boolean or one of a list is wanted; drop what only noise is."""
    if isinstance(node, list):
        return [_open(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _open(value) for key, value in node.items() if not _is_noise(key, value)}
    if isinstance(kept.get("description"), str):
        kept["description"] = kept["description"].replace("``", "`")
    if kept.get("type") in ("integer", "number", "boolean") or "enum" in kept:
        about = {key: kept.pop(key) for key in ("description", "default") if key in kept}
        return {"anyOf": [kept, dict(_REFERENCE)], **about}
    if kept.get("type") == "string" and "pattern" in kept and kept != _REFERENCE:
        kept["pattern"] = (
            kept["pattern"] if kept["pattern"].endswith(r"|\$\{") else kept["pattern"] + r"|\$\{"
        )
    return kept


def _is_noise(key: str, value: Any) -> bool:
    """Titles repeat the key; defaults of sections, and of durations as seconds, mislead editors."""
    if key == "default":
        return value is None or isinstance(value, float | dict | list)
    return (key in ("title", "format") and isinstance(value, str)) or (key in ("ge", "gt") and value == 0)


_PAGES: dict[Page, Callable[[], str]] = {
    "config": schema_text,
    "rules": lambda: schema_text(rules_schema()),
    "cases": lambda: schema_text(cases_schema()),
    "functions": functions_page,
    "lints": lints_page,
}
