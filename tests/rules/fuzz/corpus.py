"""What is mutated: expressions and rule files that people wrote, and samples of documents."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from bridge.located_yaml import parse_yaml

ROOT = Path(__file__).parents[3]
_FENCED = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
_IN_PYTHON = re.compile(r'"""\\?\n?((?:from: |rules:).*?)"""', re.DOTALL)


@cache
def files() -> tuple[str, ...]:
    """Texts of rule files: samples, cookbook, documentation, tests of the linter."""
    found = [path.read_text() for path in sorted((ROOT / "config" / "rules").glob("*.yaml"))]
    for page in sorted((ROOT / "docs").glob("rules*.md")):
        found += [text for text in _FENCED.findall(page.read_text()) if "rules:" in text]
    for path in sorted((ROOT / "tests" / "rules").rglob("test_*.py")):
        found += [text.replace("\\\\", "\\") for text in _IN_PYTHON.findall(path.read_text())]
    return tuple(text for text in found if "emit" in text)


@cache
def expressions() -> tuple[str, ...]:
    """The conformance suite's, and those of the rule files."""
    folder = ROOT / "tests" / "rules" / "cel" / "conformance"
    found = [
        case["expr"]
        for path in sorted(folder.glob("*.json"))
        for case in json.loads(path.read_text())
        if isinstance(case, dict) and "expr" in case
    ]
    return (*found, *(text for _, text in _texts_of_files()))


@cache
def samples() -> tuple[Any, ...]:
    """The documents that tests of rule files give."""
    return tuple(value["event"] for key, value in _values_of_files() if key == "given" and "event" in value)


def _texts_of_files() -> Iterator[tuple[str, str]]:
    for key, value in _values_of_files():
        if isinstance(value, str) and any(sign in value for sign in ".()") and key != "name":
            yield key, value


@cache
def _values_of_files() -> tuple[tuple[str, Any], ...]:
    found: list[tuple[str, Any]] = []
    for text in files():
        try:
            found += _walk("", parse_yaml(text, "corpus").value)
        except Exception:  # noqa: BLE001, S112 -- a page may show a file that is wrong; it is mutated all the same
            continue
    return tuple(found)


def _walk(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield key, value
        for name, item in value.items():
            yield from _walk(str(name), item)
    elif isinstance(value, list):
        for item in value:
            yield from _walk(key, item)
    else:
        yield key, value
