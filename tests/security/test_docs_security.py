"""Each source, and each store of dead letters, that the page shows is one."""

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


KINDS = ["password", "certificate", "token", "amqps", "client certificate", "secret url", "letters"]


@pytest.mark.parametrize("block", BLOCKS, ids=KINDS)
def test_a_block_of_the_page_is_one(tmp_path: Path, block: str) -> None:
    """With everything that a configuration needs besides."""
    shown = YAML(typ="safe").load(block)
    config = {
        "sources": [{"name": "f", "type": "file", "path": "in.jsonl"}],
        "destinations": {"default": {"url": "https://api.example/events", "write_key": {"env": "K"}}},
        "dead_letters": {"type": "file", "path": "letters.jsonl"},
        "rules": ["rules.yaml"],
        **(shown if isinstance(shown, dict) else {"sources": shown}),
    }
    (tmp_path / "rules.yaml").write_text("rules: []\n")
    (tmp_path / "bridge.yaml").write_text(json.dumps(config))
    loaded = load_config(
        tmp_path / "bridge.yaml",
        environ={"K": "key", "RABBITMQ_PASSWORD": "x", "OIDC_SECRET": "x"},
        source_settings=lambda kind: consumers.load(kind).Settings,
    )
    if isinstance(shown, dict):
        assert loaded.dead_letters.tls is not None
        assert loaded.dead_letters.tls.cert is not None
    else:
        assert loaded.sources[0].stream_names()


def test_the_page_has_its_blocks() -> None:
    """None is overlooked by a changed fence."""
    assert len(BLOCKS) == PAGE.count("- name:") + PAGE.count("\ndead_letters:") == len(KINDS)
