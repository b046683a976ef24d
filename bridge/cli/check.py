"""``filum-bridge check``: what is wrong with a configuration and its rules, without any network."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.targets import Target, chosen, config_target
from bridge.config import Secret
from bridge.config_file import expand_glob, secrets_of
from bridge.errors import ConfigError, ConfigErrors
from bridge.located_yaml import read_yaml
from bridge.rules import compile_files, unfit
from bridge.rules.cases import cases_file, read_cases


class Format(StrEnum):
    """How problems are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="A configuration (and then its rules), or rule files alone.", show_default=False),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The configuration; default config/bridge.yaml.")
    ] = None,
    output: Annotated[
        Format, typer.Option("--format", help="text, json, or github (annotations of a workflow run).")
    ] = Format.TEXT,
) -> None:
    """Find what is wrong with a configuration and its rules, offline.

    Every problem is told with file, line and column. Rule files alone are checked too; then destinations
    and sources are not judged. Exit code 0: no errors, 1: errors, 2: a file does not exist.

    Examples:
      filum-bridge check

      filum-bridge check config/bridge.yaml

      filum-bridge check config/rules/*.yaml --format github
    """
    configs, files = chosen(paths or [], config)
    findings = Findings()
    for path in configs:
        _check_config(path, findings)
    if files:
        _check_rules(Target(tuple(files)), findings)
    sys.stdout.write(_PRINTERS[output](findings))
    if findings.errors:
        raise typer.Exit(1)


@dataclass(slots=True)
class Findings:
    """What was found, in the order found."""

    errors: list[ConfigError] = field(default_factory=list)
    warnings: list[ConfigError] = field(default_factory=list)
    files: int = 0
    rules: int = 0

    def add(self, error: ConfigError) -> None:
        """One error, or the many that it stands for; each is told once."""
        told = {str(known) for known in self.errors}
        for one in error.errors if isinstance(error, ConfigErrors) else (error,):
            if str(one) not in told:
                self.errors.append(one)


def _check_config(path: Path, findings: Findings) -> None:
    try:
        target = config_target(path)
    except ConfigError as error:
        findings.add(error)
        _check_rules(Target(_named_rules(path)), findings)
        return
    located = read_yaml(path)
    assert target.config is not None  # noqa: S101 - config_target has read it
    for where, secret in secrets_of(target.config):
        _warn_unset(secret, target, where, str(path), findings)
    _check_rules(target, findings)
    if not findings.errors:
        rules = compile_files(target.files, target.config.destinations, target.limits, _dummy)
        for one in unfit(rules, target.config):
            findings.errors.append(located.error(one.keypath, one.problem, hint=one.hint))


def _named_rules(path: Path) -> tuple[Path, ...]:
    """The rule files of a configuration that is itself wrong: its rules are worth checking all the same."""
    try:
        value = read_yaml(path).value
    except ConfigError:
        return ()
    patterns = value.get("rules") if isinstance(value, dict) else None
    texts = [pattern for pattern in patterns or [] if isinstance(pattern, str)]
    return tuple(dict.fromkeys(file for text in texts for file in expand_glob(path.parent, text)))


def _check_rules(target: Target, findings: Findings) -> None:
    config = target.config
    destinations = config.destinations if config is not None else None
    sources = [source.name for source in config.sources] if config is not None else None

    def secret_of(secret: Secret) -> str:
        _warn_unset(secret, target, "", "", findings)
        return _dummy(secret)

    findings.files += len(target.files)
    try:
        rules = compile_files(target.files, destinations, target.limits, secret_of, sources=sources)
        findings.rules += len(rules.rules)
    except ConfigError as error:
        findings.add(error)
        return
    for file in target.files:
        if cases_file(file).is_file():
            _check_cases(file, [one.rule.name for one in rules.rules], findings)


def _check_cases(file: Path, names: list[str], findings: Findings) -> None:
    try:
        _, reader = read_cases(cases_file(file), names)
    except ConfigError as error:
        findings.add(error)
        return
    for problem in reader.errors:
        findings.add(problem)


def _dummy(secret: Secret) -> str:
    return str(secret)


def _warn_unset(secret: Secret, target: Target, where: str, path: str, findings: Findings) -> None:
    """A secret may be absent where a configuration is checked; ``run`` refuses it."""
    try:
        target.secret(secret, os.environ)
    except ConfigError as error:
        warning = ConfigError(f"{error.problem}: `run` will refuse this", path=path, where=where)
        if str(warning) not in {str(known) for known in findings.warnings}:
            findings.warnings.append(warning)


def _text(findings: Findings) -> str:
    lines: list[str] = []
    for severity, error in _all(findings):
        lines += _told(severity, error)
    counts = f"{len(findings.errors)} errors, {len(findings.warnings)} warnings"
    return "\n".join([*lines, f"{counts} ({findings.files} rule files, {findings.rules} rules)", ""])


def _told(severity: str, error: ConfigError) -> Iterator[str]:
    place = f"{error.path}:{error.line}:{error.column}" if error.line else error.path
    parts = [part for part in (place, severity, error.problem) if part]
    yield ": ".join(parts)
    if source := _source_line(error):
        yield f"  {error.line:>4} | {source}"
        yield f"       | {_blank(source[: error.column - 1])}^"
    if error.where:
        yield f"    in {error.where}"
    if error.hint:
        yield f"    hint: {error.hint}"


def _source_line(error: ConfigError) -> str:
    if not error.line:
        return ""
    try:
        return Path(error.path).read_text("utf-8", "replace").splitlines()[error.line - 1]
    except (OSError, IndexError):
        return ""


def _blank(text: str) -> str:
    """As wide as ``text``, tabs kept."""
    return "".join("\t" if character == "\t" else " " for character in text)


def _json(findings: Findings) -> str:
    problems = [
        {
            "severity": severity,
            "path": error.path,
            "line": error.line,
            "column": error.column,
            "where": error.where,
            "problem": error.problem,
            "hint": error.hint,
        }
        for severity, error in _all(findings)
    ]
    return json.dumps(problems, ensure_ascii=False, indent=2) + "\n"


def _github(findings: Findings) -> str:
    """Source: GitHub, "Workflow commands", setting an error message."""
    lines = []
    for severity, error in _all(findings):
        places = {"file": error.path, "line": error.line, "col": error.column}
        fields = ",".join(f"{key}={_escaped(str(value), ':,')}" for key, value in places.items() if value)
        message = error.problem + (f" ({error.hint})" if error.hint else "")
        lines.append(f"::{severity} {fields}::{_escaped(message)}\n")
    return "".join(lines)


def _escaped(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


_PRINTERS = {Format.TEXT: _text, Format.JSON: _json, Format.GITHUB: _github}


def _all(findings: Findings) -> Sequence[tuple[str, ConfigError]]:
    return [
        *(("error", error) for error in findings.errors),
        *(("warning", error) for error in findings.warnings),
    ]
