"""What rules make of records: events, faults, and what it costs."""

from __future__ import annotations

from tests.dashboards.panels import Board, Choice, Panel, Query, Row
from tests.dashboards.selectors import Selectors

_s = Selectors("rule")
_CLOCKED_EVERY = 61

_IN_FORCE = Row(
    "In force",
    (
        Panel(
            "Rules in force",
            "The rules that replicas run, by their hash; `bridge-rules-hash` of a dead letter names the "
            "same.",
            "short",
            (Query(f"count by (hash) ({_s.of('rules_info')})", "replicas"),),
            "table",
            width=6,
            height=6,
            keys=("hash",),
            runbooks=("FilumBridgeConfigDrift",),
        ),
        Panel(
            "Last reload by replica",
            "Whether each replica took the rule files as they are now. Refused: the old rules stay, the log "
            "says why.",
            "none",
            (Query(f"min by (instance) ({_s.of('config_last_reload_successful')})", "{{instance}}"),),
            "states",
            width=9,
            height=6,
            words=((0, "refused", "red"), (1, "taken", "green")),
            runbooks=("FilumBridgeReloadFailed",),
        ),
        Panel(
            "Reloads",
            "Changed rules that were taken or refused, each second over all replicas.",
            "cps",
            (Query(_s.rate("config_reloads_total", "outcome"), "{{outcome}}"),),
            width=9,
            height=6,
        ),
    ),
)

_EVENTS = Row(
    "Events",
    (
        Panel(
            "Events made by rule",
            "Events each second that rules made of records.",
            "cps",
            (Query(_s.rate("events_created_total", "rule"), "{{rule}}"),),
            "areas",
        ),
        Panel(
            "Identify and track",
            "Events made each second, by type.",
            "cps",
            (Query(_s.rate("events_created_total", "event_type"), "{{event_type}}"),),
            "areas",
        ),
        Panel(
            "Events by rule that did not arrive",
            "Events each second that ended as a dead letter (the API refused them, or retries were "
            "exhausted), or whose record was given back first (`abandoned`: it comes again).",
            "cps",
            (
                Query(
                    _s.rate("events_total", "rule", "outcome", outcome="=~dead_lettered|abandoned"),
                    "{{rule}} {{outcome}}",
                ),
            ),
            leads_to=("dead-letters",),
            runbooks=("FilumBridgeDeadLetters",),
        ),
    ),
)

_FAULTS = Row(
    "Faults and leftovers",
    (
        Panel(
            "Rule faults",
            "Records each second that a rule could not turn into events, by rule and reason; the log names "
            "place and field.",
            "cps",
            (Query(_s.rate("rule_faults_total", "rule", "reason"), "{{rule}} {{reason}}"),),
            runbooks=("FilumBridgeRuleFaultsAfterChange", "FilumBridgeRuleStopped"),
        ),
        Panel(
            "Filtered and dropped",
            "Records each second that no rule's `when` accepted, and records that `on_error: drop` dropped.",
            "cps",
            (
                Query(
                    _s.rate("records_settled_total", "outcome", outcome="=~filtered|dropped"), "{{outcome}}"
                ),
            ),
        ),
        Panel(
            "Dead letters a rule may still cause",
            "The budget of each rule and destination: 100, one more for each event delivered, at most "
            "1,000. At 0 its partitions stop, so that a bad deploy empties no topic.",
            "short",
            (
                Query(
                    f"min by (rule, destination) ({_s.of('dead_letter_budget')})",
                    "{{rule}} → {{destination}}",
                ),
            ),
            steps=((None, "red"), (20, "green")),
            least=0,
            runbooks=("FilumBridgeDeadLetterBudgetLow", "FilumBridgeDeadLetterBudgetSpent"),
        ),
    ),
)

_COST = Row(
    "What rules cost",
    (
        Panel(
            "Slowest hundredth by rule",
            "What 1 % of a rule's turns exceed; one record in 61 is timed.",
            "s",
            (Query(_s.quantile(0.99, "rule_duration_seconds", "rule"), "{{rule}}"),),
        ),
        Panel(
            "Mean time by rule",
            "Mean time of a rule on one record; one record in 61 is timed.",
            "s",
            (Query(_s.mean("rule_duration_seconds", "rule"), "{{rule}}"),),
        ),
        Panel(
            "Share of a core by rule",
            "Time that a rule takes each second of the clock, scaled up from the records that were timed.",
            "percentunit",
            (Query(f"{_s.rate('rule_duration_seconds_sum', 'rule')} * {_CLOCKED_EVERY}", "{{rule}}"),),
            "areas",
            leads_to=("runtime",),
        ),
    ),
)

_TIME = Row(
    "How old events are",
    (
        Panel(
            "Age of events at acceptance",
            "From the event's own time, as its rule reads it, to the API's acceptance: median, and what 5 % "
            "and 1 % exceed. Old events that are sent on purpose show here, unlike in the time to "
            "acceptance.",
            "s",
            (
                Query(_s.quantile(0.5, "event_age_seconds"), "p50"),
                Query(_s.quantile(0.95, "event_age_seconds"), "p95"),
                Query(_s.quantile(0.99, "event_age_seconds"), "p99"),
            ),
            width=12,
        ),
        Panel(
            "How the age of events spreads",
            "Events accepted each second, by how old they were.",
            "s",
            (Query(_s.rate("event_age_seconds_bucket", "le")),),
            "heatmap",
            width=12,
        ),
    ),
)

BOARD = Board(
    "rules",
    "Filum Bridge / Rules",
    "What rules make of records: events, faults, and what it costs.",
    "whoever writes rules: after a change, to see that every replica took it and that nothing new "
    "fails, and when the bridge takes more CPU than before.",
    (_IN_FORCE, _EVENTS, _FAULTS, _COST, _TIME),
    (Choice("rule", "events_created_total"),),
)
