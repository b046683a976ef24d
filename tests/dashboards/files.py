"""The dashboards as they are committed: what is in the JSON, not what the code meant to put there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parents[2] / "helm" / "dashboards"
FILES = sorted(FOLDER.glob("*.json"))

_VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)")


def load(file: Path) -> dict[str, Any]:
    """One dashboard."""
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """All panels but rows."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def variables(dashboard: dict[str, Any], kind: str = "") -> dict[str, dict[str, Any]]:
    """Its variables by name, all or those of one type."""
    every = dashboard["templating"]["list"]
    return {one["name"]: one for one in every if kind in ("", one["type"])}


class Asked(NamedTuple):
    """One query of a dashboard: of a panel's target, or of an annotation."""

    board: str
    asker: str
    kind: str
    expression: str
    legend: str

    def __str__(self) -> str:
        return f"{self.board}: {self.asker}: {self.expression}"


def queries(file: Path) -> Iterator[Asked]:
    """Every query of every panel and every annotation."""
    dashboard = load(file)
    for panel in panels(dashboard):
        for target in panel.get("targets", ()):
            asker = f"{panel['title']} {target['refId']}"
            yield Asked(file.stem, asker, panel["type"], target["expr"], target.get("legendFormat", ""))
    for mark in dashboard["annotations"]["list"]:
        yield Asked(file.stem, f"annotation {mark['name']}", "annotation", mark["expr"], "")


def expanded(text: str, values: dict[str, str]) -> str:
    """As Grafana does before it asks: each variable's value in its place.

    Raises:
        KeyError: a variable without a value.
    """
    return _VARIABLE.sub(lambda found: values[found[1] or found[2]], text)


def all_chosen(dashboard: dict[str, Any]) -> dict[str, str]:
    """What ``All`` of each variable stands for."""
    return {name: one.get("allValue", "") for name, one in variables(dashboard, "query").items()}
