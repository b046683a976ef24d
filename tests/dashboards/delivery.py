"""What goes out: rate, errors, duration of requests, and how full the way to the API is."""

from __future__ import annotations

from tests.dashboards.panels import Board, Choice, Panel, Query, Row, at, tile
from tests.dashboards.selectors import Selectors, or_zero

_s = Selectors("destination")
_accepted = _s.rate("requests_total", code="=~2..")
_per_event = f"{_s.rate('requests_total')} / {_s.rate('events_total', outcome='delivered')}"


_GLANCE = Row(
    "At a glance",
    (
        tile("Requests", "Requests each second.", "reqps", _s.rate("requests_total")),
        tile(
            "Answers that accept",
            "Share of requests answered 2xx. What is not accepted is tried again, waits, or becomes a dead "
            "letter.",
            "percentunit",
            f"{_accepted} / {_s.rate('requests_total')}",
            steps=at(0.9, 0.99, colors=("red", "yellow", "green")),
            decimals=1,
            runbooks=("FilumBridgeBreakerOpen",),
        ),
        tile(
            "Slow requests",
            "What 5 % of the requests exceed, of all destinations.",
            "s",
            _s.quantile(0.95, "request_duration_seconds"),
            steps=at(1, 5),
        ),
        tile(
            "Throttled",
            "Share of requests answered 429.",
            "percentunit",
            f"({or_zero(_s.rate('requests_total', code='429'))}) / {_s.rate('requests_total')}",
            steps=at(0.01, 0.1),
            decimals=1,
            runbooks=("FilumBridgeThrottled",),
        ),
        tile(
            "Requests for each event",
            "Requests for each event delivered. 1: each at the first attempt, one event a request; below 1 "
            "with `batch`.",
            "none",
            _per_event,
            decimals=2,
        ),
        tile(
            "Since the last acceptance",
            "Time since any event was accepted.",
            "s",
            f"time() - max({_s.of('last_delivery_timestamp_seconds')})",
            steps=at(60, 600),
            runbooks=("FilumBridgeNotDelivering",),
        ),
    ),
)

_REQUESTS = Row(
    "Requests",
    (
        Panel(
            "Requests by answer",
            "Requests each second, by status or kind of failure.",
            "reqps",
            (Query(_s.rate("requests_total", "destination", "code"), "{{destination}} {{code}}"),),
            "areas",
            runbooks=("FilumBridgeAuthRejected", "FilumBridgeDestinationUnusable"),
        ),
        Panel(
            "Duration of requests",
            "Median, and what 5 % and 1 % exceed, of all destinations; requests that failed count too.",
            "s",
            (
                Query(_s.quantile(0.5, "request_duration_seconds"), "p50"),
                Query(_s.quantile(0.95, "request_duration_seconds"), "p95"),
                Query(_s.quantile(0.99, "request_duration_seconds"), "p99"),
            ),
        ),
        Panel(
            "How durations spread",
            "Requests each second, by how long they took. Two bands: some answers come from elsewhere, such "
            "as a cache or a gateway.",
            "s",
            (Query(_s.rate("request_duration_seconds_bucket", "le")),),
            "heatmap",
        ),
    ),
)

_FAILURES = Row(
    "Failures",
    (
        Panel(
            "Attempts after the first",
            "Events each second that are tried again, by why.",
            "cps",
            (
                Query(
                    or_zero(_s.rate("retries_total", "destination", "reason"), "reason", "no retries"),
                    "{{destination}} {{reason}}",
                ),
            ),
        ),
        Panel(
            "Requests for each event over time",
            "Requests for each event delivered. It rises with failures and with events that are refused.",
            "none",
            (Query(_per_event, "requests for each event"),),
        ),
        Panel(
            "Breaker",
            "By replica and destination. Open: it fails for everybody, sources pause, one event at a time "
            "probes it.",
            "none",
            (
                Query(
                    f"max by (instance, destination) ({_s.of('breaker_state')})",
                    "{{instance}} {{destination}}",
                ),
            ),
            "states",
            words=((0, "closed", "green"), (1, "half open", "yellow"), (2, "open", "red")),
            runbooks=("FilumBridgeBreakerOpen",),
        ),
    ),
)

_SATURATION = Row(
    "How full the way is",
    (
        Panel(
            "Concurrency",
            "Requests in flight, and how many may be: `max_in_flight`, less while the API is late or fails.",
            "short",
            (
                Query(f"sum by (destination) ({_s.of('requests_in_flight')})", "{{destination}} in flight"),
                Query(f"sum by (destination) ({_s.of('concurrency_limit')})", "{{destination}} limit"),
            ),
        ),
        Panel(
            "Events that wait",
            "Events not final, by state: in flight, queued behind another of their user, resting before a "
            "retry, or waiting for their dead letter to be written.",
            "short",
            (
                Query(
                    f"sum by (destination, state) ({_s.of('events_waiting')})",
                    "{{destination}} {{state}}",
                ),
            ),
            "areas",
        ),
        Panel(
            "Lanes blocked",
            "Ordering keys (users, by default) whose events wait because their destination is blocked.",
            "short",
            (Query(f"sum by (destination) ({_s.of('lanes_blocked')})", "{{destination}}"),),
            runbooks=("FilumBridgeAuthRejected", "FilumBridgeBreakerOpen"),
        ),
    ),
)

_WAITS = Row(
    "What destinations wait for",
    (
        Panel(
            "Why a destination waits",
            "Red while it waits: a wrong key (`auth`), a wrong address, a web page in the API's place "
            "(`html`), an outage (`breaker`), our own `rate_limit`, or a pause that the API asked for "
            "(`retry_after`).",
            "none",
            (
                Query(
                    or_zero(
                        f"max by (destination, reason) ({_s.of('stalled')})",
                        "reason",
                        "nothing waits",
                    ),
                    "{{destination}} {{reason}}",
                ),
            ),
            "states",
            width=24,
            words=((0, "flows", "green"), (1, "waits", "red")),
            runbooks=("FilumBridgeAuthRejected", "FilumBridgeDestinationUnusable", "FilumBridgeThrottled"),
        ),
    ),
)

_ENDS = Row(
    "From end to end",
    (
        Panel(
            "Events by destination",
            "Events each second that came to an end, by destination and outcome.",
            "cps",
            (Query(_s.rate("events_total", "destination", "outcome"), "{{destination}} {{outcome}}"),),
            "areas",
            width=12,
        ),
        Panel(
            "How the time to acceptance spreads",
            "Events accepted each second, by the time since the broker's timestamp, of all sources.",
            "s",
            (Query(_s.rate("delivery_latency_seconds_bucket", "le")),),
            "heatmap",
            width=12,
            runbooks=("FilumBridgeLatencySloFastBurn",),
        ),
    ),
)

BOARD = Board(
    "delivery",
    "Filum Bridge / Delivery",
    "What goes out to the Event API: rate, errors and duration of requests, and how full the way is.",
    "whoever answers for the way to the API: when the breaker opens, when answers are slow, throttled "
    "or refused, and to choose `max_in_flight`.",
    (_GLANCE, _REQUESTS, _FAILURES, _SATURATION, _WAITS, _ENDS),
    (Choice("destination", "concurrency_limit"),),
)
