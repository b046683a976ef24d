"""The processes: what they use, whether they turn, and whether all run the same."""

from __future__ import annotations

from tests.dashboards.accounts import unaccounted
from tests.dashboards.panels import Board, Panel, Query, Row, at, tile
from tests.dashboards.selectors import Selectors

_s = Selectors()
_start = _s.foreign("process_start_time_seconds")
_turn = _s.of("consumer_thread_last_progress_timestamp_seconds")
_build, _rules = _s.of("build_info"), _s.of("rules_info")


_GLANCE = Row(
    "At a glance",
    (
        tile(
            "Replicas that answer",
            "Replicas that Prometheus could scrape last time.",
            "short",
            f"sum({_s.foreign('up')})",
            steps=at(1, colors=("red", "green")),
            runbooks=("FilumBridgeReplicaDown", "FilumBridgeMetricsAbsent", "FilumBridgeReplicasMissing"),
            width=6,
        ),
        tile(
            "Restarts",
            "Processes that began anew on the same address, over the time shown.",
            "short",
            f"sum(changes({_start}[$__range]))",
            steps=at(1, 3),
            decimals=0,
            runbooks=("FilumBridgeRestarting",),
            width=6,
        ),
        tile(
            "Versions",
            "Different versions that run; more than 1 only during a rollout.",
            "short",
            f"count(count by (version) ({_s.of('build_info')}))",
            steps=at(2, colors=("green", "yellow")),
            width=6,
        ),
        unaccounted(_s, width=6),
    ),
)

_REPLICAS = Row(
    "Replicas",
    (
        Panel(
            "Replicas",
            "Each replica: whether it answers, how long its process runs, memory, open files of those "
            "allowed, and how late its loop was.",
            "short",
            (
                Query(f"max by (instance) ({_s.foreign('up')})", "answers"),
                Query(f"time() - max by (instance) ({_start})", "runs since", "s"),
                Query(
                    f"max by (instance) ({_s.foreign('process_resident_memory_bytes')})", "memory", "bytes"
                ),
                Query(
                    f"max by (instance) ({_s.foreign('process_open_fds')} / {_s.foreign('process_max_fds')})",
                    "open files",
                    "percentunit",
                ),
                Query(f"max by (instance) ({_s.of('loop_lag_seconds')})", "loop late by", "s"),
            ),
            "table",
            width=14,
            height=7,
            keys=("instance",),
        ),
        Panel(
            "Version and rules",
            "What each replica runs: version, Python, hash of its rules.",
            "short",
            (
                Query(
                    f"max by (instance, version, python, hash) ({_build} * on (namespace, job, instance) "
                    f"group_right (version, python) {_rules})",
                    "runs",
                ),
            ),
            "table",
            width=10,
            height=7,
            keys=("instance", "version", "python", "hash"),
            runbooks=("FilumBridgeConfigDrift",),
        ),
    ),
)

_USE = Row(
    "What it uses",
    (
        Panel(
            "CPU",
            "Share of a core. The loop is one thread: near 100 % more replicas help, more cores for one do "
            "not.",
            "percentunit",
            (
                Query(
                    f"sum by (instance) (rate({_s.foreign('process_cpu_seconds_total')}[$__rate_interval]))",
                    "{{instance}}",
                ),
            ),
            least=0,
        ),
        Panel(
            "Memory",
            "Resident memory. It follows `limits.buffer` and what librdkafka fetches ahead.",
            "bytes",
            (
                Query(
                    f"max by (instance) ({_s.foreign('process_resident_memory_bytes')})",
                    "{{instance}}",
                ),
            ),
            least=0,
        ),
        Panel(
            "Open files",
            "Sockets and files open, of the limit.",
            "percentunit",
            (
                Query(
                    f"max by (instance) ({_s.foreign('process_open_fds')} / {_s.foreign('process_max_fds')})",
                    "{{instance}}",
                ),
            ),
            steps=((None, "green"), (0.8, "red")),
            least=0,
            runbooks=("FilumBridgeFileDescriptors",),
        ),
    ),
)

_TURNS = Row(
    "Whether it turns",
    (
        Panel(
            "Loop late by",
            "How late the loop's last turn was. Above a second it has too much to do, or something blocks "
            "it.",
            "s",
            (Query(f"max by (instance) ({_s.of('loop_lag_seconds')})", "{{instance}}"),),
            width=6,
            steps=((None, "green"), (1, "red")),
            least=0,
            runbooks=("FilumBridgeLoopLag",),
        ),
        Panel(
            "Since a consumer thread turned",
            "Each source's thread turns several times a second; a minute means that it hangs.",
            "s",
            (
                Query(
                    f"time() - min by (instance, source) ({_turn})",
                    "{{instance}} {{source}}",
                ),
            ),
            width=6,
            least=0,
            runbooks=("FilumBridgeThreadStuck",),
        ),
        Panel(
            "Garbage collections",
            "Runs of Python's collector each second, by generation; the oldest one costs most.",
            "cps",
            (
                Query(
                    "sum by (instance, generation) "
                    f"(rate({_s.foreign('python_gc_collections_total')}[$__rate_interval]))",
                    "{{instance}} gen {{generation}}",
                ),
            ),
            width=6,
        ),
        Panel(
            "Time of a scrape",
            "How long `/metrics` took to answer, as Prometheus saw it.",
            "s",
            (Query(f"max by (instance) ({_s.foreign('scrape_duration_seconds')})", "{{instance}}"),),
            width=6,
        ),
    ),
)

BOARD = Board(
    "runtime",
    "Filum Bridge / Runtime",
    "The processes: what they use, whether they turn, and whether all run the same.",
    "whoever runs the cluster: when a replica restarts or is short of CPU, memory or files, and to "
    "see that a rollout is complete.",
    (_GLANCE, _REPLICAS, _USE, _TURNS),
)
