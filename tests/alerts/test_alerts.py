"""Every alert fires where it must and is silent beside it, judged by promtool; and names only what exists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bridge.metric_families import FAMILIES, PREFIX
from bridge.stall_reasons import STALL_REASONS
from tests.alerts import delivery, objectives, runtime, sources
from tests.alerts.case import Case, World
from tests.conftest import require
from tests.dashboards.promql import selected
from tests.parts.prometheus import missing, promtool

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "helm" / "rules").glob("*.yaml"))
CASES = (*objectives.CASES, *sources.CASES, *delivery.CASES, *runtime.CASES)
RUNBOOKS = "https://filum-bridge.example/docs/runbooks"

PASSES_BY_ITSELF = {
    "blocked": "its destination has an alert",
    "room": "what it reads fills its room: the lag has an alert",
    "memory": "the same, in bytes",
}
"""Stall reasons that wake nobody."""


def _rules() -> Iterator[dict[str, Any]]:
    for file in FILES:
        for group in YAML(typ="safe").load(file)["groups"]:
            yield from group["rules"]


ALERTS = {rule["alert"]: rule for rule in _rules() if "alert" in rule}
each_alert = pytest.mark.parametrize("name", ALERTS)
each_case = pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{case.alert}-{number}") for number, case in enumerate(CASES)]
)


def _firing(case: Case) -> list[dict[str, Any]]:
    """The alert as it must be: with the labels it is routed by, and words that a person understands."""
    rule = ALERTS[case.alert]
    return [
        {
            "exp_labels": {**case.release, **case.labels, **rule["labels"]},
            "exp_annotations": {**rule["annotations"], "description": case.says},
        }
    ]


def _played(case: Case, world: World, alerts: list[dict[str, Any]]) -> dict[str, Any]:
    """A world, and the alerts that must fire in it, as promtool reads it."""
    asked = {"eval_time": world.at, "alertname": case.alert, "exp_alerts": alerts}
    series = [{"series": name, "values": values} for name, values in world.series.items()]
    test = {"interval": world.every, "input_series": series, "alert_rule_test": [asked]}
    return {"rule_files": _files_of(case.alert), "evaluation_interval": world.every, "tests": [test]}


def _files_of(alert: str) -> list[str]:
    """The file of an alert, behind the recorded rules if it builds on them; all of them take minutes."""
    (file,) = [file for file in FILES if f"alert: {alert}\n" in file.read_text()]
    recording = file.with_name("recording.yaml")
    return [*([str(recording)] if "namespace_job:" in ALERTS[alert]["expr"] else []), str(file)]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What promtool says of every world, by ``fires-N`` and ``silent-N``; it is called once."""
    require(missing())
    home = tmp_path_factory.mktemp("worlds")
    for number, case in enumerate(CASES):
        (home / f"fires-{number}").write_text(json.dumps(_played(case, case.fires, _firing(case))))
        (home / f"silent-{number}").write_text(json.dumps(_played(case, case.silent, [])))
    said = promtool("test", "rules", *sorted(home.iterdir()))
    parts = re.findall(
        r"Unit Testing:  (\S+)\n(.*?)(?=Unit Testing:|\Z)", said.stdout + said.stderr, re.DOTALL
    )
    return {Path(path).name: verdict.strip() for path, verdict in parts}


@each_case
def test_it_fires(case: Case, verdicts: dict[str, str]) -> None:
    """In the first of its worlds."""
    assert verdicts[f"fires-{CASES.index(case)}"] == "SUCCESS"


@each_case
def test_it_is_silent(case: Case, verdicts: dict[str, str]) -> None:
    """In a world that differs in one thing (``case.because``)."""
    assert verdicts[f"silent-{CASES.index(case)}"] == "SUCCESS"


def test_every_alert_has_a_case() -> None:
    """And no case is of an alert that is gone."""
    assert {case.alert for case in CASES} == ALERTS.keys()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_promtool_finds_nothing_wrong(file: Path) -> None:
    """With all of its lints, each of them fatal."""
    require(missing())
    judged = promtool("check", "rules", "--lint=all", "--lint-fatal", file)
    assert judged.returncode == 0, judged.stdout + judged.stderr


@each_alert
def test_an_alert_says_what_it_must(name: str) -> None:
    """How urgent, in a line, in detail, and where it is written what to do."""
    rule = ALERTS[name]
    assert re.fullmatch(r"FilumBridge([A-Z][a-z]+)+", name)
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert "{{" not in rule["annotations"]["summary"]
    assert "$labels." in rule["annotations"]["description"]
    assert rule["annotations"]["runbook_url"] == f"{RUNBOOKS}/{name}.md"


def test_rules_ask_for_metrics_that_exist() -> None:
    """With labels that they have, and values of closed labels that can be."""
    for rule in _rules():
        for one in selected(re.sub(r"\b(bridge_\w+)(?![\w{])", r"\1{}", rule["expr"])):
            if not one.name.startswith(PREFIX):
                continue
            family = _family(one.name)
            assert one.matchers.keys() <= {*family.labels, "le"}, rule
            for label, allowed in family.closed.items():
                _, text = one.matchers.get(label, ("", ""))
                assert not text or set(text.split("|")) <= set(allowed), rule
            if bound := one.matchers.get("le"):
                assert float(bound[1]) in family.bounds


def _family(name: str) -> Any:
    plain = name.removeprefix(PREFIX)
    return FAMILIES.get(plain) or FAMILIES[re.sub(r"_(bucket|sum|count)$", "", plain)]


def test_every_reason_to_wait_has_an_alert() -> None:
    """Just one, or it is told why it has none."""
    asked: list[str] = []
    for rule in ALERTS.values():
        for one in selected(rule["expr"]):
            if one.name == "bridge_stalled":
                asked += one.matchers["reason"][1].split("|")
    by_other_metrics = {"breaker": "bridge_breaker_state", "broker_down": "bridge_source_connected"}
    for reason, metric in by_other_metrics.items():
        assert any(metric in rule["expr"] for rule in ALERTS.values())
        asked.append(reason)
    assert sorted(asked) == sorted(STALL_REASONS.keys() - PASSES_BY_ITSELF.keys())


def test_names_of_recorded_rules_say_level_metric_and_operation() -> None:
    """As Prometheus' own advice has it; and every one is labelled as its name says."""
    for rule in _rules():
        if "record" in rule:
            level, metric, _ = rule["record"].split(":")
            assert metric.startswith("bridge_")
            by = re.findall(r"by \(([^)]*)\)", rule["expr"])
            assert {one.replace(", ", "_") for one in by} == {level}
