"""The chart as Helm renders it. ``scripts/setup-chart`` brings what is needed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.conftest import require

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm"
PARTS = ROOT / ".parts"
CI = sorted((CHART / "ci").glob("*-values.yaml"))
MINIMAL = CHART / "ci" / "minimal-values.yaml"
FULL = CHART / "ci" / "full-values.yaml"

Object = dict[str, Any]


def program(name: str) -> str:
    """Its path; a machine without it skips the test, or fails it where it must be there."""
    found = shutil.which(name, path=os.pathsep.join([str(PARTS / "bin"), os.environ.get("PATH", "")]))
    require("" if found else f"no {name} here: scripts/setup-chart brings it")
    return found or ""


def run(*words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, successful or not."""
    command = [*map(str, words)]
    whole = {**os.environ, **env}
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env=whole)


def rendered(values: Path, *words: str | Path, chart: Path = CHART, helm: str = "helm") -> list[Object]:
    """All objects of a release ``shop`` in the namespace ``data``, on the oldest Kubernetes."""
    where = ("--namespace", "data", "--kube-version", "1.27.0")
    ran = run(program(helm), "template", "shop", chart, *where, "-f", values, *words)
    assert ran.returncode == 0, ran.stderr
    return [document for document in YAML(typ="safe").load_all(ran.stdout) if document]


def one(objects: Sequence[Object], kind: str, name: str = "shop-filum-bridge") -> Object:
    """The only object of that kind and name."""
    (found,) = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def pod_of(workload: Object) -> Object:
    """The pod that an object is, or makes: with ``metadata`` and ``spec``."""
    return workload if workload["kind"] == "Pod" else workload["spec"]["template"]


def lay_out(objects: Sequence[Object], pod: Object, root: Path) -> None:
    """Write what the pod's ConfigMaps hold where it mounts them, below ``root``."""
    maps = {each["metadata"]["name"]: each.get("data", {}) for each in objects if each["kind"] == "ConfigMap"}
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    for mount in pod["spec"]["containers"][0]["volumeMounts"]:
        folder = root / mount["mountPath"].lstrip("/")
        folder.mkdir(parents=True, exist_ok=True)
        source: Mapping[str, Any] = volumes[mount["name"]].get("configMap", {})
        for name, text in maps.get(source.get("name", ""), {}).items():
            (folder / name).write_text(text)


def containers(pod: Object) -> list[Object]:
    """In the order in which they run."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
