"""The laptop's setup: its file is one, and what of it is ours runs against real brokers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from tests.conftest import require
from tests.parts.kafka import Kafka
from tests.parts.process import Process, free_port, wait_until
from tests.parts.rabbitmq import RabbitMQ

ROOT = Path(__file__).parents[1]
HOME = ROOT / "docs" / "compose"
SCHEMA = ROOT / ".parts" / "compose-spec.json"
COMPOSE: dict[str, Any] = YAML(typ="safe").load(HOME / "compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {"api", "prepare", "shop", "bridge"}


def test_the_file_is_one_of_compose() -> None:
    """By the schema of the Compose Specification."""
    require("" if SCHEMA.exists() else "no schema of Compose in .parts (scripts/setup-parts, needs Go)")
    jsonschema.validate(COMPOSE, json.loads(SCHEMA.read_text()))


def test_versions_of_images_are_pinned() -> None:
    """Ours is built; each other has a version down to its last number."""
    foreign = {service["image"] for service in SERVICES.values() if "build" not in service}
    assert {name for name, service in SERVICES.items() if "build" in service} == OURS
    assert all(re.search(r":v?\d+\.\d+\.\d+", image) for image in foreign), foreign


def test_who_waits_for_somebody_healthy_waits_for_somebody_who_tells() -> None:
    """All tell but the shop, and who prepares and ends."""
    silent = {name for name, service in SERVICES.items() if "healthcheck" not in service}
    waited_for = {
        name
        for service in SERVICES.values()
        if isinstance(named := service.get("depends_on", {}), dict)
        for name, how in named.items()
        if how["condition"] == "service_healthy"
    }
    assert silent == {"prepare", "shop"}
    assert not waited_for & silent


def test_what_is_mounted_is_there() -> None:
    """The chart's folders by their names: it has dashboards and rules where the mounts say."""
    places = [place.split(":")[0] for one in SERVICES.values() for place in one.get("volumes", [])]
    of_the_chart = {place for place in places if place.startswith("../../helm/")}
    assert of_the_chart == {"../../helm/rules", "../../helm/dashboards"}
    assert all((HOME / place).exists() for place in {*places} - of_the_chart)


def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    """With the chart's rules beside it, as they are mounted."""
    promtool = shutil.which("promtool")
    require("" if promtool else "no promtool here (Debian: apt-get install prometheus)")
    shutil.copy(HOME / "prometheus.yml", tmp_path)
    (tmp_path / "rules").symlink_to(ROOT / "helm" / "rules")
    command = [promtool or "", "check", "config", "prometheus.yml"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


class Laptop:
    """The services that are ours, as the file has them, with other addresses and places."""

    def __init__(self, home: Path, kafka: Kafka, rabbitmq: RabbitMQ) -> None:
        self._home = home
        self.api_port, self.admin_port = str(free_port()), str(free_port())
        self._instead = {
            "kafka:9092": kafka.brokers,
            "amqp://rabbitmq:5672": re.sub("//guest:guest@", "//", rabbitmq.url),
            "http://api:8089": f"http://127.0.0.1:{self.api_port}",
            "localhost:8089": f"127.0.0.1:{self.api_port}",
            "localhost:9464": f"127.0.0.1:{self.admin_port}",
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - what a container listens on
            "/etc/filum-bridge": str(ROOT / "config"),
            "/shop/": f"{HOME}/",
        }

    def process(self, name: str) -> Process:
        """One service, not started."""
        service = SERVICES[name]
        words = service.get("entrypoint", ["python", "-m", "bridge", *service.get("command", [])])
        command = [sys.executable, *(self.port(self.here(word)) for word in words[1:])]
        env = {key: self.here(value) for key, value in service.get("environment", {}).items()}
        return Process(command, log=self._home / f"{name}.log", env={**env, "ADMIN_PORT": self.admin_port})

    def here(self, text: str) -> str:
        """The same with the addresses and places of this machine."""
        for there, here in self._instead.items():
            text = text.replace(there, here)
        return text

    def port(self, word: str) -> str:
        return self.api_port if word == "8089" else word

    def is_healthy(self, name: str) -> bool:
        """By the service's own health check."""
        _, _, *words = SERVICES[name]["healthcheck"]["test"]
        command = [sys.executable, *map(self.here, words)]
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0

    def accepted(self) -> set[str]:
        """Names of events that the API accepted."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.api_port}/events", timeout=5) as answer:
            return set(re.findall(r'"event_name": ?"([^"]+)"', answer.read().decode()))


@pytest.fixture
def laptop(kafka: Kafka, rabbitmq: RabbitMQ, tmp_path: Path) -> Iterator[tuple[Laptop, ExitStack]]:
    """And what is to be ended."""
    with ExitStack() as stack:
        yield Laptop(tmp_path, kafka, rabbitmq), stack


@pytest.mark.kafka
@pytest.mark.rabbitmq
def test_our_services_do_together_what_the_page_says(laptop: tuple[Laptop, ExitStack]) -> None:
    """Prepared twice, as after a restart; then events of all topics and of the queue arrive."""
    setup, stack = laptop
    for _ in range(2):
        once = setup.process("prepare")
        once.start()
        wait_until(lambda: not once.is_running, timeout_seconds=60, what="prepared")  # noqa: B023
        once.stop()
        assert once.log_tail() == ""
    for name in ("api", "bridge"):
        process = setup.process(name)
        stack.callback(process.kill)
        process.start()
        process.wait_ready(lambda: setup.is_healthy(name), timeout_seconds=60, what=f"{name} is healthy")  # noqa: B023
    shop = setup.process("shop")
    stack.callback(shop.kill)
    shop.start()
    wanted = {"Identify", "Order Completed", "Transaction Completed", "Ticket Created", "Ticket Closed"}
    shop.wait_ready(lambda: wanted <= setup.accepted(), timeout_seconds=90, what="events of every kind")
    shop.stop()
    assert shop.log_tail() == ""
