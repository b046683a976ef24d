"""``scripts/fuzz``: its words, and what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def said(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.fuzz", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


def test_a_target_runs_for_a_time_and_says_its_seed() -> None:
    """So that it can be repeated."""
    run = said("framing", "json", "--seconds", "0.1", "--seed", "7")
    assert run.returncode == 0, run.stderr
    first, second = run.stdout.splitlines()
    assert first.startswith("fuzz: framing: ")
    assert second.endswith("seed=7: 0 findings")


def test_one_file_is_run_once() -> None:
    """Of the corpus, or of what was found."""
    run = said("json:tests/fuzz/corpus/json/order", "--seed", "1")
    assert run.stdout == "fuzz: json: 1 runs in 0 s, seed=1: 0 findings\n", run.stderr


def test_a_target_there_is_none_of_is_told_with_all_there_are() -> None:
    """A usage error."""
    run = said("jsno")
    assert run.returncode == 2
    assert "no target 'jsno'; there are all, pairs, json, envelope" in run.stderr


def test_without_a_target_it_is_the_fuzzer_of_rules() -> None:
    """As ever, and by its name."""
    for words in (("--pairs", "24", "--seed", "3"), ("pairs", "--pairs", "24", "--seed", "3")):
        run = said(*words)
        assert run.returncode == 0, run.stdout + run.stderr
        assert "seed=3" in run.stderr
        assert "pairs" in run.stdout
