"""The plain way to new inputs: bytes of the corpus changed, cut, doubled, crossed, and words put in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from tests.fuzz.harness import MARK, MOST_BYTES

_BYTES = (
    b"\x00",
    b"\x01",
    b"\x7f",
    b"\x80",
    b"\xff",
    b" ",
    b"\n",
    b"0",
    b"-1",
    b"99999999999999999999",
    b"\xed\xa0\x80",
)
Mutate = Callable[[bytes, "Mutator"], bytes]


class Mutator:
    """Makes inputs of a target out of its corpus; the same ones for the same seed.

    Args:
        corpus: whole inputs; at least one.
        words: what inputs are made of.
        rng: decides.
    """

    def __init__(self, corpus: Sequence[bytes], words: Sequence[bytes], rng: Random) -> None:
        self.corpus = corpus
        self.words = (*words, *_BYTES, MARK.encode())
        self.rng = rng

    def input(self) -> bytes:
        """One more."""
        made = self.rng.choice(self.corpus)
        for _ in range(self.rng.choice((1, 1, 2, 3, 5, 9))):
            made = self.rng.choice(_WAYS)(made, self)
        return made[:MOST_BYTES]

    def changed(self, data: bytes, most: int) -> bytes:
        """Any input changed in place of one of the corpus."""
        return self.rng.choice(_WAYS)(data, self)[:most]

    def span(self, data: bytes, most: int = 64) -> tuple[int, int]:
        """Some part of the bytes."""
        start = self.rng.randint(0, len(data))
        return start, min(len(data), start + self.rng.randint(0, self.rng.choice((1, 4, most))))


def _flip(data: bytes, to: Mutator) -> bytes:
    if not data:
        return b"\x00"
    at = to.rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << to.rng.randrange(8)]) + data[at + 1 :]


def _random(data: bytes, to: Mutator) -> bytes:
    start, end = to.span(data, 8)
    return data[:start] + to.rng.randbytes(end - start) + data[end:]


def _cut(data: bytes, to: Mutator) -> bytes:
    start, end = to.span(data)
    return data[:start] + data[end:]


def _end(data: bytes, to: Mutator) -> bytes:
    return data[: to.rng.randint(0, len(data))]


def _double(data: bytes, to: Mutator) -> bytes:
    start, end = to.span(data)
    return data[:end] + data[start:end] * to.rng.choice((1, 1, 2, 30)) + data[end:]


def _word(data: bytes, to: Mutator) -> bytes:
    start, end = to.span(data, 8)
    return data[:start] + to.rng.choice(to.words) + data[to.rng.choice((start, end)) :]


def _cross(data: bytes, to: Mutator) -> bytes:
    other = to.rng.choice(to.corpus)
    return data[: to.rng.randint(0, len(data))] + other[to.rng.randint(0, len(other)) :]


def _line(data: bytes, to: Mutator) -> bytes:
    lines = data.split(b"\n")
    one, other = to.rng.randrange(len(lines)), to.rng.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


_WAYS: tuple[Mutate, ...] = (_flip, _random, _cut, _end, _double, _word, _word, _cross, _line)
