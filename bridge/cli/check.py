"""``filum-bridge check``: what is wrong with a configuration and its rules, without any network."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli import findings as printing
from bridge.cli.certificates import doubts
from bridge.cli.findings import Findings, Format
from bridge.cli.sample_records import read_samples
from bridge.cli.sarif import sarif
from bridge.cli.targets import Target, besides, chosen, config_target
from bridge.config import Config, Secret
from bridge.config_file import expand_glob, secrets_of
from bridge.decode import REMEDY, missing_extra, registry_users
from bridge.errors import ConfigError, UsageError
from bridge.located_yaml import read_yaml
from bridge.rules import RuleSet, compile_files, unfit
from bridge.rules.cases import cases_file, read_cases
from bridge.rules.lint import lint_files
from bridge.rules.lint.codes import CODES
from bridge.rules.lint.ignore import silence
from bridge.rules.lint.samples import check_samples
from bridge.rules.load import ReadYaml
from bridge.rules.parse import parse_rules
from bridge.rules.rule import RuleFile


def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="A configuration (and then its rules), or rule files or folders of them.", show_default=False
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The configuration; default config/bridge.yaml.")
    ] = None,
    output: Annotated[
        Format,
        typer.Option(
            "--format", help="text, json, github (annotations of a workflow run), or sarif (code scanning)."
        ),
    ] = Format.TEXT,
    samples: Annotated[
        Path | None,
        typer.Option(
            "--samples",
            metavar="FILE",
            help="Records as JSON lines, as a file source reads them: warn of fields that no sample has.",
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too.")] = False,
) -> None:
    """Find what is wrong with a configuration and its rules, offline.

    Every problem is told with file, line and column. Warned of is what compiles and is hardly meant: a
    `when` that is never true, a division that cuts the fraction off, a regular expression for the slow
    engine, event names of Filum's own, lets, maps and secrets that nothing uses.

    Rule files alone are checked too; then destinations and sources are not judged. Exit code 0: no
    errors, 1: errors (with --strict warnings too), 2: a file does not exist. A warning is silenced by a
    comment at its place, `# filum-bridge: ignore[unused-let]`; all codes are listed by `filum-bridge schema
    lints`.

    Examples:

      filum-bridge check

      filum-bridge check config/bridge.yaml

      filum-bridge check config/rules/*.yaml --strict --format github

      filum-bridge check --samples samples.jsonl --format sarif
    """
    if samples is not None and not samples.is_file():
        raise UsageError(f"no such file: {samples}")
    read = cache(read_yaml)
    configs, files = chosen(paths or [], config, read)
    findings = Findings()
    taken = [file for path in configs for file in _check_config(path, findings, samples, read)]
    if alone := besides(files, taken):
        _check_rules(Target(alone), findings, samples, read)
    sys.stdout.write(_PRINTERS[output](findings))
    if findings.errors or (strict and findings.warnings):
        raise typer.Exit(1)


def _check_config(path: Path, findings: Findings, samples: Path | None, read: ReadYaml) -> tuple[Path, ...]:
    """Judge a configuration with its rule files, which are given back."""
    try:
        target = config_target(path)
    except ConfigError as error:
        findings.add(error)
        target = Target(_named_rules(path))
        _check_rules(target, findings, samples, read)
        return target.files
    located = read(path)
    assert target.config is not None  # noqa: S101 - config_target has read it
    for where, secret in secrets_of(target.config):
        _warn_unset(secret, target, where, str(path), findings)
    _warn_extra(target.config, str(path), findings)
    for doubt in doubts(target.config):
        findings.warn("certificate-file", located.error(doubt.keypath, doubt.problem, hint=doubt.hint))
    rules = _check_rules(target, findings, samples, read)
    for one in unfit(rules, target.config) if rules is not None else ():
        findings.add(located.error(one.keypath, one.problem, hint=one.hint))
    return target.files


def _named_rules(path: Path) -> tuple[Path, ...]:
    """The rule files of a configuration that is itself wrong: its rules are worth checking all the same."""
    try:
        value = read_yaml(path).value
    except ConfigError:
        return ()
    patterns = value.get("rules") if isinstance(value, dict) else None
    texts = [pattern for pattern in patterns or [] if isinstance(pattern, str)]
    return tuple(dict.fromkeys(file for text in texts for file in expand_glob(path.parent, text)))


def _check_rules(target: Target, findings: Findings, samples: Path | None, read: ReadYaml) -> RuleSet | None:
    config = target.config
    destinations = config.destinations if config is not None else None
    sources = [source.name for source in config.sources] if config is not None else None

    def secret_of(secret: Secret) -> str:
        _warn_unset(secret, target, "", "", findings)
        return _dummy(secret)

    findings.files += len(target.files)
    rules = None
    try:
        rules = compile_files(
            target.files, destinations, target.limits, secret_of, sources=sources, read=read
        )
    except ConfigError as error:
        findings.add(error)
    _lint(target, findings, samples, read)
    if rules is not None:
        findings.rules += len(rules.rules)
        for file in filter(lambda path: cases_file(path).is_file(), target.files):
            _check_cases(file, [one.rule.name for one in rules.rules], findings)
    return rules


def _lint(target: Target, findings: Findings, samples: Path | None, read: ReadYaml) -> None:
    files = _readable(target.files, read)
    found = lint_files(files, target.limits)
    if samples is not None:
        sampled = read_samples(samples, target)
        for error in sampled.wrong:
            findings.add(error)
        for warning in sampled.undecodable:
            findings.warn("sample-line", warning)
        found += check_samples(files, sampled.samples, target.limits)
    about_samples = frozenset[str]() if samples is not None else {"sample-path", "no-sample"}
    broken = {one.error.path for one in findings.errors}
    for one in silence(found, files, CODES, asleep=about_samples):
        # What does not compile is not judged, so a comment there may still have its use.
        if one.code != "ignore-comment" or one.path not in broken:
            findings.add_lint([one])


def _readable(files: Sequence[Path], read: ReadYaml) -> list[RuleFile]:
    """The files without faults of shape; what is wrong with the others is told already."""
    found = []
    for path in files:
        try:
            file, reader = parse_rules(read(path))
        except ConfigError:
            continue
        if not reader.errors:
            found.append(file)
    return found


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
        target.secret(secret, os.environ, in_header=where.endswith((".write_key", "admin.token")))
    except ConfigError as error:
        warning = ConfigError(f"{error.problem}: `run` will refuse this", path=path, where=where)
        findings.warn("secret-unset", warning)


def _warn_extra(config: Config, path: str, findings: Findings) -> None:
    """The bridge may run elsewhere; `run` refuses it here."""
    missing = missing_extra() if registry_users(config) else ""
    if missing:
        problem = f"bodies with a schema need what is not installed here: {missing}"
        findings.warn("registry-extra", ConfigError(problem, path=path, hint=REMEDY))


_PRINTERS: dict[Format, Callable[[Findings], str]] = {
    Format.TEXT: printing.text,
    Format.JSON: printing.as_json,
    Format.GITHUB: printing.github,
    Format.SARIF: lambda findings: sarif(findings.all()),
}
