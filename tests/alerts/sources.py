"""Alerts of helm/rules/sources.yaml."""

from __future__ import annotations

from tests.alerts.case import Case, World, of, stalled

_LAG = of("bridge_consumer_lag", source="shop", topic="orders", partition="0")
_IN_HAND = of("bridge_records_in_flight", source="shop")
_SETTLED = of("bridge_records_settled_total", source="shop", outcome="delivered")
_OLDEST = of("bridge_oldest_unsettled_timestamp_seconds", source="shop")
_REVOKED = of("bridge_rebalances_total", source="shop", kind="revoked")
_CONNECTED = of("bridge_source_connected", source="shop")
_OK = of("bridge_commits_total", source="shop", outcome="ok")
_FAILED = of("bridge_commits_total", source="shop", outcome="failed")
_LOST = of("bridge_offsets_lost_total", source="shop")
_SHOP = {"source": "shop"}

CASES = (
    Case(
        "FilumBridgeLagGrowing",
        fires=World("40m", {_LAG: "0+100x60"}),
        silent=World("40m", {_LAG: "9000-100x60"}),
        because="it is high and shrinks",
        labels=_SHOP,
        says="shop of crm/bridge is 4k records behind, and the number grows.",
    ),
    Case(
        "FilumBridgeLagTimeTooHigh",
        fires=World("40m", {_OLDEST: "60x60"}),
        silent=World("40m", {_OLDEST: "60+60x60"}),
        because="the oldest record is always a minute old",
        labels=_SHOP,
        says=("The oldest record of shop of crm/bridge that is read and not settled was written 39m 0s ago."),
    ),
    Case(
        "FilumBridgeNotDelivering",
        fires=World("30m", {_IN_HAND: "200x40", _SETTLED: "0+50x10 500x30"}),
        silent=World("30m", {_IN_HAND: "0x40", _LAG: "0x40", _SETTLED: "0+50x10 500x30"}),
        because="there is nothing to do",
        labels=_SHOP,
        says=(
            "shop of crm/bridge has had work for at least five minutes, and nothing was settled in the "
            "last ten."
        ),
    ),
    Case(
        "FilumBridgeStalled",
        fires=World("15m", {stalled("hot_user", source="shop"): "1x20"}),
        silent=World(
            "15m", {stalled("hot_user", source="shop"): "1x6 0x14", stalled("room", source="shop"): "1x20"}
        ),
        because="it passed after some minutes, and a full room is no reason to worry",
        labels={"source": "shop", "reason": "hot_user"},
        says="shop of crm/bridge waits: hot_user.",
    ),
    Case(
        "FilumBridgePausedByOperator",
        fires=World("70m", {stalled("paused_by_operator", source="shop"): "1x80"}),
        silent=World("70m", {stalled("paused_by_operator", source="shop"): "1x50 0x30"}),
        because="it was resumed within the hour",
        labels=_SHOP,
        says="shop of crm/bridge is not read until somebody resumes it, or it restarts.",
    ),
    Case(
        "FilumBridgeSourceDisconnected",
        fires=World(
            "10m",
            {_CONNECTED: "1x2 0x10", of("bridge_source_connected", instance="b", source="shop"): "1x20"},
        ),
        silent=World("10m", {_CONNECTED: "1x2 0x2 1x10"}),
        because="it came back after two minutes",
        labels=_SHOP,
        says="1 replicas of crm/bridge are not connected to shop.",
    ),
    Case(
        "FilumBridgeRebalanceStorm",
        fires=World("60m", {_REVOKED: "0+1x70", _CONNECTED: "1x70"}),
        silent=World("60m", {_REVOKED: "0x20 1x5 2x5 3x40", _CONNECTED: "1x70"}),
        because="a rollout took partitions away three times",
        labels=_SHOP,
        says="Each replica of crm/bridge lost partitions of shop 30 times in half an hour.",
    ),
    Case(
        "FilumBridgeCommitsFailing",
        fires=World("30m", {_FAILED: "0+3x40", _OK: "100x40"}),
        silent=World("30m", {_FAILED: "0+3x40", _OK: "100+1x40"}),
        because="some are accepted in between",
        labels=_SHOP,
        says=(
            "All commits of shop of crm/bridge fail. Nothing is lost; a restart would send again what "
            "was settled since."
        ),
    ),
    Case(
        "FilumBridgeOffsetsLost",
        fires=World("10m", {_LOST: "0x5 1x10"}),
        silent=World("10m", {_LOST: "1x20", stalled("offset_lost", source="shop"): "0x20"}),
        because="it happened long ago, and reading goes on",
        labels=_SHOP,
        says=(
            "The broker of shop of crm/bridge no longer has the record that comes next: retention was "
            "shorter than the lag, or the topic was made anew."
        ),
    ),
    Case(
        "FilumBridgeOffsetsLost",
        fires=World("10m", {_LOST: "0x20", stalled("offset_lost", source="shop"): "0x5 1x10"}),
        silent=World("10m", {_LOST: "0x20", stalled("broker_down", source="shop"): "1x20"}),
        because="a broker that is down has lost nothing yet",
        labels=_SHOP,
        says=(
            "The broker of shop of crm/bridge no longer has the record that comes next: retention was "
            "shorter than the lag, or the topic was made anew."
        ),
    ),
)
