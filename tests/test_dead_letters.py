"""The connection of the letters' own, as the configuration describes it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from bridge import consumers
from bridge.config import Config
from bridge.config_file import load_config
from bridge.dead_letters import open_store
from tests.parts.process import free_port
from tests.send.http1.certificates import Authority


def configured(folder: Path, letters: dict[str, object]) -> Config:
    """A configuration in this folder."""
    config = {
        "sources": [{"name": "f", "type": "file", "path": "in.jsonl"}],
        "destinations": {"default": {"url": "https://api.example/events", "write_key": {"env": "K"}}},
        "dead_letters": letters,
        "rules": ["rules.yaml"],
    }
    (folder / "rules.yaml").write_text("rules: []\n")
    (folder / "bridge.yaml").write_text(json.dumps(config))
    return load_config(
        folder / "bridge.yaml", environ={}, source_settings=lambda kind: consumers.load(kind).Settings
    )


def test_files_of_their_own_kafka_lie_beside_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the process was started; the client refuses to be made where there is none."""
    (folder := tmp_path / "config").mkdir()
    (elsewhere := tmp_path / "elsewhere").mkdir()
    Authority(folder)
    monkeypatch.chdir(elsewhere)
    security = {"protocol": "ssl", "ca": "ca.pem"}
    letters = {"type": "kafka", "topic": "letters", "security": security}
    config = configured(folder, {**letters, "brokers": f"127.0.0.1:{free_port()}"})

    store = open_store(config, str)
    asyncio.run(store.close(0.0))
