"""The rules of Grafana's dashboard-linter, each by its name there, held against the committed files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bridge.metric_families import FAMILIES, PREFIX
from tests.dashboards.files import FILES, Asked, load, panels, queries, variables
from tests.dashboards.promql import Selected, names_without_braces, selected

DATA_SOURCE = "${datasource}"
UNITS = frozenset(
    {"none", "short", "percentunit", "s", "bytes", "cps", "reqps"},
)
"""Those that our dashboards use; all are on the linter's list."""
_PARTS = ("", "_bucket", "_sum", "_count")
OURS = frozenset(f"{PREFIX}{name}{part}" for name in FAMILIES for part in _PARTS)
COUNTING = ("_total", "_bucket", "_sum", "_count")

ASKED = [
    pytest.param(one, id=f"{one.board}-{one.asker}")
    for file in FILES
    for one in queries(file)
    if one.kind != "annotation"
]
each_dashboard = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
each_query = pytest.mark.parametrize("asked", ASKED)


@each_dashboard
def test_template_datasource(file: Path) -> None:
    """Exactly one, with the name and label that people know."""
    (source,) = variables(load(file), "datasource").values()
    assert (source["name"], source["label"], source["query"]) == ("datasource", "Data source", "prometheus")


@each_dashboard
@pytest.mark.parametrize("name", ["job", "instance"])
def test_template_job_and_template_instance(file: Path, name: str) -> None:
    """Both can be chosen, several at a time, and ``All`` means any that there is."""
    variable = variables(load(file), "query")[name]
    assert variable["datasource"]["uid"] == DATA_SOURCE
    assert variable["label"] == name.title()
    assert (variable["multi"], variable["includeAll"], variable["allValue"]) == (True, True, ".+")


@each_dashboard
def test_template_label_promql(file: Path) -> None:
    """Each variable asks for the values of one label of a metric that exists."""
    for name, variable in variables(load(file), "query").items():
        asked = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
        assert asked, variable["query"]
        (series,) = selected(asked[1]) or [Selected(asked[1], {}, "", "")]
        assert series.name in OURS
        assert asked[2] == name


@each_dashboard
def test_template_on_time_change_reload(file: Path) -> None:
    """A source that is gone vanishes from the choice."""
    assert {one["refresh"] for one in variables(load(file), "query").values()} == {2}


@each_dashboard
def test_panel_datasource(file: Path) -> None:
    """Panels, queries and annotations ask the data source that was chosen."""
    dashboard = load(file)
    asking: list[dict[str, Any]] = [*dashboard["annotations"]["list"]]
    for panel in panels(dashboard):
        asking += [] if panel["type"] == "text" else [panel, *panel["targets"]]
    assert {(one["datasource"]["type"], one["datasource"]["uid"]) for one in asking} == {
        ("prometheus", DATA_SOURCE)
    }


@each_dashboard
def test_panel_title_description_and_panel_units_and_panel_no_targets(file: Path) -> None:
    """Every panel says what it is, what it means, in what unit, and asks something."""
    for panel in panels(load(file)):
        if panel["type"] == "text":
            assert panel["options"]["content"]
            continue
        assert panel["title"]
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert panel["targets"], panel["title"]


@each_query
def test_target_job_and_target_instance(asked: Asked) -> None:
    """Every selector is held by the variables; the namespace is one of ours."""
    found = selected(asked.expression)
    assert found
    assert not names_without_braces(re.sub(r"\{[^}]*\}", "{}", asked.expression), OURS)
    for selector in found:
        for label in ("namespace", "job", "instance"):
            assert selector.matchers[label] == ("=~", f"${label}"), selector


@each_query
def test_target_rate_interval(asked: Asked) -> None:
    """A rate is over what the step needs, a sum over all that is shown."""
    for selector in selected(asked.expression):
        if selector.within in ("rate", "irate"):
            assert selector.span == "[$__rate_interval]", selector
        elif selector.span:
            assert selector.span == "[$__range]", selector


@each_query
def test_target_counter_agg(asked: Asked) -> None:
    """A counter, or a part of a histogram, is nothing by itself: it begins anew with each process."""
    for selector in selected(asked.expression):
        if selector.name.endswith(COUNTING):
            assert selector.within in ("rate", "irate", "increase"), selector
        else:
            assert selector.within not in ("rate", "irate", "increase"), selector


@each_dashboard
def test_uneditable_dashboard(file: Path) -> None:
    """What is changed in Grafana would be lost at the next release."""
    assert load(file)["editable"] is False
