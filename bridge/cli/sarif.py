"""SARIF 2.1.0, the log format that code scanning reads. Pure.

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bridge import __version__
from bridge.cli.findings import Problem
from bridge.printable import json_text
from bridge.rules.lint.codes import LINTS

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

# Of rule files and, after that, of configurations.
DESCRIPTIONS = {one.code: one.what.replace("`", "") for one in LINTS} | {
    "certificate-file": "A file of a certificate is not there, or cannot be used.",
    "registry-extra": "Bodies with a schema need libraries that are not installed.",
}
"""Every code that a problem may have, in a sentence."""


def sarif(problems: Sequence[Problem]) -> str:
    """One run with one result for each problem."""
    codes = sorted({one.code for one in problems})
    rules = [{"id": code, "shortDescription": {"text": DESCRIPTIONS[code]}} for code in codes]
    driver = {"name": "filum-bridge", "version": __version__, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, codes.index(one.code)) for one in problems],
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json_text(log, indent=2) + "\n"


def _result(problem: Problem, index: int) -> dict[str, Any]:
    error = problem.error
    text = error.problem + (f" ({error.hint})" if error.hint else "")
    result: dict[str, Any] = {
        "ruleId": problem.code,
        "ruleIndex": index,
        "level": problem.severity.value,
        "message": {"text": text},
    }
    if location := _location(problem):
        result["locations"] = [location]
    return result


def _location(problem: Problem) -> dict[str, Any]:
    error = problem.error
    location: dict[str, Any] = {}
    if error.path:
        location["physicalLocation"] = {"artifactLocation": {"uri": _uri(Path(error.path))}}
        if error.line:
            region = {"startLine": error.line, "startColumn": max(error.column, 1)}
            location["physicalLocation"]["region"] = region
    if error.where:
        location["logicalLocations"] = [{"fullyQualifiedName": error.where}]
    return location


def _uri(path: Path) -> str:
    """A relative path stays relative: code scanning resolves it against the repository."""
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
