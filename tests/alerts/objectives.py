"""Alerts of helm/rules/objectives.yaml, over the recording rules of helm/rules/recording.yaml."""

from __future__ import annotations

from tests.alerts.case import Case, World, of

_GOOD = of("bridge_records_settled_total", source="shop", outcome="delivered")
_BAD = of("bridge_records_settled_total", source="shop", outcome="dead_lettered")
_SOON = of("bridge_delivery_latency_seconds_bucket", source="shop", le="30.0")
_ALL = of("bridge_delivery_latency_seconds_count", source="shop")
_DELIVERY_FAST = "{share} of the records of crm/bridge end as dead letters; the objective is below 0.1%."
_DELIVERY_SLOW = (
    "Over three days {share} of the records of crm/bridge ended as dead letters; the objective is below 0.1%."
)
_LATE_FAST = (
    "{share} of the events of crm/bridge are accepted later than 30 s after their record was written; "
    "the objective is below 1%."
)
_LATE_SLOW = (
    "Over three days {share} of the events of crm/bridge were accepted later than 30 s after their "
    "record was written; the objective is below 1%."
)

CASES = (
    Case(
        "FilumBridgeDeliverySloFastBurn",
        fires=World("70m", {_GOOD: "0+980x90", _BAD: "0+20x90"}),
        silent=World("70m", {_GOOD: "0+999x90", _BAD: "0+1x90"}),
        because="one in a thousand is the objective itself",
        says=_DELIVERY_FAST.format(share="2%"),
    ),
    Case(
        "FilumBridgeDeliverySloFastBurn",
        fires=World("70m", {_GOOD: "0+993x90", _BAD: "0+7x90"}),
        silent=World("90m", {_GOOD: "0+980x60 58800+1000x60", _BAD: "0+20x60 1200x60"}),
        because="the cause ended half an hour ago, and so did the short windows",
        says=_DELIVERY_FAST.format(share="0.7%"),
    ),
    Case(
        "FilumBridgeDeliverySloFastBurn",
        fires=World("70m", {_GOOD: "0+2x90", _BAD: "0+1x90"}),
        silent=World("70m", {_GOOD: "0x40 1x90", _BAD: "0x50 1x90"}),
        because="one record of two says nothing",
        says=_DELIVERY_FAST.format(share="33.33%"),
    ),
    Case(
        "FilumBridgeDeliverySloSlowBurn",
        fires=World("10h", {_GOOD: "0+9970x160", _BAD: "0+30x160"}, every="4m"),
        silent=World("10h", {_GOOD: "0+9999x160", _BAD: "0+1x160"}, every="4m"),
        because="that many are allowed",
        says=_DELIVERY_SLOW.format(share="0.3%"),
    ),
    Case(
        "FilumBridgeLatencySloFastBurn",
        fires=World("70m", {_SOON: "0+800x90", _ALL: "0+1000x90"}),
        silent=World("70m", {_SOON: "0+990x90", _ALL: "0+1000x90"}),
        because="one in a hundred is the objective itself",
        says=_LATE_FAST.format(share="20%"),
    ),
    Case(
        "FilumBridgeLatencySloFastBurn",
        fires=World("70m", {_SOON: "0+920x90", _ALL: "0+1000x90"}),
        silent=World("70m", {_SOON: "0x90", _ALL: "0x10 1x90"}),
        because="one late event of one says nothing",
        says=_LATE_FAST.format(share="8%"),
    ),
    Case(
        "FilumBridgeLatencySloSlowBurn",
        fires=World("10h", {_SOON: "0+970x160", _ALL: "0+1000x160"}, every="4m"),
        silent=World("10h", {_SOON: "0+999x160", _ALL: "0+1000x160"}, every="4m"),
        because="that many are allowed",
        says=_LATE_SLOW.format(share="3%"),
    ),
)
