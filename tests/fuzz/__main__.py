"""``scripts/fuzz TARGET… --seconds N --seed S``: what strangers can send does no harm.

``TARGET:FILE`` runs one file, of the corpus or of what was found. Without a target, or with ``pairs``, it is
the fuzzer of rules: ``scripts/fuzz [pairs] [--pairs N] [--seed S] [--rule N]``.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tests.fuzz.engine import Finding, corpus_of, found_by, fuzz, keep
from tests.fuzz.harness import Target
from tests.fuzz.targets import TARGETS

PAIRS = "pairs"
_FOLDER = Path(".fuzz")
_SHOWN_CHARACTERS = 3000


def main(words: list[str]) -> int:
    """Run; 0 when nothing was found."""
    if not words or words[0] == PAIRS or words[0] in ("--pairs", "--seed", "--rule"):
        from tests.rules.fuzz.__main__ import main as pairs  # noqa: PLC0415 - compiles all functions of rules

        sys.argv[1:] = words[1:] if words[:1] == [PAIRS] else words
        return pairs()
    given = _given(words)
    print(f"fuzz: seed={given.seed}", file=sys.stderr, flush=True)  # noqa: T201 - a killed run can be repeated
    names = list(TARGETS) if given.targets == ["all"] else given.targets
    results = [_one(name, given) for name in names]
    return 1 if any(results) else 0


def _given(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("targets", nargs="+", metavar="TARGET", help=f"all, {PAIRS}, {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target (60)")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(10**9), help="of a run to repeat (random)"
    )
    parser.add_argument(
        "--engine", choices=("plain", "atheris"), default="plain", help="plain: mutations only"
    )
    given = parser.parse_args(words)
    for name in given.targets:
        if name.partition(":")[0] not in TARGETS and name != "all":
            parser.error(f"no target {name!r}; there are all, {PAIRS}, {', '.join(TARGETS)}")
    return given


def _one(name: str, given: argparse.Namespace) -> bool:
    """Whether anything was found."""
    name, _, file = name.partition(":")
    target = TARGETS[name]
    if file:
        finding = found_by(target, Path(file).read_bytes())
        return _shown(target, [finding] if finding else [], 1, 0.0, given.seed)
    if given.engine == "atheris":
        from tests.fuzz.guided import guided  # noqa: PLC0415 - needs what only `scripts/fuzz` installs

        return guided(target, given.seconds, given.seed, _FOLDER)
    columns = (TextColumn(name), BarColumn(), TextColumn("{task.fields[runs]} runs"), TimeRemainingColumn())
    start = time.monotonic()
    with Progress(*columns, disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task(name, total=given.seconds, runs=0)
        runs, findings = fuzz(
            target,
            [path.read_bytes() for path in corpus_of(name)],
            given.seconds,
            given.seed,
            lambda runs: progress.update(task, completed=time.monotonic() - start, runs=runs),
        )
    return _shown(target, findings, runs, time.monotonic() - start, given.seed)


def _shown(target: Target, findings: list[Finding], runs: int, seconds: float, seed: int) -> bool:
    for finding, path in zip(findings, keep(target, findings, _FOLDER) if findings else [], strict=True):
        print(f"\n{target.name}: {finding.where}\n{finding.what[-_SHOWN_CHARACTERS:]}\nkept in {path}")  # noqa: T201
    print(f"fuzz: {target.name}: {runs} runs in {seconds:.0f} s, seed={seed}: {len(findings)} findings")  # noqa: T201
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
