"""SARIF 2.1.0, the log format that code scanning reads. Pure.

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bridge import __version__
from bridge.cli.findings import Problem

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

DESCRIPTIONS = {
    "duplicate-rule": "Two rules of one stream send the same events.",
    "integer-division": "A division of whole numbers cuts the fraction off.",
    "invalid": "The configuration or rule file is not valid.",
    "never-equal": "The two sides are of kinds that never equal each other.",
    "never-true": "The condition is false for every record.",
    "no-identity": "The event can have neither user_id nor anonymous_id.",
    "no-sample": "No sample record belongs to the rule.",
    "operand-kinds": "The operator or function never works on these kinds of value.",
    "profile-key": "A key of the profile in another case of letters.",
    "registry-extra": "Bodies with a schema need libraries that are not installed.",
    "sample-line": "A sample record cannot be decoded.",
    "sample-path": "No sample record has a field that the rule reads.",
    "secret-unset": "A secret is not set where the configuration was checked.",
    "similar-parameters": "Two parameters differ only in case or blanks.",
    "slow-regex": "The regular expression needs the slow engine.",
    "system-event-name": "The event name is one of the platform's own.",
    "type-mismatch": "The value never fits its place.",
    "type-may-mismatch": "One outcome of the expression never fits its place.",
    "unknown-meta": "The variable meta has no such field.",
    "unused-let": "Nothing uses the let.",
    "unused-map": "Nothing uses the map.",
    "unused-secret": "Nothing uses the secret.",
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
    return json.dumps(log, ensure_ascii=False, indent=2) + "\n"


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
