"""The chart as Helm renders it. Needs ``helm`` (and ``kubeconform``): ``scripts/test-helm`` brings both."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bridge import consumers
from bridge.config_file import load_config, rule_files

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm"
FULL = CHART / "ci" / "full-values.yaml"
SCHEMAS = ROOT / ".parts" / "k8s-schemas"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def _program(name: str) -> str:
    path = os.pathsep.join([str(ROOT / ".parts" / "bin"), os.environ.get("PATH", "")])
    found = shutil.which(name, path=path)
    if found is None:
        pytest.skip(f"no {name} here (scripts/test-helm brings it)")
    return found


@pytest.fixture
def helm() -> Run:
    """Run helm with these words."""
    program = _program("helm")

    def run(*words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [program, *map(str, words)]
        return subprocess.run(command, check=check, capture_output=True, text=True, timeout=60)

    return run


def _render(helm: Run, *words: str | Path) -> list[dict[str, Any]]:
    text = helm("template", "shop", CHART, "--namespace", "data", "-f", FULL, *words).stdout
    return [document for document in YAML(typ="safe").load_all(text) if document]


def _one(documents: Sequence[dict[str, Any]], kind: str, name: str = "shop-filum-bridge") -> dict[str, Any]:
    (found,) = [one for one in documents if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


def test_the_chart_lints(helm: Run) -> None:
    """Strictly: warnings are errors."""
    helm("lint", "--strict", CHART, "-f", FULL)


def test_what_is_rendered_is_valid_for_kubernetes(helm: Run, tmp_path: Path) -> None:
    """No unknown field, no wrong type, in any object."""
    if not SCHEMAS.exists():
        pytest.skip("no schemas of Kubernetes here (scripts/test-helm brings them)")
    rendered = tmp_path / "all.yaml"
    rendered.write_text(helm("template", "shop", CHART, "-f", FULL).stdout)
    location = f"{SCHEMAS}/{{{{ .Group }}}}_{{{{ .ResourceAPIVersion }}}}_{{{{ .ResourceKind }}}}.json"
    command = [_program("kubeconform"), "-strict", "-summary", "-schema-location", location, str(rendered)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Valid: 5, Invalid: 0, Errors: 0, Skipped: 0" in ran.stdout


def test_the_pod_meets_the_restricted_standard(helm: Run) -> None:
    """The Pod Security Standard `restricted`, and a read-only root, without asking."""
    pod = _one(_render(helm), "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    kinds = {kind for volume in pod["volumes"] for kind in volume if kind != "name"}
    assert kinds <= {"configMap", "emptyDir", "secret"}


def test_probes_ask_the_bridge_where_it_answers(helm: Run) -> None:
    """``/livez`` and ``/readyz`` on the port that the configuration is given."""
    documents = _render(helm)
    (container,) = _one(documents, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "metrics"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}
    (port,) = container["ports"]
    config = YAML(typ="safe").load(_one(documents, "ConfigMap")["data"]["bridge.yaml"])
    assert (port["name"], port["containerPort"]) == ("metrics", config["admin"]["port"])


def test_the_bridge_accepts_the_configuration_it_is_given(helm: Run, tmp_path: Path) -> None:
    """The config map, laid out as it is mounted, loads, and finds its rule files."""
    documents = _render(helm)
    (container,) = _one(documents, "Deployment")["spec"]["template"]["spec"]["containers"]
    mounts = {mount["name"]: tmp_path / mount["mountPath"].lstrip("/") for mount in container["volumeMounts"]}
    for name, folder in (
        ("shop-filum-bridge", mounts["config"]),
        ("shop-filum-bridge-rules", mounts["rules"]),
    ):
        folder.mkdir(parents=True)
        for file, text in _one(documents, "ConfigMap", name)["data"].items():
            (folder / file).write_text(text)
    config = load_config(
        mounts["config"] / "bridge.yaml",
        environ={},
        source_settings=lambda kind: consumers.load(kind).Settings,
    )
    assert [path.name for path in rule_files(config)] == ["orders.yaml"]


def test_a_changed_configuration_replaces_the_pods(helm: Run) -> None:
    """The checksum follows the configuration; rules reload under the running pods."""

    def checksum(*words: str) -> str:
        template = _one(_render(helm, *words), "Deployment")["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/config"])

    plain = checksum()
    assert plain == checksum()
    assert plain == checksum("--set-string", "rules.more\\.yaml=rules: []")
    assert plain != checksum("--set-string", "config.shutdown.deadline=20s")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set-json", "rules={}"], "rules"),
        (["--set-json", "config={}"], "sources"),
        (["--set-json", "config.sources=[]"], "sources"),
        (["--set-json", 'config.rules=["x"]'], "config"),
        (["--set", "replicas=2"], "replicas"),
        (["--set-string", "replicaCount=two"], "replicaCount"),
        (["--set", "terminationGracePeriodSeconds=30"], "must exceed 30s"),
    ],
    ids=["no rules", "no config", "no sources", "rules twice", "unknown key", "type", "grace"],
)
def test_what_cannot_run_is_refused(helm: Run, words: list[str], message: str) -> None:
    """By the schema or the template, before anything reaches a cluster."""
    ran = helm("template", "shop", CHART, "-f", FULL, *words, check=False)
    assert ran.returncode != 0
    assert message in ran.stderr


def test_nothing_but_the_chart_alone_is_refused(helm: Run) -> None:
    """Without values there is nothing to run: no default pretends otherwise."""
    assert helm("template", "shop", CHART, check=False).returncode != 0
