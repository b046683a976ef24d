"""The rules that ship with the bridge: their tests pass, and the API's own examples come out of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.config import Limits, Secret
from bridge.decode import decode
from bridge.errors import ConfigError
from bridge.located_yaml import read_yaml
from bridge.rules.testing import Report, run_tests

FOLDER = Path(__file__).parents[2] / "config" / "rules"
FILES = sorted(path for path in FOLDER.glob("*.yaml") if not path.name.endswith(".cases.yaml"))

IDENTIFY = """
{"timestamp": "2024-07-15T07:58:13Z", "user_id": "0123456789", "event_name": "Identify",
 "event_type": "identify",
 "event_params": [{"key": "Name", "value": {"string_value": "Harry Potter"}},
                  {"key": "Email", "value": {"string_value": "harry@filum.ai"}},
                  {"key": "Phone", "value": {"string_value": "0123456789"}}]}
"""
TRACK = """
{"timestamp": "2024-07-15T07:58:13Z", "user_id": "0123456789", "event_name": "Transaction Completed",
 "event_type": "track",
 "event_params": [{"key": "Location Name", "value": {"string_value": "Hà Nội"}},
                  {"key": "User Name", "value": {"string_value": "Harry Potter"}},
                  {"key": "User Phone", "value": {"string_value": "0123456789"}},
                  {"key": "Transaction ID", "value": {"string_value": "A005295008DX1"}},
                  {"key": "Total Value", "value": {"double_value": 1451000}},
                  {"key": "Note", "value": {"string_value": "Bảo hảnh 12 tháng"}},
                  {"key": "Source", "value": {"string_value": "Online"}}]}
"""


def _no_secrets(secret: Secret) -> str:
    raise ConfigError(f"{secret} is not set")


@pytest.fixture(scope="module")
def report() -> Report:
    return run_tests(FILES, None, Limits(), _no_secrets, decode)


def test_the_sample_rules_pass_their_tests_without_any_secret(report: Report) -> None:
    """And every rule is reached by one."""
    assert not report.failed, report.failed
    assert not report.untested
    assert {path.stem for path in FILES} == {"orders", "payments", "customers", "support", "app"}


@pytest.mark.parametrize("example", [IDENTIFY, TRACK], ids=["identify", "track"])
def test_the_api_document_s_examples_are_among_what_is_expected(example: str) -> None:
    """Source: Filum, "HTTP Event API Source", the two examples."""
    expected: list[Any] = []
    for path in FILES:
        for test in read_yaml(path).value["tests"]:
            expected += test["expect"] if isinstance(test["expect"], list) else []
    assert json.loads(example) in expected
