"""Strict JSON Schemas for kubeconform, out of the OpenAPI file of Kubernetes and a CRD file.

usage: schemas.py OUT_FOLDER SWAGGER_JSON CRD_YAML...

Writes ``GROUP_VERSION_KIND.json``; the core group's name is its version, as kubeconform has it. Strict
means: an object that lists its fields takes no others.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

_TEXT_OR_NUMBER = (
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
    "io.k8s.apimachinery.pkg.api.resource.Quantity",
)

_KINDS = ("ConfigMap", "Deployment", "ServiceAccount")
_REFERENCE = re.compile(r'"#/definitions/([^"]+)"')


def strict(schema: Any) -> Any:
    """The same, closed wherever fields are listed."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["string", "integer"]}
    closed = {key: strict(value) for key, value in schema.items() if key not in ("format", "properties")}
    if "properties" in schema:
        closed["properties"] = {name: strict(value) for name, value in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            closed.setdefault("additionalProperties", False)
    return closed


def needed(name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """A definition and all that it refers to."""
    found: dict[str, Any] = {}
    ahead = {name}
    while ahead:
        one = ahead.pop()
        found[one] = definitions[one]
        ahead |= set(_REFERENCE.findall(json.dumps(definitions[one]))) - found.keys()
    return found


def of_kubernetes(swagger: Path) -> dict[str, Any]:
    """File name → schema of the kinds that the chart renders."""
    definitions = {name: strict(one) for name, one in json.loads(swagger.read_text())["definitions"].items()}
    definitions |= {name: {"type": ["string", "number"]} for name in _TEXT_OR_NUMBER}
    return {
        _file_name(kind["group"], kind["version"], kind["kind"]): {
            **one,
            "definitions": needed(name, definitions),
        }
        for name, one in definitions.items()
        for kind in one.get("x-kubernetes-group-version-kind", [])
        if kind["kind"] in _KINDS
    }


def of_crd(file: Path) -> dict[str, Any]:
    """The same of a custom resource."""
    spec = YAML(typ="safe").load(file)["spec"]
    group, kind = spec["group"], spec["names"]["kind"]
    found = {}
    for version in spec["versions"]:
        schema = strict(version["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"type": "object"}
        found[_file_name(group, version["name"], kind)] = schema
    return found


def _file_name(group: str, version: str, kind: str) -> str:
    return f"{group or version}_{version}_{kind.lower()}.json"


def main(out: Path, swagger: Path, *crds: Path) -> None:
    """Write the files."""
    schemas = of_kubernetes(swagger)
    for crd in crds:
        schemas |= of_crd(crd)
    out.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas.items():
        (out / name).write_text(json.dumps(schema))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
