"""Which versions ran, read from where they are decided."""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import confluent_kafka

from tests.bench.delivery.build import SOURCES
from tests.parts import kafka, rabbitmq

_ROOT = SOURCES.parents[2]
_PC = re.compile(r"parallel-consumer-vertx</artifactId>\s*<version>(.*?)<")
_LIBRARIES = ("uvloop", "httptools", "msgspec", "pika")


def bridge() -> str:
    """This checkout and what it stands on."""
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    librdkafka = confluent_kafka.libversion()[0]
    return f"commit `{_commit()}`, {python}, librdkafka {librdkafka}, {libraries}"


def brokers() -> str:
    """Kafka's, and RabbitMQ's where there is one."""
    jars = [re.sub(r".*kafka_[\d.]+-|\.jar", "", jar.name) for jar in kafka.JARS.glob("kafka_*.jar")]
    nodes = [folder.name.partition("-")[2] for folder in rabbitmq.LIBRARY.glob("rabbitmq_server-*")]
    found = [f"Kafka {one}" for one in jars] + [f"RabbitMQ {one}" for one in nodes]
    return ", ".join(found)


def peers() -> str:
    """The libraries that the peers are made of, and what runs them."""
    modules = ["peers/fasthttp/go.mod", "peers/bento/go.mod"]
    wanted = [one for path in modules for one in required(SOURCES / path)]
    wanted += [("Parallel Consumer", number) for number in _PC.findall(_text("peers/pc/pom.xml"))]
    named = [f"{name} {number}" for name, number in wanted]
    return ", ".join([*named, _said("go", "version"), _said("java", "-version")])


def required(go_mod: Path) -> list[tuple[str, str]]:
    """Modules that a Go program asks for itself, by the last part of their names."""
    lines = re.findall(r"^(?:require|\t)\s*(\S+/\S+) v(\S+)$", go_mod.read_text(), re.MULTILINE)
    return [(name.rpartition("/")[2], number) for name, number in lines]


def _text(path: str) -> str:
    return (SOURCES / path).read_text()


def _commit() -> str:
    changed = _said("git", "-C", str(_ROOT), "status", "--porcelain", "--untracked-files=no", "--", "bridge")
    return _said("git", "-C", str(_ROOT), "rev-parse", "--short", "HEAD") + ("+changes" if changed else "")


def _said(*command: str) -> str:
    """The first line of what a program says of itself; empty when it is not here."""
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except OSError:
        return ""
    said: Sequence[str] = (ran.stdout or ran.stderr).splitlines()
    return said[0].strip() if said else ""
