"""What is marked in every dashboard's graphs. An expression has a value for a while after it happened."""

from __future__ import annotations

from typing import NamedTuple

from tests.dashboards.selectors import Selectors

_s = Selectors()
_IS_FRESH = f"(time() - {_s.foreign('process_start_time_seconds')}) * 1000 < $__interval_ms + 60000"


class Happening(NamedTuple):
    """One kind of mark."""

    name: str
    color: str
    says: str
    expression: str


HAPPENINGS = (
    Happening(
        "Starts and deploys",
        "blue",
        "a process began, by its version: a deploy, a restart, a new replica",
        f"count by (version) ({_s.of('build_info')} and on (namespace, job, instance) ({_IS_FRESH}))",
    ),
    Happening(
        "Rules reloaded",
        "green",
        "changed rules were taken",
        f"sum(increase({_s.of('config_reloads_total', outcome='ok')}[$__rate_interval])) > 0",
    ),
    Happening(
        "Rules refused",
        "red",
        "changed rules were refused, the old ones stay",
        f"sum(increase({_s.of('config_reloads_total', outcome='refused')}[$__rate_interval])) > 0",
    ),
    Happening(
        "Rebalances",
        "purple",
        "partitions or queues came or went, by source",
        f"sum by (source, kind) (increase({_s.of('rebalances_total')}[$__rate_interval])) > 0",
    ),
)
