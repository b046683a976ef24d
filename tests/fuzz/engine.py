"""Runs a target on input after input, keeps what breaks a promise, and makes it small."""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.fuzz.harness import CPU_SECONDS, MARK, Broken, Hang, Target, alarmed, bounded, resident_bytes
from tests.fuzz.mutate import Mutator

CORPUS = Path(__file__).parent / "corpus"
MOST_GROWTH_BYTES = 512 * 2**20
_SHRINK_SECONDS = 5.0


class Finding(NamedTuple):
    """An input that broke something; ``where`` is the same for the same fault."""

    where: str
    what: str
    data: bytes


def corpus_of(name: str) -> list[Path]:
    """The files of a target, in order."""
    return sorted((CORPUS / name).iterdir())


def found_by(target: Target, data: bytes, hang_seconds: float = 2 * CPU_SECONDS) -> Finding | None:
    """Run one input; None where every promise held. Main thread only."""
    try:
        with alarmed(hang_seconds), bounded():
            target.run(data)
    except Broken as broken:
        return Finding(f"promise: {str(broken).partition(':')[0]}", str(broken), data)
    except Hang:
        return Finding("hang", traceback.format_exc(), data)
    except Exception as error:  # noqa: BLE001 - whatever escapes is what is looked for
        last = traceback.extract_tb(error.__traceback__)[-1]
        return Finding(f"{type(error).__name__} {last.name}", traceback.format_exc(), data)
    return None


def fuzz(
    target: Target, corpus: Sequence[bytes], seconds: float, seed: int, told: Callable[[int], None]
) -> tuple[int, list[Finding]]:
    """Mutate the corpus for a time; one finding of each fault, made small.

    Args:
        target: what is run.
        corpus: run first, and mutated.
        seconds: for how long.
        seed: the same inputs for the same seed.
        told: is called now and then with the number of runs.
    """
    corpus = corpus or [MARK.encode()]
    mutator = Mutator(corpus, target.words, Random(f"{target.name} {seed}"))  # noqa: S311 - no secret
    found: dict[str, Finding] = {}
    runs, end, start_bytes = 0, time.monotonic() + seconds, resident_bytes()
    while time.monotonic() < end:
        data = mutator.input() if runs >= len(corpus) else corpus[runs]
        runs += 1
        finding = found_by(target, data)
        if finding is not None and finding.where not in found:
            found[finding.where] = smaller(target, finding)
        if resident_bytes() - start_bytes > MOST_GROWTH_BYTES:
            found["memory"] = Finding("memory", "the process has grown by more than 512 MiB", data)
            break
        if runs % 200 == 0:
            told(runs)
    return runs, list(found.values())


def smaller(target: Target, finding: Finding) -> Finding:
    """The same fault by fewer bytes, as far as a few seconds go."""
    end, size = time.monotonic() + _SHRINK_SECONDS, len(finding.data) // 2
    while size and time.monotonic() < end and finding.where != "hang":
        for at in range(0, len(finding.data), size):
            less = found_by(target, finding.data[:at] + finding.data[at + size :])
            if less is not None and less.where == finding.where:
                finding = less
                break
        else:
            size //= 2
    return finding


def keep(target: Target, findings: Sequence[Finding], folder: Path) -> list[Path]:
    """Write what was found, to be looked at and to become part of the corpus."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for finding in findings:
        path = folder / f"{target.name}-{hashlib.sha256(finding.data).hexdigest()[:12]}"
        path.write_bytes(finding.data)
        paths.append(path)
    return paths
