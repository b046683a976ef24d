"""Every pod that the chart makes, with every set of values in ``helm/ci``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.helm.rendering import CI, FULL, Object, containers, one, pod_of, rendered

WORKLOADS = ("Deployment", "StatefulSet", "Job", "Pod")
# What the Pod Security Standard `restricted` allows, less hostPath's relatives that it allows too.
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
every_ci = pytest.mark.parametrize("values", CI, ids=lambda path: path.name)


def pods(values: Path) -> dict[str, Object]:
    """Kind and name → pod."""
    found = {
        f"{each['kind']} {each['metadata']['name']}": pod_of(each)
        for each in rendered(values)
        if each["kind"] in WORKLOADS
    }
    assert len(found) >= 2, "the workload and its check, at the least"
    return found


@every_ci
def test_each_pod_meets_the_restricted_standard(values: Path) -> None:
    """Hooks as well, or a restricted namespace would refuse the release; and the root is read-only."""
    for name, pod in pods(values).items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] == 10001, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        for container in containers(pod):
            given = container["securityContext"]
            assert given["allowPrivilegeEscalation"] is False, name
            assert given["readOnlyRootFilesystem"] is True, name
            assert given["capabilities"] == {"drop": ["ALL"]}, name
        kinds = {kind for volume in spec["volumes"] for kind in volume if kind != "name"}
        assert kinds <= VOLUMES, name


@every_ci
def test_helm_3_and_4_render_the_same(values: Path) -> None:
    """Object by object; only the order of hooks is theirs."""
    by_four, by_three = (sorted(rendered(values, helm=helm), key=str) for helm in ("helm", "helm3"))
    assert by_four == by_three


@every_ci
def test_no_mount_is_a_sub_path(values: Path) -> None:
    """Such a mount is never updated: neither rules nor keys would ever change in the pod."""
    for name, pod in pods(values).items():
        for container in containers(pod):
            for mount in container.get("volumeMounts", []):
                assert "subPath" not in mount, name


@every_ci
def test_pods_of_hooks_are_not_taken_for_the_bridge(values: Path) -> None:
    """The Service, the budget, the policy and the monitors select by these labels."""
    selector = {"app.kubernetes.io/name": "filum-bridge", "app.kubernetes.io/instance": "shop"}
    for name, pod in pods(values).items():
        is_bridge = name.startswith(("Deployment", "StatefulSet"))
        assert (selector.items() <= pod["metadata"]["labels"].items()) is is_bridge, name


@every_ci
def test_no_name_is_twice_in_one_list(values: Path) -> None:
    """A server-side apply, Helm 4's, refuses such lists."""
    for name, pod in pods(values).items():
        lists: list[list[Any]] = [pod["spec"]["volumes"], containers(pod)]
        lists += [container.get("env", []) for container in containers(pod)]
        for names in ([each["name"] for each in one_list] for one_list in lists):
            assert len(names) == len(set(names)), f"{name}: {names}"


@every_ci
def test_annotations_and_labels_are_text(values: Path) -> None:
    """A number is an error for Helm 4."""
    for each in rendered(values):
        told = {**each["metadata"].get("labels", {}), **each["metadata"].get("annotations", {})}
        assert all(isinstance(value, str) for value in told.values()), each["metadata"]


def test_the_bridge_and_its_check_have_the_same_image() -> None:
    """Another version would judge otherwise."""
    objects = rendered(FULL)
    workload = pod_of(one(objects, "Deployment"))
    check = pod_of(one(objects, "Job", "shop-filum-bridge-check"))
    (image,) = {each["image"] for each in workload["spec"]["containers"] if each["name"] == "bridge"}
    assert {each["image"] for each in containers(check)} == {image}
