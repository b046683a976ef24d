"""kubectl and helm, as a person at a terminal uses them, on the cluster of ``KUBECONFIG``."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.parts.process import PartFailed

_TIMEOUT_SECONDS = 300.0
CHART = Path(__file__).parents[2] / "helm"


class Refused(PartFailed):
    """A command that did not succeed, with what it said."""


def run(*words: str, given: str = "") -> str:
    """One command to its end.

    Raises:
        Refused: it failed.
    """
    done = subprocess.run(
        words, input=given, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
    )
    if done.returncode:
        raise Refused(f"{' '.join(words[:4])}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def apply(namespace: str, *objects: dict[str, Any]) -> None:
    """Create them, or bring them to this state."""
    for one in objects:
        run("kubectl", "apply", "--namespace", namespace, "--filename", "-", given=json.dumps(one))


def items(namespace: str, kind: str, selector: str = "") -> list[dict[str, Any]]:
    """All of a kind."""
    words = ["kubectl", "get", kind, "--namespace", namespace, "--output", "json"]
    found: list[dict[str, Any]] = json.loads(run(*words, *(["--selector", selector] if selector else [])))[
        "items"
    ]
    return found


def follow(namespace: str, pod: str) -> Callable[[], str]:
    """Read a pod's log from now on; call what is returned for all that it said up to its end."""
    words = ("kubectl", "logs", pod, "--namespace", namespace, "--follow")
    reader = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return lambda: reader.communicate(timeout=_TIMEOUT_SECONDS)[0]


def new_namespace(name: str) -> None:
    """One that takes restricted pods alone."""
    run("kubectl", "create", "namespace", name)
    run("kubectl", "label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")


def secret(name: str, **values: str) -> dict[str, Any]:
    """A Secret."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}
