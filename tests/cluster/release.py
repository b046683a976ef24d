"""One release of the chart."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.chaos.scrapes import Look, parse, total
from tests.cluster.kube import CHART, items, run
from tests.parts.process import wait_until

_WAIT = ("--wait", "--timeout", "180s")
_SELECTOR = "app.kubernetes.io/instance={name},app.kubernetes.io/component notin (check,test)"


class Release:
    """The chart in a namespace of its own.

    Args:
        home: for values.
        name: of the release and of the namespace.
    """

    def __init__(self, home: Path, name: str) -> None:
        self._values = home / "values.json"
        self.name = name

    def install(self, values: Mapping[str, Any]) -> float:
        """Install or upgrade; returns when all pods are ready, with the seconds it took."""
        return self._helm(values, *_WAIT)

    def upgrade_at_once(self, values: Mapping[str, Any]) -> None:
        """As ``install``, and wait for nothing but the check of the configuration."""
        self._helm(values)

    def test(self) -> str:
        """``helm test``; pods that succeed are gone when it returns, and their logs with them."""
        return run("helm", "test", self.name, "--namespace", self.name)

    def uninstall(self) -> None:
        """And wait until all of it is gone."""
        run("helm", "uninstall", self.name, "--namespace", self.name, *_WAIT)

    def objects(self) -> list[str]:
        """Everything that carries this release's label, of all kinds that a namespace has."""
        kinds = run("kubectl", "api-resources", "--namespaced", "--verbs=list", "--output=name").split()
        wanted = ",".join(kind for kind in kinds if not kind.startswith("events"))
        words = (
            "--selector",
            f"app.kubernetes.io/instance={self.name}",
            "--output",
            "name",
            "--ignore-not-found",
        )
        return run("kubectl", "get", wanted, "--namespace", self.name, *words).split()

    def pods(self) -> list[dict[str, Any]]:
        """Those of the bridge."""
        return items(self.name, "pods", _SELECTOR.format(name=self.name))

    def names(self) -> set[str]:
        """Of the bridge's pods."""
        return {pod["metadata"]["name"] for pod in self.pods()}

    def is_ready(self, pods: int) -> bool:
        """Whether so many are there, all of them ready, and no other."""
        states = [
            any(
                one["type"] == "Ready" and one["status"] == "True"
                for one in pod["status"].get("conditions", [])
            )
            for pod in self.pods()
        ]
        return len(states) == pods and all(states)

    def log(self, pod: str) -> str:
        """What a pod said so far."""
        return run("kubectl", "logs", pod, "--namespace", self.name)

    def page(self, pod: str, path: str) -> str:
        """A page of a pod's admin server, by way of the API server."""
        raw = f"/api/v1/namespaces/{self.name}/pods/{pod}:9464/proxy{path}"
        return run("kubectl", "get", "--raw", raw)

    def look(self, pod: str) -> Look:
        """A pod's metrics."""
        return parse(self.page(pod, "/metrics"))

    def total(self, metric: str, **labels: str) -> float:
        """The sum of a metric over the pods."""
        return sum(total(self.look(pod), metric, **labels) for pod in self.names())

    def scale(self, values: Mapping[str, Any], replicas: int) -> None:
        """By the chart; returns when so many are ready, and no other is there."""
        self.upgrade_at_once({**values, "replicaCount": replicas})
        wait_until(lambda: self.is_ready(replicas), timeout_seconds=120, what=f"{replicas} pods")

    def _helm(self, values: Mapping[str, Any], *more: str) -> float:
        self._values.write_text(json.dumps(values))
        began = time.monotonic()
        words = ("upgrade", "--install", self.name, str(CHART), "--namespace", self.name)
        run("helm", *words, "--values", str(self._values), *more)
        return time.monotonic() - began
