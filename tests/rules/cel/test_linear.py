"""Regular expressions that run on Python's engine: the same results as RE2, and always fast."""

from __future__ import annotations

import time

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.rules.cel.functions.linear import linear

OPTIONS = re2.Options()
OPTIONS.log_errors = False

PLAIN = ["a", "b", "1", " ", "-", "é", "\\.", "\\d", "\\w", "[a-c]", "[^0-9]", "[^a]", "[ab-]", "[\\]]"]
TRICKY = ["[\\d\\-]", ".", "\n", "\\s", "(a)", "a|b", "[[:alpha:]]", "$", "[a", "\\b", "[a&&b]", "[a||b]"]
ATOMS = st.sampled_from([*PLAIN, *TRICKY])
PATTERNS = st.builds(
    lambda start, atoms, end: start + "".join(atoms) + end,
    st.sampled_from(["", "^"]),
    st.lists(ATOMS, min_size=1, max_size=4),
    st.sampled_from(["", "+", "*", "?", "{2}", "++", "+?"]),
)
TEXTS = st.text(st.sampled_from("abc1-. \n]é٣"), max_size=12)


@settings(max_examples=1500, deadline=None)
@given(PATTERNS, TEXTS)
def test_engines_agree(pattern: str, text: str) -> None:
    """Whatever is proven linear finds in Python just what it finds in RE2."""
    proven = linear(pattern)
    if proven is None:
        return
    expected = [match.span() for match in re2.compile(pattern, OPTIONS).finditer(text)]
    assert [match.span() for match in proven.finditer(text)] == expected


@pytest.mark.parametrize("pattern", ["[^0-9]", "[^0-9]+", "-", "^\\+84", "\\d+", "[a-zA-Z0-9_]+", "[+-]"])
def test_common_patterns_are_proven(pattern: str) -> None:
    """What rules mostly use does not need RE2."""
    assert linear(pattern) is not None


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "a+b",
        "a*",
        ".",
        "a$",
        "(?i)a",
        "a|b",
        "\\bx",
        "\\s",
        "[[:alpha:]]",
        "[a&&b]",
        "[z-a]",
        "a++",
        "x" * 101,
        "",
    ],
)
def test_other_patterns_are_not(pattern: str) -> None:
    """What repeats inside, may backtrack or means something else in Python stays with RE2."""
    assert linear(pattern) is None


@pytest.mark.parametrize("pattern", ["a+", "[^0-9]+", "aaaaaaaaaaaaaaab", "[ab]+"])
def test_proven_is_fast(pattern: str) -> None:
    """A megabyte takes no longer than a moment."""
    proven = linear(pattern)
    assert proven is not None
    started = time.perf_counter()
    proven.search("a" * 1_000_000)
    proven.sub("", "a" * 1_000_000)
    assert time.perf_counter() - started < 1
