"""Every file of the corpus, and a few hundred changed ones of each target: no promise is broken."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from time import process_time

import pytest

from tests.fuzz.engine import corpus_of, found_by, fuzz, keep
from tests.fuzz.harness import MARK, MEMORY_BYTES, Broken, Target, bounded, check, told, told_openly
from tests.fuzz.mutate import Mutator
from tests.fuzz.targets import TARGETS

CPU_SECONDS = 0.6
"""Of mutations for each target, on every run of the tests; ``scripts/fuzz`` is for more."""
ALL = [pytest.param(one, id=one.name) for one in TARGETS.values()]


@pytest.mark.parametrize("target", ALL)
def test_the_corpus_keeps_every_promise(target: Target) -> None:
    """Time and memory too; what was once found is among the files."""
    paths = corpus_of(target.name)
    assert paths
    for path in paths:
        with bounded(MEMORY_BYTES):
            target.run(path.read_bytes())


@pytest.mark.parametrize("target", ALL)
def test_mutations_of_the_corpus_keep_every_promise(target: Target) -> None:
    """The same ones on every run; their number depends on the machine."""
    corpus = [path.read_bytes() for path in corpus_of(target.name)]
    mutator = Mutator(corpus, target.words, Random(target.name))  # noqa: S311 - reproducible, not secret
    end = process_time() + CPU_SECONDS
    while process_time() < end:
        data = mutator.input()
        finding = found_by(target, data)
        assert finding is None, f"{finding.where}: {data!r}\n{finding.what}"


def _raises(error: BaseException) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        if b"!" in data:
            raise error

    return run


@pytest.mark.parametrize("error", [Broken("a promise"), RecursionError(), KeyError("x")])
def test_what_escapes_is_found_and_made_small(error: BaseException, tmp_path: Path) -> None:
    """Whatever it is: one finding, by the bytes that it takes, kept in a file."""
    target = Target("t", _raises(error))
    runs, (finding,) = fuzz(target, [b"abc! " * 20], 0.2, 1, lambda _: None)

    assert runs > 1
    assert finding.data == b"!"
    assert keep(target, [finding], tmp_path / "kept")[0].read_bytes() == b"!"


def test_an_endless_loop_is_found() -> None:
    """No ``except Exception`` stops the alarm."""

    def run(data: bytes) -> None:
        while True:
            with suppress(Exception):
                sum(range(100))

    finding = found_by(Target("t", run), b"", 0.1)
    assert finding is not None
    assert finding.where == "hang"


def test_too_much_memory_is_found() -> None:
    """What Python allocates counts, also when it is given back."""
    with pytest.raises(Broken, match="MiB"), bounded(1000):
        bytearray(100_000)


@pytest.mark.parametrize("text", ["", f"no {MARK}", "two\nlines", "\x1b[2J", "x" * 3000])
def test_an_error_that_tells_too_much_is_found(text: str) -> None:
    """Nothing, the payload, several lines, what does something to a terminal, a book."""
    with pytest.raises(Broken):
        told(text)


def test_an_error_that_may_quote_is_a_line_for_a_terminal_still() -> None:
    """Of schemas and rule files."""
    told_openly(f"unknown key `{MARK}`")
    with pytest.raises(Broken):
        told_openly("\x1b[2J")
    check(holds=True, promise="")


def test_the_same_seed_makes_the_same_inputs() -> None:
    """A finding can be repeated."""
    first, second = (Mutator([b"abc", b"{}"], (b"word",), Random(7)) for _ in range(2))  # noqa: S311
    assert [first.input() for _ in range(200)] == [second.input() for _ in range(200)]
