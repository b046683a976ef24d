"""What the page on deploying shows is rendered, judged and run, as far as that needs no cluster."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from confluent_kafka import Consumer
from ruamel.yaml import YAML

from bridge import consumers
from bridge.config import Limits
from bridge.config_file import load_config
from bridge.consumers.kafka_settings import KafkaSettings, consumer_properties
from bridge.decode import decode
from bridge.rules.testing import run_tests
from bridge.secrets import read_secret
from bridge.stall_reasons import STALL_REASONS
from tests.conftest import require
from tests.send.http1.certificates import Authority

ROOT = Path(__file__).parents[1]
CHART, PARTS = ROOT / "helm", ROOT / ".parts"
PAGE = (ROOT / "docs" / "deploy.md").read_text()
FILES = {
    text.split("\n", 1)[0].removeprefix("# "): text
    for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
}
VALUES = [name for name in FILES if name.startswith("values")]
RULES = [name for name in FILES if name.startswith("rules/")]
OBJECTS = [name for name in FILES if name not in (*VALUES, *RULES)]
COMMANDS = [
    shlex.split(line)
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in re.sub(r"(\\|\|)\n\s*", lambda match: match[1].replace("\\", ""), block).splitlines()
]
BY_OPERATORS = {
    "shop-cluster-ca-cert": {"ca.crt", "ca.p12", "ca.password"},
    "desk-default-user": {"username", "password", "host", "port", "provider", "type", "default_user.conf"},
    "desk-ca": {"ca.crt"},
}
"""Secrets that nobody on the page makes, and their keys: Strimzi, the RabbitMQ operator, cert-manager do."""
Values = dict[str, Any]


def loaded(name: str) -> Values:
    """A file of values."""
    found: Values = YAML(typ="safe", pure=True).load(FILES[name])
    return found


def secrets_of_the_page() -> dict[str, set[str]]:
    """Secret → its keys, by the commands that make them."""
    found = dict(BY_OPERATORS)
    for words in COMMANDS:
        for at, word in enumerate(words):
            if word == "generic":
                keys = [one.split("=")[1] for one in words if one.startswith("--from-file=")]
                found[words[at + 1]] = {Path(key).name for key in keys}
    return found


def folder_keys(secret: Values) -> set[str]:
    """The files of one folder of `/run/secrets`."""
    if "externalSecret" in secret:
        return {one["secretKey"] for one in secret["externalSecret"]["data"]}
    keys = secrets_of_the_page()[secret["existingSecret"]]
    items = secret.get("items", [{"key": key, "path": key} for key in keys])
    assert {one["key"] for one in items} <= keys
    return {one["path"] for one in items}


def environment(values: Values) -> dict[str, str]:
    """What `env` gives; each reference must be to a key that is there."""
    found = {}
    for one in values.get("env", []):
        place = one["valueFrom"]["secretKeyRef"]
        assert place["key"] in secrets_of_the_page()[place["name"]]
        found[one["name"]] = "a-user"
    return found


def rules_for(values: Values) -> dict[str, str]:
    """Those that the values hold, or the page's for the kind of source."""
    kind = values["config"]["sources"][0]["type"]
    name = {"kafka": "orders.yaml", "rabbitmq": "tickets.yaml"}[kind]
    return values.get("rules") or {name: FILES[f"rules/{name}"]}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with the files of the page, and the chart beside them."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "helm").symlink_to(CHART)
    return tmp_path


def lay_out(values: Values, home: Path) -> Path:
    """The configuration with its rules, and a file for each secret, below a folder; gives `bridge.yaml`."""
    authority = Authority(home)
    for folder, secret in values["secrets"].items():
        (home / "secrets" / folder).mkdir(parents=True)
        for key in folder_keys(secret):
            text = authority.cert.read_text() if key == "ca.crt" else f"the-{key}"
            (home / "secrets" / folder / key).write_text(text)
    for named in re.findall(r"/run/secrets/[^\"]+", json.dumps(values["config"])):
        assert Path(named.replace("/run/secrets", f"{home}/secrets")).is_file(), named
    (home / "pod").mkdir()
    for name, text in rules_for(values).items():
        (home / "pod" / name).write_text(text)
    whole = {**values["config"], "rules": ["[!b]*.yaml"]}
    text = json.dumps(whole).replace("/run/secrets/", f"{home}/secrets/")
    (home / "pod" / "bridge.yaml").write_text(text)
    return home / "pod" / "bridge.yaml"


def filum_bridge(*words: str | Path, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bridge", *map(str, words)]
    whole = {**os.environ, "PYTHONPATH": str(ROOT), **env}
    return subprocess.run(
        command, cwd=cwd, env=whole, capture_output=True, text=True, timeout=60, check=False
    )


def program(name: str) -> str:
    """Its path; a machine without it skips the test, or fails it where it must be there."""
    found = shutil.which(name, path=os.pathsep.join([str(PARTS / "bin"), os.environ.get("PATH", "")]))
    require("" if found else f"no {name} here: scripts/test-helm brings it")
    return found or ""


def helm(*words: str, cwd: Path) -> str:
    """What `helm template` makes of it."""
    command = [program("helm"), "template", *words]
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def rendered(name: str, home: Path) -> str:
    words = ["filum-bridge", "./helm", "--namespace", "crm", "--values", name]
    for file, text in rules_for(loaded(name)).items():
        (home / file).write_text(text)
        words += ["--set-file", f"rules.{file.replace('.', chr(92) + '.')}={file}"]
    return helm(*words, cwd=home)


def test_every_file_of_the_page_is_known() -> None:
    """A block that names no file, or one of a kind that nothing here looks at, would not be checked."""
    assert len(FILES) == PAGE.count("```yaml")
    assert OBJECTS == ["strimzi.yaml", "rabbitmq.yaml"]
    assert (len(VALUES), len(RULES)) == (10, 2)


@pytest.mark.parametrize("name", VALUES)
def test_values_fit_the_chart(name: str) -> None:
    """Its schema is closed: a word too many is an error."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.validate(loaded(name), schema)


@pytest.mark.parametrize("name", VALUES)
def test_values_are_rendered_to_what_kubernetes_and_its_operators_take(name: str, home: Path) -> None:
    """Every object, by its own schema, for the oldest and the newest Kubernetes."""
    (home / "all.yaml").write_text(rendered(name, home))
    place = "{{ .Group }}_{{ .ResourceAPIVersion }}_{{ .ResourceKind }}.json"
    schemas = PARTS / "k8s-schemas"
    versions = sorted(one.name for one in schemas.glob("1.*"))
    require("" if versions else "no schemas of Kubernetes here: scripts/test-helm brings them")
    for version in versions:
        places = (schemas / version / place, schemas / "crds" / place)
        words = [word for one in places for word in ("-schema-location", str(one))]
        command = [program("kubeconform"), "-strict", "-summary", *words, "all.yaml"]
        ran = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 0, ran.stdout
        assert "Errors: 0, Skipped: 0" in ran.stdout


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("values-external-secrets.yaml", {"ExternalSecret"}),
        ("values-monitoring.yaml", {"PodMonitor"}),
        ("values-keda.yaml", {"ScaledObject", "TriggerAuthentication"}),
        ("values-static.yaml", {"StatefulSet"}),
    ],
)
def test_an_operator_gets_its_objects(name: str, kinds: set[str], home: Path) -> None:
    """What the section is about is there."""
    made = [one for one in YAML(typ="safe", pure=True).load_all(rendered(name, home)) if one]
    assert kinds <= {one["kind"] for one in made}


@pytest.mark.parametrize("name", VALUES)
def test_the_bridge_has_nothing_to_say_against_a_configuration(name: str, tmp_path: Path) -> None:
    """With all secrets where the values put them: a file that nothing mounts would be a warning."""
    values = loaded(name)
    bridge_yaml = lay_out(values, tmp_path)
    ran = filum_bridge("check", "--strict", bridge_yaml, cwd=tmp_path, env=environment(values))
    assert "0 errors, 0 warnings" in ran.stdout, ran.stdout + ran.stderr
    assert ran.returncode == 0


@pytest.mark.parametrize("name", [name for name in VALUES if "rabbitmq" not in name])
def test_the_kafka_client_takes_the_connection(name: str, tmp_path: Path) -> None:
    """It looks at properties, mechanisms and certificates when it is made."""
    values = loaded(name)
    env = environment(values)
    config = load_config(
        lay_out(values, tmp_path), environ=env, source_settings=lambda kind: consumers.load(kind).Settings
    )
    (settings,) = config.sources
    assert isinstance(settings, KafkaSettings)
    read = [*_read_secrets(settings, config.base, env)]
    Consumer({**consumer_properties(settings, lambda _: "".join(read)), "log_level": 0}).close()


def _read_secrets(settings: KafkaSettings, base: Path, env: dict[str, str]) -> Iterator[str]:
    if settings.security.password is not None:
        yield read_secret(settings.security.password, base=base, environ=env)


@pytest.mark.parametrize("name", RULES)
def test_rules_pass_their_own_tests(name: str, home: Path) -> None:
    """And every rule has one."""
    report = run_tests([home / name], None, Limits(), lambda _: "", decode)
    assert report.results
    assert [result.problem for result in report.failed] == []
    assert report.untested == []


@pytest.mark.parametrize(
    "words", [words for words in COMMANDS if words[:1] == ["filum-bridge"]], ids=" ".join
)
def test_a_command_of_the_bridge_ends_well(words: list[str], home: Path) -> None:
    """As a pipeline would run it."""
    ran = filum_bridge(*words[1:], cwd=home, env={})
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("words", [words for words in COMMANDS if "--values" in words], ids=" ".join)
def test_a_command_of_helm_finds_what_it_names(words: list[str], home: Path) -> None:
    """Rendered instead of installed."""
    left = [word for word in words[2:] if word not in ("--install", "--wait")]
    assert words[:2] in (["helm", "upgrade"], ["helm", "template"])
    assert "kind: Deployment" in helm(*left, cwd=home)


def test_every_command_of_the_page_is_of_a_known_kind() -> None:
    """What is new here is looked at by nobody yet."""
    assert {words[0] for words in COMMANDS} == {"docker", "kubectl", "helm", "filum-bridge", "yq"}


def test_the_table_has_every_reason_in_the_words_of_status() -> None:
    """No more, no less, in their order."""
    lines = [f"| `{reason}` | {why.says} | {why.do} |" for reason, why in STALL_REASONS.items()]
    table = PAGE.partition("| reason | what it means | what to do |\n| --- | --- | --- |\n")[2]
    assert table.split("\n\n", 1)[0].splitlines() == lines
