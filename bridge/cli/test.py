"""``filum-bridge test``: runs the tests of rule files."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated
from xml.etree import ElementTree as ET

import typer

from bridge.cli.targets import Target, besides, chosen, config_target
from bridge.cli.watching import watch
from bridge.config import Secret
from bridge.decode import decode
from bridge.errors import BridgeError, ConfigError, ConfigErrors, UsageError
from bridge.located_yaml import read_yaml
from bridge.printable import printable
from bridge.rules.cases import cases_file
from bridge.rules.load import ReadYaml
from bridge.rules.testing import Report, Result, run_tests

_LOOK_SECONDS = 0.5


def test(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="A configuration (and then its rules), or rule files or folders of them.", show_default=False
        ),
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
    named: Annotated[
        str,
        typer.Option("-k", metavar="TEXT", help="Run only tests with this in their name or their rule's."),
    ] = "",  # noqa: PT028 - a command, no test of ours
    fail_under: Annotated[
        float,
        typer.Option(
            "--fail-under", metavar="PERCENT", min=0, max=100, help="Fail where fewer branches are covered."
        ),
    ] = 0,  # noqa: PT028 - a command, no test of ours
) -> None:
    """Run the tests that rule files carry, and those of X.cases.yaml beside X.yaml.

    Told besides: the branches that no test reached (a rule's `when` true, its `when` false, each emit).
    A secret that is not set is replaced by its own name, so that tests need none. Exit code 0: all
    passed, 1: some failed or too few branches are covered, 2: a file does not exist or does not compile,
    or no test has the name.

    Examples:

      filum-bridge test

      filum-bridge test config/rules/orders.yaml

      filum-bridge test config/bridge.yaml --junit results.xml

      filum-bridge test -k "draft order" --watch

      filum-bridge test --fail-under 90
    """
    wanted = _Wanted(paths or [], config, junit, named, fail_under)
    if watching:
        chosen(wanted.paths, config)
        _watch(wanted)
    elif _run_once(wanted):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the command line asks for."""

    paths: list[Path]
    config: Path | None
    junit: Path | None
    named: str
    fail_under: float


def _watch(wanted: _Wanted) -> None:
    def run() -> None:
        try:
            _run_once(wanted)
        except BridgeError as error:
            for one in error.errors if isinstance(error, ConfigErrors) else (error,):
                sys.stdout.write(f"error: {printable(str(one))}\n")
        sys.stdout.write("watching for changes, Ctrl-C ends\n")
        sys.stdout.flush()

    with suppress(KeyboardInterrupt):
        watch(lambda: _watched(wanted.paths, wanted.config), run, lambda: time.sleep(_LOOK_SECONDS))


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


def _run_once(wanted: _Wanted) -> bool:
    """Whether any test failed, or too few branches are covered."""
    read = cache(read_yaml)
    configs, files = chosen(wanted.paths, wanted.config, read)
    targets = [config_target(path) for path in configs]
    if alone := besides(files, [file for target in targets for file in target.files]):
        targets.append(Target(alone))
    reports = [_run(target, read, wanted.named) for target in targets]
    if wanted.named and not any(report.results for report in reports):
        raise UsageError(f"no test has {wanted.named!r} in its name or in that of its rule")
    if wanted.junit is not None:
        _write_junit(wanted.junit, [result for report in reports for result in report.results])
    sys.stdout.write(_text(reports, whole=not wanted.named))
    covered = _covered_percent(reports)
    if covered < wanted.fail_under and not wanted.named:
        sys.stdout.write(f"{covered:.0f} % of branches covered, {wanted.fail_under:g} % wanted\n")
        return True
    return any(report.failed for report in reports)


def _covered_percent(reports: list[Report]) -> float:
    branches = sum(report.coverage.total for report in reports)
    gaps = sum(len(report.coverage.gaps()) for report in reports)
    return 100 * (branches - gaps) / branches if branches else 100


def _write_junit(path: Path, results: list[Result]) -> None:
    try:
        path.write_bytes(_junit(results))
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or type(error).__name__}") from error


def _run(target: Target, read: ReadYaml, named: str) -> Report:
    def secret_of(secret: Secret) -> str:
        try:
            return target.secret(secret, os.environ)
        except ConfigError:
            return str(secret.env or secret.file)

    destinations = target.config.destinations if target.config is not None else None
    return run_tests(target.files, destinations, target.limits, secret_of, decode, read=read, named=named)


def _text(reports: list[Report], *, whole: bool) -> str:
    """Failures, then what no test reached unless only some tests were run."""
    lines: list[str] = []
    for result in (result for report in reports for result in report.failed):
        lines += [f"FAILED {result.path}:{result.line}:{result.column}: {result.name}"]
        lines += [f"    {line}" for line in result.problem.splitlines()]
    if whole:
        lines += _unreached(reports)
    failed = sum(len(report.failed) for report in reports)
    passed = sum(len(report.results) for report in reports) - failed
    return "\n".join([*map(printable, lines), f"{passed} passed, {failed} failed", ""])


def _unreached(reports: list[Report]) -> list[str]:
    untested = [rule for report in reports for rule in report.untested]
    lines = [f"untested: no test passes the `when` of rule {rule}" for rule in untested]
    gaps = [gap for report in reports for gap in report.coverage.gaps()]
    lines += [f"uncovered: {gap.path}:{gap.line}:{gap.column}: {gap.text}" for gap in gaps]
    branches = sum(report.coverage.total for report in reports)
    return [*lines, f"{branches - len(gaps)} of {branches} branches covered"]


def _junit(all_results: list[Result]) -> bytes:
    """Source: the JUnit XML that CI systems read (junit-10.xsd of Jenkins' xUnit plug-in)."""
    root = ET.Element("testsuites")
    for path in dict.fromkeys(result.path for result in all_results):
        results = [result for result in all_results if result.path == path]
        failures = sum(not result.passed for result in results)
        counts = {"tests": len(results), "failures": failures, "errors": 0}
        seconds = sum(result.seconds for result in results)
        attributes = {"name": path, **{key: str(count) for key, count in counts.items()}}
        attributes["time"] = f"{seconds:.3f}"
        suite = ET.SubElement(root, "testsuite", attributes)
        for result in results:
            _add_case(suite, result)
    return bytes(ET.tostring(root, "utf-8", xml_declaration=True))


def _add_case(suite: ET.Element, result: Result) -> None:
    attributes = {
        "name": _for_xml(result.name),
        "classname": result.path,
        "time": f"{result.seconds:.6f}",
    }
    case = ET.SubElement(suite, "testcase", attributes)
    if not result.passed:
        first = result.problem.splitlines()[0]
        failure = ET.SubElement(case, "failure", {"message": _for_xml(first)})
        place = f"{result.path}:{result.line}:{result.column}"
        failure.text = _for_xml(f"{place}\n{result.problem}")


def _for_xml(text: str) -> str:
    """XML 1.0 has no control characters."""
    return "".join(character if character.isprintable() or character in "\n\t" else "?" for character in text)
