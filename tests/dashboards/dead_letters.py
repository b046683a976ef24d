"""What could not be delivered, why, and how to send it again."""

from __future__ import annotations

from tests.dashboards.panels import Board, Choice, Panel, Query, Row, at, tile
from tests.dashboards.selectors import Selectors

_s = Selectors("source")


_GLANCE = Row(
    "At a glance",
    (
        tile(
            "Written",
            "Dead letters confirmed by their store, over the time shown.",
            "short",
            _s.increase("dead_letters_total"),
            steps=at(1, 100),
            decimals=0,
            runbooks=("FilumBridgeDeadLetters",),
            width=6,
        ),
        tile(
            "Waiting to be written",
            "Events whose dead letter is not confirmed yet; their records are not settled.",
            "short",
            f"sum({_s.of('events_waiting', state='dead_letter')})",
            steps=at(1, 100),
            width=6,
        ),
        tile(
            "Failures to write",
            "Attempts to write a dead letter that failed, over the time shown. Nothing is skipped: what "
            "needs one waits.",
            "short",
            _s.increase("dead_letter_failures_total"),
            steps=at(1, colors=("green", "red")),
            decimals=0,
            runbooks=("FilumBridgeDeadLettersUnwritable",),
            width=6,
        ),
        tile(
            "Lowest budget",
            "The fewest dead letters that any rule may still cause before its partitions stop.",
            "short",
            f"min({_s.of('dead_letter_budget')})",
            steps=((None, "red"), (20, "green")),
            leads_to=("rules",),
            runbooks=("FilumBridgeDeadLetterBudgetLow", "FilumBridgeDeadLetterBudgetSpent"),
            width=6,
        ),
    ),
)

_WHY = Row(
    "Why, and of what",
    (
        Panel(
            "By reason",
            "Dead letters each second by `bridge-reason`: `undecodable`, `rule_fault`, `no_identity`, "
            "`invalid_payload`, `too_large`, `refused` by the API, `retries_exhausted`, "
            "`skipped_by_operator`.",
            "cps",
            (Query(_s.rate("dead_letters_total", "reason"), "{{reason}}"),),
            "areas",
            runbooks=("FilumBridgeDeadLetters",),
        ),
        Panel(
            "By source",
            "Dead letters each second, by where their record came from.",
            "cps",
            (Query(_s.rate("dead_letters_total", "source"), "{{source}}"),),
            "areas",
            leads_to=("sources",),
        ),
        Panel(
            "Share of all records",
            "Of the records settled each second, the share that ended as a dead letter.",
            "percentunit",
            (
                Query(
                    f"{_s.rate('records_settled_total', 'source', outcome='dead_lettered')} / "
                    f"{_s.rate('records_settled_total', 'source')}",
                    "{{source}}",
                ),
            ),
            steps=((None, "green"), (0.001, "red")),
            runbooks=("FilumBridgeDeliverySloFastBurn", "FilumBridgeDeliverySloSlowBurn"),
        ),
    ),
)

_WHOSE = Row(
    "Whose",
    (
        Panel(
            "Events refused by rule",
            "Events over the time shown that were made and ended as a dead letter: refused by the API, or "
            "retries exhausted.",
            "short",
            (
                Query(
                    _s.increase("events_total", "rule", "destination", outcome="dead_lettered"),
                    "events",
                ),
            ),
            "table",
            width=12,
            keys=("rule", "destination"),
            decimals=0,
        ),
        Panel(
            "Records at fault by rule",
            "Records over the time shown of which a rule could make no event, by reason; with `on_error: "
            "drop` or `stop` there is no letter of them.",
            "short",
            (Query(_s.increase("rule_faults_total", "rule", "reason"), "records"),),
            "table",
            width=12,
            keys=("rule", "reason"),
            decimals=0,
            leads_to=("rules",),
        ),
    ),
)

_STORE = Row(
    "The store",
    (
        Panel(
            "Failures to write over time",
            "Attempts each second to write a dead letter that failed.",
            "cps",
            (Query(_s.rate("dead_letter_failures_total"), "failures"),),
            width=12,
            runbooks=("FilumBridgeDeadLettersUnwritable",),
        ),
        Panel(
            "What to do",
            "```sh\n"
            "filum-bridge dlq ls                            # what lies there, by reason and rule\n"
            "filum-bridge dlq show 0:42                     # one of them: why, and its record's headers\n"
            "filum-bridge dlq redrive --dry-run             # what the rules of today would make of them\n"
            "filum-bridge dlq redrive --rate 50             # send them again, 50 a second\n"
            "```\n"
            "A letter keeps the record's key, headers and body to the byte. Mend the cause first (the rule, "
            "the producer, the API's setting); a redrive goes through the rules as they are then. See the "
            "[runbooks](${runbooks}/README.md).",
            kind="text",
            width=12,
        ),
    ),
)

BOARD = Board(
    "dead-letters",
    "Filum Bridge / Dead letters",
    "What could not be delivered, why, and how to send it again.",
    "whoever owns the data: after the alert of that name, and before and after a redrive.",
    (_GLANCE, _WHY, _WHOSE, _STORE),
    (Choice("source", "records_consumed_total"),),
)
