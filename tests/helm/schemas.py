"""What Kubernetes and its operators take, from their own sources, for kubeconform and for tests.

Writes strict JSON Schemas, ``FOLDER/GROUP_VERSION_KIND.json`` for each version of Kubernetes and for custom
resources (the core group's name is its version, as kubeconform has it), and ``keda-triggers.json``: the
parameters that KEDA's scalers read. Strict means: an object that lists its fields takes no others.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

_TEXT_OR_NUMBER = (
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
    "io.k8s.apimachinery.pkg.api.resource.Quantity",
)

_KINDS = (
    *("ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Job", "NetworkPolicy", "Pod"),
    *("PodDisruptionBudget", "Service", "ServiceAccount", "StatefulSet"),
)
_SCALERS = ("kafka", "rabbitmq", "prometheus")
_REFERENCE = re.compile(r'"#/definitions/([^"]+)"')
_KEDA_FIELD = re.compile(r'`keda:"name=(\w+),\s*([^`]*)"`')


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


def of_scaler(source: Path) -> dict[str, dict[str, list[str]]]:
    """Parameter → where KEDA looks for it (``triggerMetadata``, ``authParams``…), and what it may be."""
    found = {}
    for name, options in _KEDA_FIELD.findall(source.read_text()):
        told = dict(option.strip().partition("=")[::2] for option in options.split(","))
        found[name] = {"order": told["order"].split(";"), "enum": told.get("enum", "").split(";")}
    return found


def _file_name(group: str, version: str, kind: str) -> str:
    return f"{group or version}_{version}_{kind.lower()}.json"


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--kubernetes", nargs=2, action="append", metavar=("VERSION", "SWAGGER"))
    parser.add_argument("--crd", nargs="+", type=Path)
    parser.add_argument("--scalers", type=Path, help="KEDA's folder of scalers")
    asked = parser.parse_args()
    folders = {version: of_kubernetes(Path(swagger)) for version, swagger in asked.kubernetes}
    folders["crds"] = {name: schema for crd in asked.crd for name, schema in of_crd(crd).items()}
    for folder, schemas in folders.items():
        (asked.out / folder).mkdir(parents=True, exist_ok=True)
        for name, schema in schemas.items():
            (asked.out / folder / name).write_text(json.dumps(schema))
    triggers = {name: of_scaler(asked.scalers / f"{name}_scaler.go") for name in _SCALERS}
    (asked.out / "keda-triggers.json").write_text(json.dumps(triggers))


if __name__ == "__main__":
    main()
