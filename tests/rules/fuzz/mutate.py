"""Mutations of text: what typing, merging and malice do to a rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
_ODD = (
    *(
        "'",
        '"',
        "\\",
        "`",
        "\x00",
        "\u202e",
        "\ufeff",
        "\U0001f9e8",
        "é",
        "\r",
        "\n",
        "\t",
        "%",
        "$",
        "${X}",
        "#",
    ),
    *(
        "__class__",
        "__builtins__",
        "__import__",
        "lambda",
        "None",
        "def",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        ":",
        "?",
    ),
    *(
        "&a",
        "*a",
        "!!python/object:os.system",
        "!x",
        "<<",
        "|",
        ">",
        "---",
        "...",
        "- ",
        "\\ud800",
        "\\x00",
        "\ud800",
    ),
    *(
        "9" * 30,
        "0x",
        "1e400",
        "-",
        ".",
        "..",
        "&&",
        "||",
        "//",
        "/*",
        "k" * 120,
        "true",
        "null",
        "~",
        ".nan",
        "@",
    ),
)

Mutation = Callable[[Random, str, Sequence[str]], str]


def _flip(rng: Random, text: str, corpus: Sequence[str]) -> str:
    at = rng.randrange(len(text))
    return text[:at] + chr(rng.randrange(128)) + text[at + 1 :]


def _insert(rng: Random, text: str, corpus: Sequence[str]) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(_ODD) + text[at:]


def _cut(rng: Random, text: str, corpus: Sequence[str]) -> str:
    at = rng.randrange(len(text))
    return text[:at] + text[at + rng.choice((1, 1, 2, 5, 20)) :]


def _truncate(rng: Random, text: str, corpus: Sequence[str]) -> str:
    return text[: rng.randrange(len(text) + 1)]


def _double(rng: Random, text: str, corpus: Sequence[str]) -> str:
    at = rng.randrange(len(text))
    piece = text[at : at + rng.choice((1, 3, 10, 40))]
    return text[:at] + piece * rng.choice((2, 2, 3, 20)) + text[at:]


def _swap_tokens(rng: Random, text: str, corpus: Sequence[str]) -> str:
    parts = _TOKEN.findall(text)
    one, other = rng.randrange(len(parts)), rng.randrange(len(parts))
    parts[one], parts[other] = parts[other], parts[one]
    return "".join(parts)


def _replace_token(rng: Random, text: str, corpus: Sequence[str]) -> str:
    parts, others = _TOKEN.findall(text), _TOKEN.findall(rng.choice(corpus)) or [""]
    parts[rng.randrange(len(parts))] = rng.choice(others)
    return "".join(parts)


def _splice(rng: Random, text: str, corpus: Sequence[str]) -> str:
    other = rng.choice(corpus)
    return text[: rng.randrange(len(text))] + other[rng.randrange(len(other) + 1) :]


def _line(rng: Random, text: str, corpus: Sequence[str]) -> str:
    lines = text.split("\n")
    at, to = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines.insert(to, lines[at] if rng.random() < 0.6 else " " * rng.randrange(9) + rng.choice(_ODD))
    return "\n".join(lines)


_ALL: tuple[Mutation, ...] = (
    *(
        _flip,
        _insert,
        _insert,
        _cut,
        _truncate,
        _double,
        _swap_tokens,
        _replace_token,
        _replace_token,
        _splice,
    ),
    _line,
)


def mutated(rng: Random, text: str, corpus: Sequence[str]) -> str:
    """``text`` after one to three mutations, some of which take pieces of ``corpus``."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if text:
            text = rng.choice(_ALL)(rng, text, corpus)
    return text
