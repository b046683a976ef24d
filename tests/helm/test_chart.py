"""What the chart renders, held against the bridge: it is run on it. Each value alone: ``helm/tests``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.helm.rendering import (
    CHART,
    CI,
    FULL,
    MINIMAL,
    Object,
    containers,
    lay_out,
    one,
    pod_of,
    program,
    rendered,
    run,
)

BAD_RULE = "from: {topics: [shop.orders]}\nrules: [{name: a, emit: [{event_type: track, event_nam: x}]}]"
FAILING_TEST = """
from: {topics: [shop.orders]}
rules:
  - {name: a, emit: [{event_type: track, event_name: Order Completed, user_id: "string(event.id)"}]}
tests:
  - {name: never, given: {event: {id: 1}}, expect: []}
"""
HAS_CONFIG = [values for values in CI if "existing" not in values.name]


def run_check(objects: list[Object], root: Path) -> list[subprocess.CompletedProcess[str]]:
    """What the Job's containers say, in their order, up to the first that fails."""
    pod = pod_of(one(objects, "Job", "shop-filum-bridge-check"))
    lay_out(objects, pod, root)
    said = []
    for container in containers(pod):
        words = [str(root) + word if word.startswith("/") else word for word in container["args"]]
        given = {each["name"]: each.get("value", "x") for each in container.get("env", [])}
        said.append(run(sys.executable, "-m", "bridge", *words, **given))
        if said[-1].returncode:
            break
    return said


@pytest.mark.parametrize("values", HAS_CONFIG, ids=lambda path: path.name)
def test_the_check_before_a_release_accepts_what_is_right(values: Path, tmp_path: Path) -> None:
    """The Job's own containers, over the ConfigMaps that it is given; the bridge would load them too."""
    objects = rendered(values, "--set-json", "check.args=[]")
    for ran in run_check(objects, tmp_path):
        assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("file", "says"), [(BAD_RULE, "event_nam"), (FAILING_TEST, "never")], ids=["wrong", "fails its test"]
)
def test_the_check_before_a_release_refuses_rules(file: str, says: str, tmp_path: Path) -> None:
    """That do not compile, or fail their own tests: the Job fails, and with it the release."""
    rules = tmp_path / "bad.yaml"
    rules.write_text(file)
    ran = run_check(rendered(MINIMAL, "--set-file", rf"rules.bad\.yaml={rules}"), tmp_path)[-1]
    assert ran.returncode != 0
    assert says in ran.stdout + ran.stderr


def test_a_word_that_the_configuration_does_not_know_is_refused_by_the_schema() -> None:
    """The chart's schema is as strict as the bridge; nothing is rendered."""
    ran = run(program("helm"), "template", "shop", CHART, "-f", MINIMAL, "--set", "config.limits.bufer=1MiB")
    assert ran.returncode != 0
    assert "bufer" in ran.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--set", "replicas=2"],
        ["--set-string", "replicaCount=two"],
        ["--set", "config.destinations.default.write_key=plain"],
        ["--set-json", 'config.rules=["x.yaml"]'],
        ["--set", "config.admin.port=80"],
        ["--set-string", "rules.orders=x"],
        ["--set", "secrets.filum.name=filum"],
        ["--set", "secrets.filum.externalSecret.secretStoreRef.name=vault"],
        ["--set", "secrets.Filum.existingSecret=filum"],
        ["--set", "podMonitor.enable=true"],
        ["--set", "prometheusRule.runbookUrl=wiki.example/runbooks"],
        ["--set", "probes.liveness.httpGet.path=/"],
        ["--set", "keda.triggers[0].type=cron"],
        ["--set", "kind=DaemonSet"],
        ["--set", "port=80"],
    ],
    ids=lambda words: words[1],
)
def test_values_that_mean_nothing_are_refused(words: list[str]) -> None:
    """Misspelt, of another type, a secret in plain text, what the chart sets itself."""
    ran = run(program("helm"), "template", "shop", CHART, "-f", MINIMAL, *words)
    assert ran.returncode != 0
    assert "values don't meet the specifications of the schema" in ran.stderr


def test_the_chart_alone_is_refused() -> None:
    """Without values there is nothing to run: no default pretends otherwise."""
    assert "config.sources is missing" in run(program("helm"), "template", "shop", CHART).stderr


def checksum(values: Path, *words: str | Path) -> str:
    """What replaces the pods when it changes."""
    template = one(rendered(values, *words), "Deployment")["spec"]["template"]
    return str(template["metadata"]["annotations"]["checksum/restart"])


def test_a_changed_configuration_replaces_the_pods() -> None:
    """It is read at start."""
    assert checksum(FULL) == checksum(FULL)
    assert checksum(FULL) != checksum(FULL, "--set", "config.limits.string=1KiB")


def test_changed_rules_replace_no_pods(tmp_path: Path) -> None:
    """They are reloaded; also in the bridge, where the sources name their topics."""
    more = tmp_path / "more.yaml"
    more.write_text("from: {topics: [shop.payments]}\nrules: []")
    assert checksum(FULL) == checksum(FULL, "--set-file", rf"rules.more\.yaml={more}")


def test_rules_that_subscribe_to_other_topics_replace_the_pods(tmp_path: Path) -> None:
    """A source without topics reads what rules name, as it was at its start: a reload would be refused."""
    changed = tmp_path / "orders.yaml"
    changed.write_text("from: {topics: [shop.orders]}\nrules: [{name: another}]")
    assert checksum(MINIMAL) == checksum(MINIMAL, "--set-file", rf"rules.orders\.yaml={changed}")
    changed.write_text("from: {topics: [shop.orders, shop.returns]}\nrules: [{name: order}]")
    wider = checksum(MINIMAL, "--set-file", rf"rules.orders\.yaml={changed}")
    changed.write_text("rules: [{name: order, from: {topics: [shop.orders, shop.returns]}}]")
    assert (
        len({checksum(MINIMAL), wider, checksum(MINIMAL, "--set-file", rf"rules.orders\.yaml={changed}")})
        == 3
    )


def test_static_members_of_one_pod_have_different_names() -> None:
    """Two sources of one group in a pod would fence each other."""
    objects = rendered(CHART / "ci" / "statefulset-values.yaml")
    config = YAML(typ="safe").load(one(objects, "ConfigMap")["data"]["bridge.yaml"])
    assert [source["instance_id"] for source in config["sources"]] == [
        "${POD_NAME}-shop",
        "${POD_NAME}-payments",
    ]


@pytest.fixture
def filled_chart(tmp_path: Path) -> Path:
    """The chart with one file of rules and one dashboard, whatever it really has."""
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart, ignore=shutil.ignore_patterns("rules", "dashboards"))
    (chart / "rules").mkdir()
    (chart / "dashboards").mkdir()
    (chart / "rules" / "a.yaml").write_text(json.dumps({"groups": [GROUP]}))
    (chart / "dashboards" / "a_b.json").write_text(DASHBOARD)
    return chart


GROUP: Object = {
    "name": "a",
    "rules": [
        {"alert": "Kept", "expr": "up == 0", "annotations": {"summary": "{{ $labels.pod }} is down"}},
        {"alert": "Dropped", "expr": "up == 0"},
        {"record": "up:sum", "expr": "sum(up)"},
    ],
}
DASHBOARD = '{"title": "A", "legend": "{{instance}}", "expr": "sum by (pod) (up{pod=~\\"$pod\\"})"}\n'


def test_alerts_are_those_of_the_files_less_what_is_not_wanted(filled_chart: Path, tmp_path: Path) -> None:
    """Templates of Prometheus in them are left alone, and promtool takes the result."""
    words = ["--set", "prometheusRule.enabled=true,prometheusRule.disabled[0]=Dropped"]
    rule = one(rendered(MINIMAL, *words, chart=filled_chart), "PrometheusRule")
    (group,) = rule["spec"]["groups"]
    assert [each.get("alert", each.get("record")) for each in group["rules"]] == ["Kept", "up:sum"]
    assert group["rules"][0]["annotations"]["summary"] == "{{ $labels.pod }} is down"
    assert "labels" not in group["rules"][1]
    (tmp_path / "rules.yaml").write_text(json.dumps(rule["spec"]))
    assert run(program("promtool"), "check", "rules", tmp_path / "rules.yaml").returncode == 0


def runbooks(*words: str) -> dict[str, str]:
    """Alert → its runbook, of all that the chart has."""
    rule = one(rendered(MINIMAL, "--set", "prometheusRule.enabled=true", *words), "PrometheusRule")
    rules = [each for group in rule["spec"]["groups"] for each in group["rules"]]
    return {each["alert"]: each["annotations"]["runbook_url"] for each in rules if "alert" in each}


def test_runbooks_lie_where_they_are_published() -> None:
    """By default where the files of rules say; elsewhere each keeps the name of its page."""
    files = [YAML(typ="safe").load(file) for file in sorted((CHART / "rules").glob("*.yaml"))]
    rules = [each for file in files for group in file["groups"] for each in group["rules"]]
    said = {each["alert"]: each["annotations"]["runbook_url"] for each in rules if "alert" in each}
    assert runbooks() == said
    for base in ("https://wiki.example/a", "http://wiki.example/a/"):
        found = runbooks("--set", f"prometheusRule.runbookUrl={base}")
        assert found == {name: f"{base.removesuffix('/')}/{name}.md" for name in said}


def test_a_dashboard_comes_through_byte_by_byte(filled_chart: Path) -> None:
    """Its ``{{instance}}`` is Grafana's, not Helm's; the sidecar finds it by its label."""
    words = ["--set", "dashboards.enabled=true,dashboards.namespace=monitoring,dashboards.labels.tier=ops"]
    found = one(rendered(MINIMAL, *words, chart=filled_chart), "ConfigMap", "shop-filum-bridge-dashboard-a-b")
    assert found["data"] == {"a_b.json": DASHBOARD}
    assert found["metadata"]["namespace"] == "monitoring"
    labels = found["metadata"]["labels"]
    assert (labels["grafana_dashboard"], labels["tier"]) == ("1", "ops")


def test_the_sidecar_may_look_for_something_else(filled_chart: Path) -> None:
    """Label, its value, annotations."""
    said = "enabled=true,label=our,labelValue=yes,annotations.folder=F"
    said = f"dashboards.{said.replace(',', ',dashboards.')}"
    found = one(
        rendered(MINIMAL, "--set", said, chart=filled_chart), "ConfigMap", "shop-filum-bridge-dashboard-a-b"
    )
    assert found["metadata"]["labels"]["our"] == "yes"
    assert "grafana_dashboard" not in found["metadata"]["labels"]
    assert found["metadata"]["annotations"] == {"folder": "F"}


def test_without_files_there_are_no_alerts_and_no_dashboards(filled_chart: Path) -> None:
    """Enabled or not."""
    shutil.rmtree(filled_chart / "rules")
    shutil.rmtree(filled_chart / "dashboards")
    kinds = [
        (each["kind"], each["metadata"]["name"])
        for each in rendered(
            MINIMAL, "--set", "dashboards.enabled=true,prometheusRule.enabled=true", chart=filled_chart
        )
    ]
    assert not [name for kind, name in kinds if kind == "PrometheusRule" or "dashboard" in name]


def test_a_package_has_what_the_chart_reads_and_nothing_else(filled_chart: Path, tmp_path: Path) -> None:
    """Tests and their values stay in the repository."""
    (filled_chart / "rules" / "tests").mkdir()
    (filled_chart / "rules" / "tests" / "a_test.yaml").write_text("{}")
    made = run(program("helm"), "package", filled_chart, "--destination", tmp_path)
    assert made.returncode == 0, made.stderr
    (archive,) = tmp_path.glob("*.tgz")
    with tarfile.open(archive) as package:
        names = {name.removeprefix("filum-bridge/") for name in package.getnames()}
    assert {
        "rules/a.yaml",
        "dashboards/a_b.json",
        "files/probe.py",
        "values.schema.json",
        "README.md",
    } <= names
    assert not [name for name in names if name.startswith(("ci/", "tests/", "rules/tests", ".yamllint"))]


def test_what_to_look_at_next_is_told() -> None:
    """NOTES.txt names the workload, and what is not as it should be."""
    notes = notes_of(MINIMAL)
    assert "kubectl -n data rollout status deployment/shop-filum-bridge" in notes
    assert "helm -n data test shop --logs" in notes
    assert "nothing scrapes the metrics" in notes
    assert "where does the write key come from" not in notes
    assert "while the destination throttles" in notes_of(MINIMAL, "--set", "keda.enabled=true")
    assert "statefulset/shop-filum-bridge" in notes_of(MINIMAL, "--set", "kind=StatefulSet")


def notes_of(values: Path, *words: str) -> str:
    """NOTES.txt; nothing is asked of a cluster, which is more than Helm 3 can do."""
    if run(program("helm"), "version", "--short").stdout.startswith("v3"):
        pytest.skip("Helm 3 asks a cluster even for a dry run on the client")
    dry: list[Any] = [
        program("helm"),
        "install",
        "shop",
        CHART,
        "-n",
        "data",
        "--dry-run=client",
        "-f",
        values,
    ]
    ran = run(*dry, *words)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.partition("NOTES:")[2]
