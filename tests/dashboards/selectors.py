"""PromQL for a dashboard: each selector has the matchers of its variables, each name is one that exists."""

from __future__ import annotations

from typing import Literal

from bridge.metric_families import FAMILIES, PREFIX

CHOSEN = 'namespace=~"$namespace", job=~"$job", instance=~"$instance"'

Foreign = Literal[
    "up",
    "scrape_duration_seconds",
    "process_start_time_seconds",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_max_fds",
    "python_gc_collections_total",
]
"""What is not of the bridge's own counting, and is there wherever Prometheus scrapes it."""

_PARTS = ("_bucket", "_sum", "_count")


class Selectors:
    """Selectors of one dashboard.

    Args:
        variables: the labels of the bridge that can be chosen on it, such as ``source``.
    """

    def __init__(self, *variables: str) -> None:
        self.variables = variables

    def of(self, name: str, **labels: str) -> str:
        """A selector of a metric of the bridge, without its prefix; a label's value may begin with ``=~``.

        Raises:
            KeyError: a metric, or a label of it, that the bridge does not have.
        """
        family = FAMILIES.get(name) or FAMILIES[_without_part(name)]
        own = {*family.labels, *({"le"} if name.endswith("_bucket") else ())}
        if unknown := labels.keys() - own:
            raise KeyError(f"{name} has no label {unknown}")
        chosen = {label: _choice(name, label) for label in self.variables if label in family.labels}
        matchers = [CHOSEN, *(f"{label}{_match(value)}" for label, value in {**chosen, **labels}.items())]
        return f"{PREFIX}{name}{{{', '.join(matchers)}}}"

    def foreign(self, name: Foreign) -> str:
        """A selector of a metric that every scrape brings."""
        return f"{name}{{{CHOSEN}}}"

    def rate(self, name: str, *by: str, **labels: str) -> str:
        """A counter's increase a second, summed up."""
        return f"sum{_by(by)} (rate({self.of(name, **labels)}[$__rate_interval]))"

    def increase(self, name: str, *by: str, **labels: str) -> str:
        """A counter's increase over all that the dashboard shows, summed up."""
        return f"sum{_by(by)} (increase({self.of(name, **labels)}[$__range]))"

    def quantile(self, share: float, name: str, *by: str) -> str:
        """A histogram's quantile; nothing where nothing was observed."""
        return f"histogram_quantile({share:g}, {self.rate(f'{name}_bucket', *by, 'le')})"

    def mean(self, name: str, *by: str) -> str:
        """A histogram's mean; not a number where nothing was observed."""
        return f"{self.rate(f'{name}_sum', *by)} / {self.rate(f'{name}_count', *by)}"


def or_zero(expression: str, label: str = "", value: str = "none") -> str:
    """0 where there is no series at all, so that a healthy bridge shows no empty panel."""
    zero = f'label_replace(vector(0), "{label}", "{value}", "", "")' if label else "vector(0)"
    return f"{expression} or on () {zero}"


def _without_part(name: str) -> str:
    return next((name.removesuffix(part) for part in _PARTS if name.endswith(part)), name)


def _choice(name: str, label: str) -> str:
    """``stalled`` has a source or a destination: choosing a source keeps what its destinations wait for."""
    return "=~$source|" if (name, label) == ("stalled", "source") else f"=~${label}"


def _match(value: str) -> str:
    return f'=~"{value[2:]}"' if value.startswith("=~") else f'="{value}"'


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""
