"""A release from its install to its end, on a real cluster."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.conftest import Enter
from tests.cluster.kube import Refused, apply, follow, run, secret
from tests.cluster.world import World
from tests.parts.process import wait_until

pytestmark = pytest.mark.timeout(600)
_KUBELET_SECONDS = 180.0
"""Until a changed ConfigMap or Secret is in the pods: a minute's turn of the kubelet, and its cache."""


def test_a_release_lives_and_leaves_nothing(on_kafka: Enter, report: Callable[[str], None]) -> None:
    """Ready in a restricted namespace, events flow from a Kafka outside, ``helm test`` passes."""
    world = on_kafka()
    world.traffic.start()
    began = time.monotonic()
    ready_seconds = world.release.install(world.values)
    world.flows(1)
    first_seconds = time.monotonic() - began
    said = world.release.test()
    assert "Succeeded" in said, said
    audit = world.close_books()
    world.release.uninstall()
    wait_until(lambda: not world.release.objects(), timeout_seconds=60, what="nothing is left")
    times = f"ready after {ready_seconds:.1f} s, first event after {first_seconds:.1f} s"
    report(f"install: {times}; {world.told(audit)}")
    assert (audit.lost, audit.order_violations, audit.duplicates) == (0, 0, 0)


def test_a_rolling_upgrade_under_load_loses_nothing(on_kafka: Enter, report: Callable[[str], None]) -> None:
    """Two pods are replaced while records flow."""
    world = started(on_kafka(200), 2)
    before = world.release.names()
    seconds = world.release.install({**world.values, "replicaCount": 2, "podAnnotations": {"roll": "2"}})
    wait_until(lambda: not before & world.release.names(), timeout_seconds=60, what="the old pods are gone")
    world.flows()
    audit = world.close_books()
    report(f"rolling upgrade of two pods in {seconds:.1f} s: {world.told(audit)}")
    assert (audit.lost, audit.order_violations, audit.duplicates) == (0, 0, 0)


def test_a_deleted_pod_drains(on_kafka: Enter, report: Callable[[str], None]) -> None:
    """SIGTERM: what is in flight ends and is committed, nothing comes twice."""
    world = started(on_kafka(200), 1)
    (pod,) = world.release.names()
    said = follow(world.release.name, pod)
    run("kubectl", "delete", "pod", pod, "--namespace", world.release.name, "--wait=true")
    lines = [json.loads(line) for line in said().splitlines() if line.startswith("{")]
    (last,) = [line for line in lines if line.get("event") == "bridge stopped"]
    world.flows()
    audit = world.close_books()
    report(f"kubectl delete pod: given back {last['given_back']}; {world.told(audit)}")
    assert (audit.lost, audit.order_violations, audit.duplicates, last["given_back"]) == (0, 0, 0, 0)


def test_bad_rules_refuse_the_upgrade(on_kafka: Enter) -> None:
    """The release fails before a pod starts, says where, and the pods run on."""
    world = started(on_kafka(), 1)
    before = world.release.names()
    with pytest.raises(Refused, match=r"(?i)pre-upgrade|check"):
        world.release.install({**world.values, "rules": {"audit.yaml": broken(world)}})
    world.flows()
    assert world.release.names() == before


def test_rules_are_live_without_a_restart(on_kafka: Enter, report: Callable[[str], None]) -> None:
    """The running pod takes a good change, refuses a bad one with a word, and goes on with the old rules."""
    world = started(on_kafka(), 1)
    (pod,) = world.release.names()
    good = {"audit.yaml": world.values["rules"]["audit.yaml"] + "timezone: Asia/Ho_Chi_Minh\n"}
    began = time.monotonic()
    world.release.install({**world.values, "rules": good})
    reloads(world, pod, "ok")
    seconds = time.monotonic() - began
    world.release.install(
        {**world.values, "check": {"enabled": False}, "rules": {"audit.yaml": broken(world)}}
    )
    reloads(world, pod, "refused")
    assert re.search(r'"event": ?"[^"]*(refused|kept|reload)', world.release.log(pod))
    world.flows()
    assert world.release.names() == {pod}
    report(f"changed rules are live after {seconds:.0f} s, by the kubelet's turn; no pod was restarted")


def test_a_rotated_key_is_used_without_a_restart(on_kafka: Enter) -> None:
    """The Secret changes; the pod reads the file again."""
    world = started(on_kafka(), 1)
    before = world.release.names()
    apply(world.release.name, secret("filum", **{"write-key": "second-key"}))
    wait_until(
        lambda: any("second-key" in key for key in world.api.keys),
        timeout_seconds=_KUBELET_SECONDS,
        what="the new key is used",
    )
    assert world.release.names() == before


def started(world: World, replicas: int) -> World:
    """Installed, with so many pods, and events flow."""
    world.traffic.start()
    world.release.install({**world.values, "replicaCount": replicas})
    world.flows()
    return world


def broken(world: World) -> str:
    """Its rules with an expression that cannot be compiled."""
    return str(world.values["rules"]["audit.yaml"]).replace('"event.user"', '"event.user +"')


def reloads(world: World, pod: str, outcome: str) -> None:
    """Wait until the pod has taken, or refused, a change."""
    wait_until(
        lambda: bool([one for one in _reloads(world, pod) if one == outcome]),
        timeout_seconds=_KUBELET_SECONDS,
        what=f"a reload: {outcome}",
    )


def _reloads(world: World, pod: str) -> list[Any]:
    found = world.release.look(pod).get("bridge_config_reloads_total", [])
    return [one.labels["outcome"] for one in found if one.value]
