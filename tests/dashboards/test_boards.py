"""The committed dashboards are those of the code, lead somewhere, and leave no metric out."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from bridge.metric_families import FAMILIES, PREFIX
from tests.dashboards.boards import BOARDS
from tests.dashboards.files import FILES, FOLDER, all_chosen, expanded, load, panels, queries, variables
from tests.dashboards.grafana import as_json
from tests.dashboards.promql import selected

each_dashboard = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_the_committed_file_is_what_the_code_makes(board: Any) -> None:
    """After a change: ``scripts/dashboards``."""
    assert (FOLDER / f"{board.name}.json").read_text() == as_json(board, BOARDS)


def test_there_are_no_other_files() -> None:
    """A dashboard that is renamed leaves none behind."""
    assert [file.stem for file in FILES] == sorted(board.name for board in BOARDS)


@each_dashboard
def test_every_field_is_known_to_grafana(file: Path) -> None:
    """Read by Grafana's own models and written again, nothing is lost and nothing is added."""
    plugins.register_default_plugins()
    found = load(file)
    assert json.loads(JSONEncoder().encode(models.Dashboard.from_json(found))) == found


@each_dashboard
def test_it_can_be_provisioned_from_a_file(file: Path) -> None:
    """A fixed address of its own, nothing of a database, no inputs that only a person could give."""
    found = load(file)
    assert found["uid"] == f"filum-bridge-{file.stem}"
    assert len(found["uid"]) <= 40
    assert found["schemaVersion"] >= 36
    assert not found.keys() & {"id", "__inputs", "__requires", "gnetId"}
    assert (found["tags"], found["timezone"], found["refresh"]) == (["filum-bridge"], "browser", "30s")


@each_dashboard
def test_panels_lie_side_by_side(file: Path) -> None:
    """Inside 24 columns, none over another; numbers and titles are their own."""
    every = load(file)["panels"]
    taken: Counter[tuple[int, int]] = Counter()
    for place in (panel["gridPos"] for panel in every):
        assert place["x"] + place["w"] <= 24
        taken.update(
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        )
    assert set(taken.values()) == {1}
    assert len({panel["id"] for panel in every}) == len(every)
    assert len({panel["title"] for panel in panels(load(file))}) == len(panels(load(file)))


@each_dashboard
def test_rows_are_full(file: Path) -> None:
    """No gap at the right: each line of panels adds up to 24 columns."""
    width: Counter[int] = Counter()
    for panel in load(file)["panels"]:
        width[panel["gridPos"]["y"]] += panel["gridPos"]["w"]
    assert set(width.values()) == {24}


@each_dashboard
def test_every_variable_is_used(file: Path) -> None:
    """And none is used that is not there."""
    found = load(file)
    known = {*variables(found), "__rate_interval", "__range", "__interval_ms"}
    links = {"__url_time_range", "__all_variables"}
    text = json.dumps([found["panels"], found["annotations"], found["templating"]["list"], found["links"]])
    used = {a or b for a, b in re.findall(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)", text)} - {"__all"}
    assert variables(found).keys() <= used
    assert used <= known | links


@each_dashboard
def test_links_lead_to_dashboards_that_are_there(file: Path) -> None:
    """With what was chosen and the time that was looked at."""
    found = load(file)
    urls = [link["url"] for panel in panels(found) for link in panel.get("links", [])]
    uids = {match[1] for url in urls if (match := re.match(r"/d/([\w-]+)\?", url))}
    assert uids <= {board.uid for board in BOARDS}
    assert all(
        url.endswith("?${__url_time_range}&${__all_variables}") for url in urls if url.startswith("/d/")
    )
    others = found["links"][0]
    assert (others["type"], others["tags"], others["includeVars"], others["keepTime"]) == (
        "dashboards",
        ["filum-bridge"],
        True,
        True,
    )


def test_every_metric_is_on_a_dashboard() -> None:
    """What is counted can be seen."""
    shown = {one.name for file in FILES for asked in queries(file) for one in selected(asked.expression)}
    plain = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    assert {f"{PREFIX}{name}" for name in FAMILIES} <= plain


def test_values_of_labels_are_such_that_exist() -> None:
    """A misspelt outcome would show nothing, for ever."""
    for asked in (asked for file in FILES for asked in queries(file)):
        for one in selected(asked.expression):
            family = FAMILIES.get(one.name.removeprefix(PREFIX))
            for label, allowed in family.closed.items() if family else ():
                _, text = one.matchers.get(label, ("", ""))
                assert not text or set(text.split("|")) <= set(allowed), asked


def test_expanding_puts_values_in_place_of_variables() -> None:
    """As Grafana writes them: plain, or in braces with a format."""
    board = load(FILES[0])
    assert (
        expanded('a{job=~"$job"}[${__range}]', {**all_chosen(board), "__range": "1h"}) == 'a{job=~".+"}[1h]'
    )
