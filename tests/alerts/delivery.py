"""Alerts of helm/rules/delivery.yaml and helm/rules/dead-letters.yaml."""

from __future__ import annotations

from tests.alerts.case import Case, World, of, stalled

_BREAKER = of("bridge_breaker_state", destination="default")
_OK = of("bridge_requests_total", destination="default", code="200")
_MANY = of("bridge_requests_total", destination="default", code="429")
_LAG = of("bridge_consumer_lag", source="shop", topic="orders", partition="0")
_LETTERS = of("bridge_dead_letters_total", source="shop", reason="refused")
_FAILURES = of("bridge_dead_letter_failures_total")
_BUDGET = of("bridge_dead_letter_budget", rule="order", destination="default")
_DEFAULT = {"destination": "default"}
_THROTTLED = (
    "default of crm/bridge answers 429, asks for pauses, or is held back by our own `rate_limit` most of the "
    "time."
)
_UNWRITABLE = (
    "Dead letters of crm/bridge cannot be written. Nothing is skipped: partitions and queues that need "
    "one stand still."
)

CASES = (
    Case(
        "FilumBridgeAuthRejected",
        fires=World("5m", {stalled("auth", destination="default"): "0 1x9"}),
        silent=World("5m", {stalled("auth", destination="default"): "0 1 0x9"}),
        because="the key was changed within a minute",
        labels=_DEFAULT,
        says=(
            "default of crm/bridge answers 401 or 403 to everybody. Nothing is lost; its events wait "
            "for a right key."
        ),
    ),
    Case(
        "FilumBridgeDestinationUnusable",
        fires=World("10m", {stalled("html", destination="default"): "0 1x19"}),
        silent=World("10m", {stalled("auth", destination="default"): "0 1x19"}),
        because="a wrong key is another alert's",
        labels={"destination": "default", "reason": "html"},
        says="default of crm/bridge answers as no Event API does (html). Nothing is lost; its events wait.",
    ),
    Case(
        "FilumBridgeBreakerOpen",
        fires=World("15m", {_BREAKER: "0 2 1 2 2 1 2x14"}),
        silent=World("15m", {_BREAKER: "0 2x6 1 0x14"}),
        because="the API was back after seven minutes",
        labels=_DEFAULT,
        says=(
            "default of crm/bridge has accepted nothing for ten minutes. Nothing is lost; one event at "
            "a time asks whether it is back."
        ),
    ),
    Case(
        "FilumBridgeThrottled",
        fires=World("30m", {_OK: "0+80x40", _MANY: "0+20x40"}),
        silent=World("30m", {_OK: "0+99x40", _MANY: "0+1x40"}),
        because="one answer in a hundred is normal",
        labels=_DEFAULT,
        says=_THROTTLED,
    ),
    Case(
        "FilumBridgeThrottled",
        fires=World(
            "45m",
            {
                stalled("rate_limit", destination="default"): "1x50",
                _LAG: "5000x50",
                _OK: "0+80x50",
                _MANY: "0x50",
            },
        ),
        silent=World(
            "45m",
            {
                stalled("rate_limit", destination="default"): "1x50",
                _LAG: "10x50",
                _OK: "0+80x50",
                _MANY: "0x50",
            },
        ),
        because="our own limit holds events back, and hardly any wait",
        labels=_DEFAULT,
        says=_THROTTLED,
    ),
    Case(
        "FilumBridgeDeadLetters",
        fires=World("20m", {_LETTERS: "0x10 0+3x10"}),
        silent=World("20m", {_LETTERS: "0x10 5x20"}),
        because="five in a quarter of an hour are looked at in the morning",
        labels={"source": "shop", "reason": "refused"},
        says="27 records of shop of crm/bridge became dead letters in a quarter of an hour: refused.",
    ),
    Case(
        "FilumBridgeDeadLettersUnwritable",
        fires=World("10m", {_FAILURES: "0x3 0+1x10"}),
        silent=World(
            "10m", {_FAILURES: "0x2 1x10", stalled("dead_letters_unavailable", source="shop"): "0x20"}
        ),
        because="one attempt failed, and the next did not",
        says=_UNWRITABLE,
    ),
    Case(
        "FilumBridgeDeadLettersUnwritable",
        fires=World("10m", {_FAILURES: "0x20", stalled("dead_letters_unavailable", source="shop"): "0 1x19"}),
        silent=World("10m", {_FAILURES: "0x20", stalled("dead_letter_budget", source="shop"): "0 1x19"}),
        because="a spent budget is another alert's",
        says=_UNWRITABLE,
    ),
    Case(
        "FilumBridgeDeadLetterBudgetLow",
        fires=World("15m", {_BUDGET: "100-10x9 10x20"}),
        silent=World("15m", {_BUDGET: "100-10x5 50x20"}),
        because="half of it is left",
        labels={"rule": "order", "destination": "default"},
        says="order of crm/bridge may cause 10 more dead letters for default.",
    ),
    Case(
        "FilumBridgeDeadLetterBudgetSpent",
        fires=World("5m", {stalled("dead_letter_budget", source="shop"): "0 1x19"}),
        silent=World("5m", {stalled("dead_letter_budget", source="shop"): "1 0x19"}),
        because="the rule was mended",
        labels={"source": "shop"},
        says=(
            "Partitions or queues of shop of crm/bridge stand still until a rule is mended or an "
            "operator resumes the source."
        ),
    ),
)
