"""What ``check`` found, and how it is printed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from bridge.errors import ConfigError, ConfigErrors
from bridge.printable import json_text, printable
from bridge.rules.lint import Finding, Severity


class Format(StrEnum):
    """How problems are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem; ``code`` says which check found it."""

    severity: Severity
    code: str
    error: ConfigError

    @property
    def place(self) -> tuple[str, int, int]:
        """File, line and column."""
        return self.error.path, self.error.line, self.error.column


@dataclass(slots=True)
class Findings:
    """What was found, in the order found."""

    problems: list[Problem] = field(default_factory=list)
    files: int = 0
    rules: int = 0

    @property
    def errors(self) -> list[Problem]:
        """What must not run."""
        return [one for one in self.problems if one.severity is Severity.ERROR]

    @property
    def warnings(self) -> list[Problem]:
        """What runs, but hardly as meant."""
        return [one for one in self.problems if one.severity is Severity.WARNING]

    def all(self) -> list[Problem]:
        """Errors first."""
        return [*self.errors, *self.warnings]

    def add(self, error: ConfigError) -> None:
        """One error, or the many that it stands for; each is told once."""
        for one in error.errors if isinstance(error, ConfigErrors) else (error,):
            self._tell(Problem(Severity.ERROR, "invalid", one))

    def warn(self, code: str, warning: ConfigError) -> None:
        """One warning, told once."""
        self._tell(Problem(Severity.WARNING, code, warning))

    def add_lint(self, found: Iterator[Finding] | list[Finding]) -> None:
        """What the linter says, but where an error is told already."""
        told = {one.place for one in self.errors}
        for one in found:
            error = ConfigError(
                one.message,
                path=one.path,
                line=one.line,
                column=one.column,
                where=one.where,
                hint=one.hint,
            )
            if (one.path, one.line, one.column) not in told:
                self._tell(Problem(one.severity, one.code, error))

    def _tell(self, problem: Problem) -> None:
        if all(
            (one.severity, str(one.error)) != (problem.severity, str(problem.error)) for one in self.problems
        ):
            self.problems.append(problem)


def text(findings: Findings) -> str:
    """For people: each problem in its line, and a count."""
    lines: list[str] = []
    for one in findings.all():
        lines += _told(one.severity, one.error)
    lines = [_plain(line) for line in lines]
    counts = f"{len(findings.errors)} errors, {len(findings.warnings)} warnings"
    return "\n".join([*lines, f"{counts} ({findings.files} rule files, {findings.rules} rules)", ""])


def _plain(line: str) -> str:
    """Tabs stay, for the caret stands below a line of the file."""
    return "\t".join(map(printable, line.split("\t")))


def _told(severity: str, error: ConfigError) -> Iterator[str]:
    place = f"{error.path}:{error.line}:{error.column}" if error.line else error.path
    parts = [part for part in (place, severity, error.problem) if part]
    yield ": ".join(parts)
    source, column = _window(_source_line(error), error.column)
    if source:
        yield f"  {error.line:>4} | {source}"
        yield f"       | {_blank(source[: column - 1])}^"
    if error.where:
        yield f"    in {error.where}"
    if error.hint:
        yield f"    hint: {error.hint}"


_WIDTH = 160
_BREAK = re.compile(r"\r\n|\r|\n")


def _source_line(error: ConfigError) -> str:
    """As the file has it; empty where it cannot be shown."""
    if not error.line:
        return ""
    try:
        lines = _BREAK.split(Path(error.path).read_bytes().decode().removeprefix("\ufeff"))
    except (OSError, UnicodeDecodeError):
        return ""
    line = lines[error.line - 1] if error.line <= len(lines) else ""
    return "".join(one if one.isprintable() or one == "\t" else "\N{REPLACEMENT CHARACTER}" for one in line)


def _window(line: str, column: int) -> tuple[str, int]:
    """Of a long line what is around the column, and where the column is then."""
    if len(line) <= _WIDTH:
        return line, column
    start = max(0, min(column - _WIDTH // 2, len(line) - _WIDTH))
    before, after = "…" if start else "", "…" if start + _WIDTH < len(line) else ""
    return f"{before}{line[start : start + _WIDTH]}{after}", column - start + len(before)


def _blank(text: str) -> str:
    """As wide as ``text``, tabs kept."""
    return "".join(
        _PLACES.get(unicodedata.east_asian_width(one), " ") if one != "\t" else one for one in text
    )


_PLACES = {"W": "  ", "F": "  "}


def as_json(findings: Findings) -> str:
    """For scripts: a list of objects."""
    problems = [
        {
            "severity": one.severity,
            "code": one.code,
            "path": one.error.path,
            "line": one.error.line,
            "column": one.error.column,
            "where": one.error.where,
            "problem": one.error.problem,
            "hint": one.error.hint,
        }
        for one in findings.all()
    ]
    return json_text(problems, indent=2) + "\n"


def github(findings: Findings) -> str:
    """Annotations of a workflow run. Source: GitHub, "Workflow commands", setting an error message."""
    lines = []
    for one in findings.all():
        error = one.error
        places = {"file": error.path, "line": error.line, "col": error.column}
        fields = ",".join(f"{key}={_escaped(str(value), ':,')}" for key, value in places.items() if value)
        message = error.problem + (f" ({error.hint})" if error.hint else "")
        lines.append(f"::{one.severity} {fields}::{_escaped(message)}\n")
    return "".join(lines)


def _escaped(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return printable(text)
