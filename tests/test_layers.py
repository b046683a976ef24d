"""The house: who may import whom. Type-only imports count, because a reader follows them too."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "bridge").rglob("*.py"))

STAGES = ("consumers", "decode", "rules", "send", "settle")
RANKS = {
    0: ("model", "errors", ""),
    1: (
        "config",
        "config_file",
        "config_words",
        "listening",
        "located_yaml",
        "logs",
        "metric_families",
        "cells",
        "metrics",
        "printable",
        "record_lines",
        "redaction",
        "secrets",
        "stall_reasons",
        "strays",
        "traces",
        "yaml_problems",
        "yaml_references",
        "yaml_scalars",
    ),
    2: STAGES,
    3: (
        "blocking",
        "crowding",
        "inbox",
        "intake",
        "overseer",
        "parts",
        "pipeline",
        "returns",
        "tally",
        "treasurer",
    ),
    4: ("admin", "app", "control", "dead_letters", "redrive", "reload", "watch"),
    5: ("cli", "__main__"),
}
RANK_OF = {name: rank for rank, names in RANKS.items() for name in names}

# The contract between brokers and loop is both ends' own; it holds no code of a broker.
SHARED_CONTRACT = "bridge.consumers.base"

OWNERS = {
    "backports": ("bridge/decode/compression.py",),
    "confluent_kafka": ("bridge/consumers/kafka_client.py", "bridge/decode/schema_client.py"),
    "confluent_kafka.schema_registry": ("bridge/decode/schema_client.py",),
    "httpx2": ("bridge/decode/schema_client.py",),
    "fastavro": ("bridge/decode/avro_body.py",),
    "google.protobuf": ("bridge/decode/protobuf_",),
    "proto_schema_parser": ("bridge/decode/protobuf_text.py",),
    "antlr4": ("bridge/decode/protobuf_text.py",),
    "jsonschema_rs": ("bridge/decode/json_schema_body.py",),
    "pika": ("bridge/consumers/rabbitmq_client.py",),
    "httpx": ("bridge/send/", "bridge/app.py", "bridge/cli/operate.py", "bridge/cli/status.py"),
    "prometheus_client": ("bridge/metrics.py",),
    "structlog": ("bridge/logs.py",),
    "ruamel": ("bridge/located_yaml.py", "bridge/yaml_scalars.py"),
    "re2": ("bridge/rules/cel/",),
    "phonenumbers": ("bridge/rules/cel/",),
    "starlette": ("bridge/admin/", "bridge/cli/api"),
    "uvicorn": ("bridge/admin/", "bridge/cli/api"),
    "httptools": ("bridge/send/", "bridge/cli/api"),
}


def name_of(path: Path) -> str:
    """``bridge/send/client.py`` → ``bridge.send.client``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path) for path in MODULES}


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it; ``from package import module`` resolved."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found.update((inner & NAMES) or {node.module or ""})
    return found


def area_of(module: str) -> str:
    """The part of the house: a stage, ``cli``, or the name of a top module."""
    return (*module.split("."), "")[1]


GRAPH = {name_of(path): {m for m in imports_of(path) if m in NAMES} for path in MODULES}


@pytest.mark.parametrize("module", sorted(NAMES))
def test_a_module_has_a_rank_and_imports_no_higher_one(module: str) -> None:
    """Lower ranks, and its own part of the house."""
    area = area_of(module)
    assert area in RANK_OF, f"{module}: give it a rank"
    for target in GRAPH[module]:
        assert RANK_OF[area_of(target)] <= RANK_OF[area], f"{module} imports {target}"


@pytest.mark.parametrize("module", sorted(m for m in NAMES if area_of(m) in STAGES))
def test_no_stage_imports_a_sister(module: str) -> None:
    """Stages meet in the pipeline; all they share is the consumers' contract."""
    sisters = {
        target
        for target in GRAPH[module]
        if area_of(target) in STAGES and area_of(target) != area_of(module) and target != SHARED_CONTRACT
    }

    assert not sisters


def test_there_are_no_cycles() -> None:
    """From a module no way leads back to it. A package's own ``__init__`` counts like any module."""
    for start in NAMES:
        seen: set[str] = set()
        ahead = set(GRAPH[start])
        while ahead:
            module = ahead.pop()
            assert module != start, f"{start} can reach itself"
            seen.add(module)
            ahead |= GRAPH[module] - seen


def test_cel_could_leave_as_a_library() -> None:
    """It knows nothing of the bridge."""
    for module in (m for m in NAMES if m.startswith("bridge.rules.cel")):
        foreign = {target for target in GRAPH[module] if not target.startswith("bridge.rules.cel")}
        assert not foreign, f"{module} imports {foreign}"


@pytest.mark.parametrize("library", sorted(OWNERS))
def test_a_client_library_has_one_owner(library: str) -> None:
    """A change of client touches one place."""
    users = {
        str(path.relative_to(ROOT))
        for path in MODULES
        if any(name == library or name.startswith(library + ".") for name in imports_of(path))
    }
    strangers = {user for user in users if not user.startswith(OWNERS[library])}

    assert users, f"nobody uses {library}"
    assert not strangers
