"""Makes rules, runs each on many documents, and counts what became of them."""

from __future__ import annotations

import marshal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

from bridge.model import Scope
from tests.rules.fuzz import audit, corpus, documents
from tests.rules.fuzz.grammar import Grammar
from tests.rules.fuzz.mutate import mutated
from tests.rules.fuzz.regressions import CASES
from tests.rules.fuzz.rule_files import rule_file
from tests.rules.fuzz.subjects import Expression, File, Refused, Subject
from tests.rules.fuzz.watch import Hang, Watch

DOCUMENTS = 12
_FILES = 0.12
_ALIVE = 100
# Loading a file may take longer than a record.
_COMPILING = 3


@dataclass
class Tally:
    """What happened so far."""

    rules: int = 0
    refused: int = 0
    pairs: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    escapes: list[str] = field(default_factory=list)
    hangs: list[str] = field(default_factory=list)
    slowest_seconds: float = 0.0
    slowest: str = ""

    def line(self, seed: int) -> str:
        """The summary."""
        kinds = " ".join(f"{kind}={count}" for kind, count in self.faults.most_common())
        return (
            f"fuzz: pairs={self.pairs} rules={self.rules} compiled={self.rules - self.refused} "
            f"refused={self.refused} faults=[{kinds}] escapes={len(self.escapes)} hangs={len(self.hangs)} "
            f"slowest={self.slowest_seconds * 1000:.0f}ms ({self.slowest}) seed={seed}"
        )


class Engine:
    """One run of the fuzzer; rule ``n`` of a seed is the same in every run.

    Args:
        seed: of all randomness.
        folder: for the rule files.
        watch: of the process.
    """

    def __init__(self, seed: int, folder: Path, watch: Watch) -> None:
        self._seed = seed
        self._path = folder / "rules.yaml"
        self._watch = watch
        self.tally = Tally()

    def rule(self, number: int) -> None:
        """Make rule ``number``, compile it, audit it, run it."""
        rng = Random(f"{self._seed}:{number}")  # noqa: S311 -- reproducible, not secret
        if number % _ALIVE == 0:
            self._watch.alive()
        text, is_file = self._text(rng)
        self.tally.rules += 1
        self.subject(partial(_made, text, is_file, self._path), text, rng, f"rule {number}")

    def regressions(self) -> None:
        """What once found something goes first."""
        for case in CASES:
            rng = Random(case.name)  # noqa: S311 -- the same
            self.tally.rules += 1
            self.subject(partial(_made, case.text, case.is_file, self._path), case.text, rng, case.name)

    def _text(self, rng: Random) -> tuple[str, bool]:
        pick = rng.random()
        if pick < _FILES / 2:
            return rule_file(rng), True
        if pick < _FILES:
            return mutated(rng, rng.choice((*corpus.files(), rule_file(rng))), corpus.expressions()), True
        if pick < 0.6:
            return Grammar(rng).expression(), False
        written = rng.choice(corpus.expressions()) if pick < 0.9 else Grammar(rng).expression()
        return mutated(rng, written, corpus.expressions()), False

    def subject(self, make: Callable[[], Subject], text: str, rng: Random, name: str) -> None:
        """One rule, whatever it is made of."""
        self._watch.trees.clear()
        made = self._bounded(f"{name} compile", text, make, sandboxed=False)
        if isinstance(made, Refused):
            self.tally.refused += 1
        if not isinstance(made, Expression | File):
            return
        self._audit(made, text, name)
        for count in range(DOCUMENTS):
            self._pair(made, text, rng, f"{name} document {count}")
        self._bounded(f"{name} check", text, made.check, sandboxed=False)

    def _bounded(self, name: str, text: str, step: Callable[[], Any], *, sandboxed: bool) -> Any:
        """What a step gives, or the exception that is promised; all others are noted."""
        start = process_time()
        try:
            with self._watch.step(sandboxed=sandboxed, times=1 if sandboxed else _COMPILING):
                return step()
        except Refused as refused:
            return refused
        except Hang:
            self.tally.hangs.append(f"{name}: {text[:3000]!r}")
        except Exception as error:  # noqa: BLE001 -- whatever leaks is the finding
            self.escape(name, f"{type(error).__name__}: {str(error)[:200]!a}", text)
        finally:
            self._time(name, process_time() - start)
        return None

    def _time(self, name: str, seconds: float) -> None:
        if seconds > self.tally.slowest_seconds:
            self.tally.slowest_seconds, self.tally.slowest = seconds, name

    def escape(self, name: str, problem: str, text: str) -> None:
        """Note what must not be."""
        self.tally.escapes.append(f"{name}: {problem}: {text[:3000]!r}")

    def _audit(self, made: Subject, text: str, name: str) -> None:
        found = [one for root in self._watch.trees for one in audit.escapes_of_tree(root)]
        for function in made.functions:
            found += audit.escapes_of_code(function.__code__)
            found += audit.escapes_of_globals(function.__globals__)
        if not self._watch.trees:
            found.append("no tree was seen")
        for one in dict.fromkeys(found):
            self.escape(name, f"audit: {one}", text)

    def _pair(self, made: Subject, text: str, rng: Random, name: str) -> None:
        samples = corpus.samples()
        event = documents.mutated(rng, rng.choice(samples)) if rng.random() < 0.3 else documents.document(rng)
        record, scope = documents.record(rng), documents.scope(rng, event)
        before = _bytes(scope)
        kind = self._bounded(name, text, lambda: made.run(record, scope), sandboxed=True)
        self.tally.pairs += 1
        if kind:
            self.tally.faults[kind] += 1
        if _bytes(scope) != before:
            self.escape(name, "the document was changed", text)
        for one in self._watch.reached:
            self.escape(name, f"reached out: {one}", text)
        self._watch.reached.clear()


def _made(text: str, is_file: bool, path: Path) -> Subject:
    return File(text, path) if is_file else Expression(text)


def _bytes(scope: Scope) -> bytes:
    return marshal.dumps((scope.event, scope.before, scope.source, scope.cloudevent), 2)
