"""The ScaledObject, held against what KEDA's own scalers read, and its formula as KEDA computes it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bridge.metric_families import FAMILIES, PREFIX
from tests.conftest import require
from tests.dashboards.promql import selected
from tests.helm.rendering import CHART, CI, MINIMAL, PARTS, Object, one, program, rendered, run

HOLDING = ["--set", "keda.enabled=true,keda.prometheus.serverAddress=http://prometheus:9090"]


@pytest.mark.parametrize(
    "values",
    [values for values in CI if "keda: {enabled" in values.read_text() or "keda:\n" in values.read_text()],
)
def test_each_parameter_is_one_that_the_scaler_reads_there(values: Path) -> None:
    """Metadata and authentication alike; their values too, where KEDA lists them."""
    known = scalers()
    objects = rendered(values)
    given = {
        each["metadata"]["name"]: each["spec"] for each in objects if each["kind"] == "TriggerAuthentication"
    }
    triggers = one(objects, "ScaledObject")["spec"]["triggers"]
    assert triggers
    for trigger in triggers:
        if trigger["type"] not in known:
            continue
        parameters = known[trigger["type"]]
        for name, value in trigger["metadata"].items():
            plain = name.removesuffix("FromEnv")
            places = parameters[plain]["order"]
            assert ("resolvedEnv" if name != plain else "triggerMetadata") in places, name
            assert parameters[plain]["enum"] == [""] or value in parameters[plain]["enum"], name
        for name in names_in(given.get(trigger.get("authenticationRef", {}).get("name"), {})):
            assert "authParams" in parameters[name]["order"], name


def scalers() -> dict[str, dict[str, dict[str, list[str]]]]:
    """Scaler → parameter → where it is looked for, and what it may be."""
    file = PARTS / "k8s-schemas" / "keda-triggers.json"
    require("" if file.exists() else "no list of KEDA's parameters here: scripts/setup-chart makes it")
    found: dict[str, dict[str, dict[str, list[str]]]] = json.loads(file.read_text())
    return found


def names_in(authentication: Object) -> list[str]:
    """The parameters that a TriggerAuthentication gives."""
    return [each["parameter"] for entries in authentication.values() for each in entries]


def pods_wanted(*words: str, **values: float) -> float:
    """What KEDA computes."""
    objects = rendered(MINIMAL, *words)
    formula = one(objects, "ScaledObject")["spec"]["advanced"]["scalingModifiers"]["formula"]
    ran = run(program("formula"), formula, *(f"{name}={value}" for name, value in values.items()))
    assert ran.returncode == 0, ran.stderr
    return float(ran.stdout)


def test_lag_asks_for_pods() -> None:
    """One for each thousand records."""
    assert pods_wanted("--set", "keda.enabled=true", lag_0=3500) == 3.5
    assert pods_wanted(*HOLDING, lag_0=3500, held=0, pods=2) == 3.5


def test_no_pod_is_added_while_the_destination_holds() -> None:
    """However large the lag: it is not for want of pods."""
    assert pods_wanted(*HOLDING, lag_0=90_000, held=1, pods=2) == 2


def test_pods_may_go_while_the_destination_holds() -> None:
    """When there is nothing to do."""
    assert pods_wanted(*HOLDING, lag_0=100, held=1, pods=4) == 0.1


def test_sources_add_up_and_ones_own_triggers_do_not() -> None:
    """A pod reads all sources; another reason counts for itself."""
    own = '[{"type":"cron","target":2,"metadata":{"a":"b"}}]'
    two = '["a","b"]'
    words = [*HOLDING, "--set-json", f"keda.triggers={own}", "--set-json", f"config.sources[0].topics={two}"]
    source = ["config.sources[0].name=s", "config.sources[0].type=kafka", "config.sources[0].group=g"]
    words += ["--set", ",".join([*source, "config.sources[0].brokers=k:9092"])]
    assert pods_wanted(*words, lag_0=1500, lag_1=2500, own_0=2, held=0, pods=1) == 4
    assert pods_wanted(*words, lag_0=1500, lag_1=2500, own_0=20, held=0, pods=1) == 10
    assert pods_wanted(*words, lag_0=1500, lag_1=2500, own_0=20, held=1, pods=3) == 3


def queries_of(values: Path, *words: str) -> list[str]:
    """What KEDA asks Prometheus."""
    triggers = one(rendered(values, *words), "ScaledObject")["spec"]["triggers"]
    found = [each["metadata"]["query"] for each in triggers if each["type"] == "prometheus"]
    assert len(found) == 2
    return found


def test_the_queries_are_promql(tmp_path: Path) -> None:
    """As promtool reads them in rules."""
    queries = queries_of(CHART / "ci" / "keda-values.yaml")
    rules = tmp_path / "rules.yaml"
    recorded = [{"record": f"query_{index}", "expr": query} for index, query in enumerate(queries)]
    rules.write_text(json.dumps({"groups": [{"name": "keda", "rules": recorded}]}))
    ran = run(program("promtool"), "check", "rules", rules)
    assert ran.returncode == 0, ran.stderr


def test_the_queries_ask_for_what_the_bridge_tells() -> None:
    """Its metrics, by labels that they have or that their scrape gives; with reasons that can be."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    of_prometheus = schema["properties"]["keda"]["properties"]["prometheus"]["properties"]
    every = of_prometheus["holdReasons"]["items"]["enum"]
    words = [*HOLDING, "--set", f"keda.prometheus.holdReasons={{{','.join(every)}}}"]
    for query in (*queries_of(MINIMAL, *HOLDING), *queries_of(MINIMAL, *words)):
        asked = selected(query)
        assert sorted(each.name for each in asked) == sorted(re.findall(r"\bbridge_\w+", query))
        assert asked
        for each in asked:
            family = FAMILIES[each.name.removeprefix(PREFIX)]
            assert each.matchers.keys() <= {*family.labels, "namespace", "pod"}, query
            for label, allowed in family.closed.items():
                _, text = each.matchers.get(label, ("", ""))
                assert not text or set(text.split("|")) <= set(allowed), query
