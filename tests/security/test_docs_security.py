"""Each source that the page shows is one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bridge import consumers
from bridge.config_file import load_config

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=["password", "certificate", "token", "rabbitmq"])
def test_a_source_of_the_page_is_one(tmp_path: Path, block: str) -> None:
    """With everything that a configuration needs besides."""
    config = {
        "sources": YAML(typ="safe").load(block),
        "destinations": {"default": {"url": "https://api.example/events", "write_key": {"env": "K"}}},
        "dead_letters": {"type": "file", "path": "letters.jsonl"},
        "rules": ["rules.yaml"],
    }
    (tmp_path / "rules.yaml").write_text("rules: []\n")
    (tmp_path / "bridge.yaml").write_text(json.dumps(config))
    loaded = load_config(
        tmp_path / "bridge.yaml",
        environ={"K": "key", "RABBITMQ_PASSWORD": "x"},
        source_settings=lambda kind: consumers.load(kind).Settings,
    )
    assert loaded.sources[0].stream_names()


def test_the_page_has_its_sources() -> None:
    """None is overlooked by a changed fence."""
    assert len(BLOCKS) == PAGE.count("- name:") == 4
