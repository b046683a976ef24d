"""Alerts of helm/rules/runtime.yaml and helm/rules/rule-files.yaml."""

from __future__ import annotations

from tests.alerts.case import Case, World, of, series, stalled

_BUILD = of("bridge_build_info", version="1.0.0", python="3.11.2")
_UP = of("up")
_UNACCOUNTED = of("bridge_records_unaccounted")
_START = of("process_start_time_seconds")
_FAULTS = of("bridge_rule_faults_total", rule="order", reason="rule_fault")
_RELOADS = of("bridge_config_reloads_total", outcome="ok")
_RELOADED = of("bridge_config_last_reload_successful")
_LOOP = of("bridge_loop_lag_seconds")
_TURNED = of("bridge_consumer_thread_last_progress_timestamp_seconds", source="shop")
_OPEN, _MOST = of("process_open_fds"), of("process_max_fds")
_LAG = of("bridge_consumer_lag", source="shop", topic="orders", partition="0")


def _rules(instance: str, digest: str) -> str:
    return of("bridge_rules_info", instance=instance, hash=digest)


def _kube(name: str, **labels: str) -> str:
    return series(name, **_KUBE, **labels)


_KUBE = {"namespace": "crm", "job": "kube-state-metrics", "instance": "k"}
_WANTED = _kube("kube_deployment_spec_replicas", deployment="crm-filum-bridge")
_AVAILABLE = _kube("kube_deployment_status_replicas_available", deployment="crm-filum-bridge")
_HPA = "keda-hpa-crm-filum-bridge"
_DESIRED = _kube("kube_horizontalpodautoscaler_status_desired_replicas", horizontalpodautoscaler=_HPA)
_MAXIMUM = _kube("kube_horizontalpodautoscaler_spec_max_replicas", horizontalpodautoscaler=_HPA)

CASES = (
    Case(
        "FilumBridgeRuleStopped",
        fires=World("5m", {stalled("rule_stopped", source="shop"): "0 1x19"}),
        silent=World("5m", {stalled("rule_stopped", source="shop"): "0 1 0x19"}),
        because="the rule was mended within a minute",
        labels={"source": "shop", "reason": "rule_stopped"},
        says="shop of crm/bridge stands still, in part or whole: rule_stopped.",
    ),
    Case(
        "FilumBridgeRuleFaultsAfterChange",
        fires=World(
            "130m", {_FAULTS: "0x119 0+5x30", _RELOADS: "0x110 1x40", _START: "1x150", _BUILD: "1x150"}
        ),
        silent=World(
            "130m", {_FAULTS: "0x119 0+5x30", _RELOADS: "0x10 1x140", _START: "1x150", _BUILD: "1x150"}
        ),
        because="the rules have stood for two hours: the producer changed",
        labels={"rule": "order", "reason": "rule_fault"},
        says=(
            "order of crm/bridge could make no event of 50 records in ten minutes (rule_fault), within "
            "an hour of a change of rules or a start."
        ),
    ),
    Case(
        "FilumBridgeRuleFaultsAfterChange",
        fires=World("20m", {_FAULTS: "0x5 0+5x30", _RELOADS: "0x40", _START: "1x40", _BUILD: "1x40"}),
        silent=World("20m", {_FAULTS: "0x15 3x30", _RELOADS: "0x40", _START: "1x40", _BUILD: "1x40"}),
        because="a few faults after a start are looked at in the morning",
        labels={"rule": "order", "reason": "rule_fault"},
        says=(
            "order of crm/bridge could make no event of 50 records in ten minutes (rule_fault), within "
            "an hour of a change of rules or a start."
        ),
    ),
    Case(
        "FilumBridgeReloadFailed",
        fires=World(
            "10m", {_RELOADED: "1 0x19", of("bridge_config_last_reload_successful", instance="b"): "1x20"}
        ),
        silent=World("10m", {_RELOADED: "1 0 0 1x19"}),
        because="the files were mended within minutes",
        says="1 replicas of crm/bridge refused the rule files as they are now.",
    ),
    Case(
        "FilumBridgeConfigDrift",
        fires=World("20m", {_rules("a", "x"): "1x30", _rules("b", "y"): "1x30"}),
        silent=World(
            "20m", {_rules("a", "x"): "1x30", _rules("b", "y"): "1x5 stale", _rules("b", "x"): "_x5 1x30"}
        ),
        because="it was a rollout, or the kubelet's delay",
        says="2 different sets of rules are in force in crm/bridge.",
    ),
    Case(
        "FilumBridgeRecordsUnaccounted",
        fires=World("5m", {_UNACCOUNTED: "0 -3x19"}),
        silent=World("5m", {_UNACCOUNTED: "0x20"}),
        because="all are accounted for",
        labels={"instance": "a"},
        says="a of crm/bridge does not know what became of 3 records.",
    ),
    Case(
        "FilumBridgeReplicaDown",
        fires=World("20m", {_UP: "1x5 0x20", _BUILD: "1x5 stale"}),
        silent=World("20m", {of("up", job="other"): "1x5 0x20", _BUILD: "1x30", _UP: "1x30"}),
        because="it is somebody else's process",
        says="1 replicas of crm/bridge do not answer on `/metrics`.",
    ),
    Case(
        "FilumBridgeMetricsAbsent",
        fires=World("30m", {of("up", job="other"): "1x60"}),
        silent=World("30m", {_BUILD: "1x60"}),
        because="they are there",
        release={},
        says=(
            "No replica has been scraped for a quarter of an hour: none runs, or Prometheus does not find "
            "them."
        ),
    ),
    Case(
        "FilumBridgeMetricsAbsent",
        fires=World("30m", {_BUILD: "1x5 stale", of("bridge_build_info", job="second"): "1x60"}),
        silent=World("30m", {_BUILD: "1x5 _x6 1x60", of("bridge_build_info", job="second"): "1x60"}),
        because="one of two releases was away for a moment",
        says=(
            "No replica of crm/bridge has been scraped for a quarter of an hour: none runs, or Prometheus "
            "does not find them."
        ),
    ),
    Case(
        "FilumBridgeReplicasMissing",
        fires=World("20m", {_WANTED: "3x30", _AVAILABLE: "3 2x30"}),
        silent=World("20m", {_WANTED: "3x30", _AVAILABLE: "3 2x5 3x30"}),
        because="it was a rollout",
        labels={"deployment": "crm-filum-bridge"},
        release=_KUBE,
        says="Of crm/crm-filum-bridge 2 replicas are available, fewer than asked for.",
    ),
    Case(
        "FilumBridgeAutoscalerAtMax",
        fires=World("60m", {_DESIRED: "8x90", _MAXIMUM: "8x90", _LAG: "0+100x90"}),
        silent=World("60m", {_DESIRED: "8x90", _MAXIMUM: "8x90", _LAG: "9000-100x90"}),
        because="the replicas catch up",
        labels={"horizontalpodautoscaler": _HPA},
        release=_KUBE,
        says="crm/keda-hpa-crm-filum-bridge wants 8 replicas, its maximum.",
    ),
    Case(
        "FilumBridgeRestarting",
        fires=World("30m", {_START: "0x5 300x5 600x5 900x20", _BUILD: "1x40"}),
        silent=World("30m", {_START: "0x5 300x40", _BUILD: "1x40"}),
        because="it was restarted once",
        says="crm/bridge restarted 3 times in half an hour.",
    ),
    Case(
        "FilumBridgeThreadStuck",
        fires=World("10m", {_TURNED: "0 60+60x3 240x20"}),
        silent=World("10m", {_TURNED: "0 60+60x20"}),
        because="it turns",
        labels={"instance": "a", "source": "shop"},
        says="The thread of shop in a of crm/bridge last turned 6m 0s ago.",
    ),
    Case(
        "FilumBridgeLoopLag",
        fires=World("20m", {_LOOP: "2x30"}),
        silent=World("20m", {_LOOP: "0x8 4 0x8 4 0x20"}),
        because="it was late now and then",
        labels={"instance": "a"},
        says="The loop of a of crm/bridge is late by 2s on average.",
    ),
    Case(
        "FilumBridgeFileDescriptors",
        fires=World("20m", {_OPEN: "900x30", _MOST: "1000x30", _BUILD: "1x30"}),
        silent=World(
            "20m", {_OPEN: "900x30", _MOST: "1000x30", of("bridge_build_info", instance="b"): "1x30"}
        ),
        because="it is somebody else's process",
        labels={"instance": "a"},
        says="a of crm/bridge uses 90% of the files it may open.",
    ),
)
