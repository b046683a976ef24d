"""The first look: is it well, how much flows, and if it waits, why."""

from __future__ import annotations

from tests.dashboards.accounts import unaccounted
from tests.dashboards.panels import Board, Choice, Panel, Query, Row, at, tile
from tests.dashboards.selectors import Selectors, or_zero

_s = Selectors("source")
_bucket = _s.increase("delivery_latency_seconds_bucket", le="30.0")
_settled = _s.increase("records_settled_total")
_lost_share = f"{_s.increase('records_settled_total', outcome='dead_lettered')} / {_settled}"
_oldest = f"time() - min({_s.of('oldest_unsettled_timestamp_seconds')})"


_HEALTH = Row(
    "Is it well?",
    (
        tile(
            "Delivered",
            "Events that the API accepted, each second, of all sources.",
            "cps",
            _s.rate("events_total", outcome="delivered"),
            leads_to=("delivery",),
        ),
        tile(
            "Delivered within 30 s",
            "Share of events accepted within 30 s of the broker's timestamp, over the time shown. The "
            "objective is 99 %. A backlog that is read late counts against it.",
            "percentunit",
            f"{_bucket} / {_s.increase('delivery_latency_seconds_count')}",
            steps=at(0.99, 0.999, colors=("red", "yellow", "green")),
            decimals=2,
            runbooks=("FilumBridgeLatencySloFastBurn",),
        ),
        tile(
            "Lag",
            "Records in the brokers that were not read yet, of all partitions and queues.",
            "short",
            f"sum({_s.of('consumer_lag')})",
            leads_to=("sources",),
            runbooks=("FilumBridgeLagGrowing",),
        ),
        tile(
            "Oldest record in hand",
            "Age of the oldest record that was read and is not settled; 0 when there is none.",
            "s",
            or_zero(_oldest),
            steps=at(60, 900),
            runbooks=("FilumBridgeLagTimeTooHigh",),
        ),
        tile(
            "Dead letters",
            "Dead letters written over the time shown.",
            "short",
            _s.increase("dead_letters_total"),
            steps=at(1, 100),
            decimals=0,
            leads_to=("dead-letters",),
            runbooks=("FilumBridgeDeadLetters",),
        ),
        tile(
            "Share dead-lettered",
            "Of the records settled over the time shown, the share that ended as a dead letter. The "
            "objective is below 0.1 %.",
            "percentunit",
            _lost_share,
            steps=at(0.001, 0.01),
            decimals=3,
            runbooks=("FilumBridgeDeliverySloFastBurn",),
        ),
        tile(
            "Breaker",
            "The worst of all destinations. Open: the API fails for everybody, real events probe it, "
            "nothing is lost.",
            "none",
            f"max({_s.of('breaker_state')})",
            words=((0, "closed", "green"), (1, "half open", "yellow"), (2, "open", "red")),
            leads_to=("delivery",),
            runbooks=("FilumBridgeBreakerOpen",),
        ),
        tile(
            "Reasons to wait",
            "How many pairs of a source or destination and a reason wait right now; below is which.",
            "short",
            or_zero(f"sum({_s.of('stalled')})"),
            steps=at(1, 5),
            runbooks=("FilumBridgeStalled",),
        ),
        unaccounted(_s),
        tile(
            "Replicas that answer",
            "Replicas that Prometheus could scrape last time.",
            "short",
            f"sum({_s.foreign('up')})",
            steps=at(1, colors=("red", "green")),
            leads_to=("runtime",),
            runbooks=("FilumBridgeReplicaDown",),
        ),
        tile(
            "Sets of rules in force",
            "Different rules that replicas run. More than 1 for longer than a rollout: one of them did not "
            "reload.",
            "short",
            f"count(count by (hash) ({_s.of('rules_info')}))",
            steps=at(2, colors=("green", "yellow")),
            leads_to=("rules",),
            runbooks=("FilumBridgeConfigDrift",),
        ),
        tile(
            "Last reload",
            "Whether every replica took the rules as they are now.",
            "none",
            f"min({_s.of('config_last_reload_successful')})",
            words=((0, "refused", "red"), (1, "taken", "green")),
            runbooks=("FilumBridgeReloadFailed",),
        ),
    ),
)

_FLOW = Row(
    "How much, how fast",
    (
        Panel(
            "Throughput",
            "Records read, events accepted, and requests, each second. One record may give several events, "
            "one request carry several.",
            "cps",
            (
                Query(_s.rate("records_consumed_total"), "records read"),
                Query(_s.rate("events_total", outcome="delivered"), "events accepted"),
                Query(_s.rate("requests_total"), "requests"),
            ),
            leads_to=("sources", "delivery"),
        ),
        Panel(
            "Time to acceptance",
            "From the broker's timestamp to the API's acceptance: median, and what 5 % and 1 % exceed.",
            "s",
            (
                Query(_s.quantile(0.5, "delivery_latency_seconds"), "p50"),
                Query(_s.quantile(0.95, "delivery_latency_seconds"), "p95"),
                Query(_s.quantile(0.99, "delivery_latency_seconds"), "p99"),
            ),
            steps=at(30, colors=("green", "red")),
            runbooks=("FilumBridgeLatencySloFastBurn", "FilumBridgeLatencySloSlowBurn"),
        ),
        Panel(
            "Lag by source",
            "Records not read yet. Flat and high means that as many come as leave.",
            "short",
            (Query(f"sum by (source) ({_s.of('consumer_lag')})", "{{source}}"),),
            leads_to=("sources",),
            runbooks=("FilumBridgeLagGrowing",),
        ),
    ),
)

_ENDS = Row(
    "What becomes of it",
    (
        Panel(
            "Records by outcome",
            "Records settled each second, by the worst outcome of their events.",
            "cps",
            (Query(_s.rate("records_settled_total", "outcome"), "{{outcome}}"),),
            "areas",
            leads_to=("rules", "dead-letters"),
        ),
        Panel(
            "Answers of the API",
            "Requests each second, by status or kind of failure.",
            "reqps",
            (Query(_s.rate("requests_total", "code"), "{{code}}"),),
            "areas",
            leads_to=("delivery",),
        ),
        Panel(
            "Dead letters by reason",
            "Dead letters written each second, by why.",
            "cps",
            (Query(_s.rate("dead_letters_total", "reason"), "{{reason}}"),),
            "areas",
            leads_to=("dead-letters",),
            runbooks=("FilumBridgeDeadLetters",),
        ),
    ),
)

_WAITS = Row(
    "Why anything waits",
    (
        Panel(
            "What waits, and for what",
            "One line for each source or destination and reason; red while it waits. `filum-bridge status "
            "--why` says the same in words, with what to do.",
            "none",
            (
                Query(
                    or_zero(
                        f"max by (source, destination, reason) ({_s.of('stalled')})",
                        "reason",
                        "nothing waits",
                    ),
                    "{{source}}{{destination}} {{reason}}",
                ),
            ),
            "states",
            width=24,
            height=10,
            words=((0, "flows", "green"), (1, "waits", "red")),
            runbooks=("FilumBridgeStalled", "FilumBridgeNotDelivering"),
        ),
    ),
)

BOARD = Board(
    "overview",
    "Filum Bridge / Overview",
    "Is it well, how much flows, and if something waits, why.",
    "whoever is on call, before anything else: after an alert, after a deploy, or when somebody asks "
    "whether events arrive. Most tiles lead to the board that tells more.",
    (_HEALTH, _FLOW, _ENDS, _WAITS),
    (Choice("source", "records_consumed_total"),),
)
