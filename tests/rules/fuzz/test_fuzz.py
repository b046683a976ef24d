"""Random rules on random documents, the inputs that once found something, and inputs made to cost much."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path
from random import Random
from time import process_time

import pytest

from bridge.model import Scope
from bridge.rules.cel import evaluate
from tests.rules.fuzz import documents
from tests.rules.fuzz.bombs import BOMBS, Bomb
from tests.rules.fuzz.regressions import CASES, Case
from tests.rules.fuzz.subjects import Expression, File, Refused, Subject, outcome

ROOT = Path(__file__).parents[3]
PAIRS = 20_000
# Some three times what the worst of them takes on a plain machine; a hang takes minutes.
CPU_SECONDS = 12
MEMORY_BYTES = 500 * 2**20


def test_nothing_leaks_hangs_or_escapes(capfd: pytest.CaptureFixture[str]) -> None:
    """A short run of the fuzzer, another seed every time; its line says how to repeat it."""
    command = [sys.executable, "-m", "tests.rules.fuzz", "--pairs", str(PAIRS)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=170)
    with capfd.disabled():
        print(f"\n{run.stdout[-2000:].strip()}")  # noqa: T201 -- the seed must be in CI's log
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_was_found_stays_fixed(case: Case, tmp_path: Path) -> None:
    """Refused, a value, or a fault of ours, on every kind of document."""
    try:
        subject: Subject = File(case.text, tmp_path / "r.yaml") if case.is_file else Expression(case.text)
    except Refused:
        return
    rng = Random(case.name)  # noqa: S311 -- reproducible, not secret
    hostile = [
        {"n": number, "text": text} for number in (10**400, 10**4000) for text in ("é" * 20_000, "a" * 60_000)
    ]
    for event in (*hostile, *(documents.document(rng) for _ in range(30))):
        start = process_time()
        subject.run(documents.record(rng), Scope(event))
        assert process_time() - start < CPU_SECONDS
    subject.check()


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.name)
def test_bombs_are_bounded(bomb: Bomb) -> None:
    """What is made to use up time is paid for by the budget, or is done soon."""
    start = process_time()
    outcome(lambda: evaluate(bomb.text, bomb.values))
    assert process_time() - start < CPU_SECONDS


@pytest.mark.parametrize("bomb", [bomb for bomb in BOMBS if bomb.of_memory], ids=lambda bomb: bomb.name)
def test_memory_is_bounded(bomb: Bomb) -> None:
    """What is made to use up memory stays within a bound."""
    tracemalloc.start()
    try:
        outcome(lambda: evaluate(bomb.text, bomb.values))
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES
    finally:
        tracemalloc.stop()
