"""``filum-bridge test``: runs the tests of rule files."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated
from xml.etree import ElementTree as ET

import typer

from bridge.cli.targets import Target, chosen, config_target
from bridge.cli.watching import watch
from bridge.config import Secret
from bridge.decode import decode
from bridge.errors import BridgeError, ConfigError, ConfigErrors
from bridge.rules.cases import cases_file
from bridge.rules.testing import Report, Result, run_tests

_LOOK_SECONDS = 0.5


def test(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="A configuration (and then its rules), or rule files alone.", show_default=False),
    ] = None,  # noqa: PT028 - a command, no test of ours
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The configuration; default config/bridge.yaml.")
    ] = None,  # noqa: PT028 - a command, no test of ours
    junit: Annotated[
        Path | None, typer.Option("--junit", help="Write the results as JUnit XML.", dir_okay=False)
    ] = None,  # noqa: PT028 - a command, no test of ours
    watching: Annotated[
        bool, typer.Option("--watch", help="Run again whenever a file changes; Ctrl-C ends it.")
    ] = False,  # noqa: PT028 - a command, no test of ours
) -> None:
    """Run the tests that rule files carry, and those of X.cases.yaml beside X.yaml.

    Told besides: the branches that no test reached (a rule's `when` true, its `when` false, each emit).
    A secret that is not set is replaced by its own name, so that tests need none. Exit code 0: all
    passed, 1: some failed, 2: a file does not exist or does not compile.

    Examples:

      filum-bridge test

      filum-bridge test config/rules/orders.yaml

      filum-bridge test config/bridge.yaml --junit results.xml

      filum-bridge test --watch
    """
    if watching:
        chosen(paths or [], config)
        _watch(paths or [], config, junit)
    elif _run_once(paths or [], config, junit):
        raise typer.Exit(1)


def _watch(paths: list[Path], config: Path | None, junit: Path | None) -> None:
    def run() -> None:
        try:
            _run_once(paths, config, junit)
        except BridgeError as error:
            for one in error.errors if isinstance(error, ConfigErrors) else (error,):
                sys.stdout.write(f"error: {one}\n")
        sys.stdout.write("watching for changes, Ctrl-C ends\n")
        sys.stdout.flush()

    with suppress(KeyboardInterrupt):
        watch(lambda: _watched(paths, config), run, lambda: time.sleep(_LOOK_SECONDS))


def _watched(paths: list[Path], config: Path | None) -> list[Path]:
    """Every file that the tests depend on, as far as the files that name them can be read just now."""
    try:
        configs, files = chosen(paths, config)
    except BridgeError:
        return [*paths, *([config] if config else [])]
    for path in configs:
        with suppress(BridgeError):
            files += config_target(path).files
    return [*configs, *files, *(cases_file(file) for file in files)]


def _run_once(paths: list[Path], config: Path | None, junit: Path | None) -> bool:
    """Whether any test failed."""
    configs, files = chosen(paths, config)
    targets = [config_target(path) for path in configs] + ([Target(tuple(files))] if files else [])
    reports = [_run(target) for target in targets]
    if junit is not None:
        junit.write_bytes(_junit([result for report in reports for result in report.results]))
    sys.stdout.write(_text(reports))
    return any(report.failed for report in reports)


def _run(target: Target) -> Report:
    def secret_of(secret: Secret) -> str:
        try:
            return target.secret(secret, os.environ)
        except ConfigError:
            return str(secret.env or secret.file)

    destinations = target.config.destinations if target.config is not None else None
    return run_tests(target.files, destinations, target.limits, secret_of, decode)


def _text(reports: list[Report]) -> str:
    lines: list[str] = []
    for result in (result for report in reports for result in report.failed):
        lines += [f"FAILED {result.path}:{result.line}:{result.column}: {result.name}"]
        lines += [f"    {line}" for line in result.problem.splitlines()]
    untested = [rule for report in reports for rule in report.untested]
    lines += [f"untested: no test passes the `when` of rule {rule}" for rule in untested]
    gaps = [gap for report in reports for gap in report.coverage.gaps()]
    lines += [f"uncovered: {gap.path}:{gap.line}:{gap.column}: {gap.text}" for gap in gaps]
    branches = sum(report.coverage.total for report in reports)
    lines += [f"{branches - len(gaps)} of {branches} branches covered"]
    failed = sum(len(report.failed) for report in reports)
    passed = sum(len(report.results) for report in reports) - failed
    return "\n".join([*lines, f"{passed} passed, {failed} failed", ""])


def _junit(all_results: list[Result]) -> bytes:
    """Source: the JUnit XML that CI systems read: testsuites > testsuite > testcase > failure."""
    root = ET.Element("testsuites")
    for path in dict.fromkeys(result.path for result in all_results):
        results = [result for result in all_results if result.path == path]
        failures = sum(not result.passed for result in results)
        attributes = {"name": path, "tests": str(len(results)), "failures": str(failures), "errors": "0"}
        suite = ET.SubElement(root, "testsuite", attributes)
        for result in results:
            _add_case(suite, result)
    return bytes(ET.tostring(root, "utf-8", xml_declaration=True))


def _add_case(suite: ET.Element, result: Result) -> None:
    attributes = {
        "name": _printable(result.name),
        "classname": result.path,
        "file": result.path,
        "line": str(result.line),
        "time": f"{result.seconds:.6f}",
    }
    case = ET.SubElement(suite, "testcase", attributes)
    if not result.passed:
        first = result.problem.splitlines()[0]
        failure = ET.SubElement(case, "failure", {"message": _printable(first)})
        failure.text = _printable(result.problem)


def _printable(text: str) -> str:
    """XML 1.0 has no control characters."""
    return "".join(character if character.isprintable() or character in "\n\t" else "?" for character in text)
