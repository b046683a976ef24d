"""What comes in: how far behind, how steady, and who has which partitions."""

from __future__ import annotations

from tests.dashboards.panels import Board, Choice, Panel, Query, Row, at
from tests.dashboards.selectors import Selectors, or_zero

_s = Selectors("source")
_lag = f"sum by (source) ({_s.of('consumer_lag')})"
_age = f"time() - min by (source) ({_s.of('oldest_unsettled_timestamp_seconds')})"
_ordered = (
    f"sum by (source) ({_s.of('partitions_assigned')}) - sum by (source) ({_s.of('partitions_unordered')})"
)
_turn = f"time() - min by (source) ({_s.of('consumer_thread_last_progress_timestamp_seconds')})"

_GLANCE = Row(
    "At a glance",
    (
        Panel(
            "Sources",
            "Each source over all chosen replicas: replicas connected to its broker, partitions or queues "
            "they have, how many of these are paused and how many read in order, what is behind, in hand, "
            "and when its thread last turned.",
            "short",
            (
                Query(f"sum by (source) ({_s.of('source_connected')})", "connected replicas"),
                Query(f"sum by (source) ({_s.of('partitions_assigned')})", "partitions"),
                Query(f"sum by (source) ({_s.of('partitions_paused')})", "paused"),
                Query(_ordered, "in order"),
                Query(_lag, "lag"),
                Query(f"sum by (source) ({_s.of('records_in_flight')})", "in hand"),
                Query(f"sum by (source) ({_s.of('buffer_bytes')})", "bytes in hand", "bytes"),
                Query(_turn, "last turn", "s"),
            ),
            "table",
            width=24,
            height=6,
            keys=("source",),
        ),
    ),
)

_BEHIND = Row(
    "How far behind",
    (
        Panel(
            "Lag",
            "Records in the broker that were not read yet. For a queue: messages ready.",
            "short",
            (Query(_lag, "{{source}}"),),
            width=6,
            runbooks=("FilumBridgeLagGrowing",),
        ),
        Panel(
            "Lag by partition or queue",
            "The twenty largest. One that stands out: a hot key, a stopped rule, a partition without a "
            "reader.",
            "short",
            (
                Query(
                    f"topk(20, max by (source, topic, partition) ({_s.of('consumer_lag')}))",
                    "{{source}} {{topic}}/{{partition}}",
                ),
            ),
            width=6,
        ),
        Panel(
            "Time to catch up",
            "Lag over the records settled each second: how long the backlog takes at the rate of right now. "
            "Nothing is shown while nothing is settled.",
            "s",
            (
                Query(
                    f"{_lag} / ({_s.rate('records_settled_total', 'source')} > 0.1)",
                    "{{source}}",
                ),
            ),
            width=6,
        ),
        Panel(
            "Age of the oldest record in hand",
            "Now minus the broker's time of the oldest record that is read and not settled; 0 when nothing "
            "is in hand.",
            "s",
            (Query(or_zero(_age, "source", "all"), "{{source}}"),),
            width=6,
            steps=at(900, colors=("green", "red")),
            runbooks=("FilumBridgeLagTimeTooHigh",),
        ),
    ),
)

_FLOW = Row(
    "In and out",
    (
        Panel(
            "Read and settled",
            "Records each second. While read stays above settled, records in hand grow.",
            "cps",
            (
                Query(_s.rate("records_consumed_total", "source"), "{{source}} read"),
                Query(_s.rate("records_settled_total", "source"), "{{source}} settled"),
            ),
        ),
        Panel(
            "Given back and skipped",
            "Records each second that another member or a later delivery takes over, and records that the "
            "offset map knew as finished and that were not sent again.",
            "cps",
            (
                Query(_s.rate("records_given_back_total", "source", "kind"), "{{source}} {{kind}}"),
                Query(_s.rate("records_skipped_total", "source"), "{{source}} skipped"),
            ),
        ),
        Panel(
            "In hand",
            "Records read and not settled, over all replicas; each source of a replica has "
            "`limits.records_in_flight`.",
            "short",
            (Query(f"sum by (source) ({_s.of('records_in_flight')})", "{{source}}"),),
        ),
    ),
)

_GROUP = Row(
    "Who has what",
    (
        Panel(
            "Rebalances",
            "Assignments, revocations and losses each second. A few at a deploy are normal; a steady line "
            "is a storm.",
            "cps",
            (Query(_s.rate("rebalances_total", "source", "kind"), "{{source}} {{kind}}"),),
            width=6,
            runbooks=("FilumBridgeRebalanceStorm",),
        ),
        Panel(
            "Partitions by replica",
            "Partitions or queues that each replica has. A replica with none is a standby.",
            "short",
            (
                Query(
                    f"sum by (instance, source) ({_s.of('partitions_assigned')})",
                    "{{instance}} {{source}}",
                ),
            ),
            "areas",
            width=6,
        ),
        Panel(
            "Paused",
            "Partitions or queues that are held and not read now; the overview tells the reason.",
            "short",
            (Query(f"sum by (source) ({_s.of('partitions_paused')})", "{{source}}"),),
            width=6,
            leads_to=("overview",),
            runbooks=("FilumBridgeStalled", "FilumBridgePausedByOperator"),
        ),
        Panel(
            "Connected",
            "Whether each replica is connected to the source's broker; a standby is.",
            "none",
            (
                Query(
                    f"min by (instance, source) ({_s.of('source_connected')})",
                    "{{instance}} {{source}}",
                ),
            ),
            "states",
            width=6,
            words=((0, "no", "red"), (1, "yes", "green")),
            runbooks=("FilumBridgeSourceDisconnected",),
        ),
    ),
)

_WAITS = Row(
    "What sources wait for",
    (
        Panel(
            "Why a source waits",
            "Red while it waits, by source and reason; destinations are on the dashboard of delivery.",
            "none",
            (
                Query(
                    or_zero(
                        f"max by (source, reason) ({_s.of('stalled', source='=~$source')})",
                        "reason",
                        "nothing waits",
                    ),
                    "{{source}} {{reason}}",
                ),
            ),
            "states",
            width=24,
            words=((0, "flows", "green"), (1, "waits", "red")),
            leads_to=("delivery",),
            runbooks=("FilumBridgeStalled",),
        ),
    ),
)

_COMMITS = Row(
    "Commits",
    (
        Panel(
            "Commits by outcome",
            "Commits of positions each second. `fenced` were for partitions that had gone meanwhile.",
            "cps",
            (Query(_s.rate("commits_total", "source", "outcome"), "{{source}} {{outcome}}"),),
            width=6,
            runbooks=("FilumBridgeCommitsFailing",),
        ),
        Panel(
            "Age of the last commit",
            "Since a commit was accepted, the oldest replica of each source. It grows while nothing new is "
            "settled.",
            "s",
            (Query(f"max by (source) ({_s.of('commit_age_seconds')})", "{{source}}"),),
            width=6,
        ),
        Panel(
            "Room for the offset map",
            "Characters of the largest commit metadata, of the 4,096 that Kafka keeps. At 75 % intake of "
            "that partition stops.",
            "short",
            (Query(f"max by (source) ({_s.of('commit_metadata_bytes')})", "{{source}}"),),
            width=6,
            steps=at(3072, colors=("green", "red")),
        ),
        Panel(
            "Metadata of no use, offsets lost",
            "Commit metadata that was ignored (foreign, too new, corrupt, of another log), and positions "
            "that the broker no longer had, over the time shown.",
            "short",
            (
                Query(
                    _s.increase("commit_metadata_ignored_total", "source", "reason"), "{{source}} {{reason}}"
                ),
                Query(_s.increase("offsets_lost_total", "source"), "{{source}} offset lost"),
            ),
            width=6,
            runbooks=("FilumBridgeOffsetsLost",),
        ),
    ),
)

_QUALITY = Row(
    "What producers leave to us",
    (
        Panel(
            "Records without a lasting identity",
            "Records each second of which a redelivery gets another `event_id`: RabbitMQ messages without "
            "`message_id`.",
            "cps",
            (Query(_s.rate("event_id_weak_total", "source"), "{{source}}"),),
        ),
        Panel(
            "Events without a time",
            "Events each second that have no time of their own nor of the broker, and were given the time "
            "of right now.",
            "cps",
            (Query(_s.rate("timestamp_fallback_total", "source"), "{{source}}"),),
        ),
        Panel(
            "Questions to the schema registry",
            "Questions each second by outcome: `unavailable` makes partitions wait, `unknown` becomes an "
            "undecodable record after a minute. Nothing but 0 where no source decodes with schemas.",
            "cps",
            (Query(_s.rate("schema_fetches_total", "outcome"), "{{outcome}}"),),
            runbooks=("FilumBridgeStalled",),
        ),
    ),
)

BOARD = Board(
    "sources",
    "Filum Bridge / Sources",
    "What comes in from Kafka and RabbitMQ: how far behind, how steady, and who has which partitions.",
    "whoever runs the brokers: when lag grows, around a rebalance, and before replicas or partitions "
    "are added or taken away.",
    (_GLANCE, _BEHIND, _FLOW, _WAITS, _GROUP, _COMMITS, _QUALITY),
    (Choice("source", "records_consumed_total"),),
)
