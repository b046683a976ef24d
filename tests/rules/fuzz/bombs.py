"""Expressions made to use up time or memory within the limits of text, nesting and steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Bomb:
    """An expression and the values that make it costly."""

    name: str
    text: str
    values: Mapping[str, object] = field(default_factory=dict)
    of_memory: bool = False


def _often(body: str, *, times: int = 4700, copies: int = 15) -> str:
    """As many copies of a body as two steps an element pay for, as often as the budget allows."""
    return f"lists.range({times}).map(i, [{', '.join([body] * copies)}]).size()"


_LONG, _ODD = "ab" * 32_000, "\U0001f9e8" + "e" * 1020

BOMBS = (
    Bomb(
        "a program of RE2 as large as the budget", "x.matches(p)", {"x": _LONG, "p": "[ab]{1000}" * 5 + "c"}
    ),
    Bomb(
        "a program that explodes RE2's automaton", "x.matches(p)", {"x": _LONG, "p": "[ab]*a" + "[ab]{900}c"}
    ),
    Bomb("many empty alternatives", "x.matches(p)", {"x": _LONG, "p": "(?:x?){500}" * 8 + "c"}),
    Bomb(
        "matches that read to the end", "regex.extractAll(x, p).size()", {"x": _LONG, "p": "(?:[ab]{99})*c|a"}
    ),
    Bomb(
        *(
            "a new pattern each time",
            "lists.range(9000).map(i, optional.of(x.matches(p + string(i)))).size()",
        ),
        {"x": "2024", "p": "(a{0,30}){30}"},
    ),
    Bomb(
        *(
            "a new time format each time",
            "lists.range(1000).map(i, time.parse(x + string(i), p + string(i), 'UTC'))",
        ),
        {"x": "2024-01-01 00:00:00", "p": "%Y-%m-%d %H:%M:%S"},
    ),
    Bomb(
        "times",
        _often("time.parse(x, p, 'Asia/Ho_Chi_Minh')", times=100, copies=11),
        {"x": "1/2/24", "p": "%d/%m/%y"},
    ),
    Bomb("phones", _often("phone.e164(x, 'VN')", times=80), {"x": "+84 (0) 912-345-678"}),
    Bomb("small regexes", _often("x.matches(p)"), {"x": "ab" * 60, "p": "[ab]{500}c"}),
    Bomb("texts just below what is weighed", _often("x.lowerAscii()"), {"x": _ODD}, of_memory=True),
    Bomb("sums of such texts", _often("(x + 'a')"), {"x": _ODD[:-9]}, of_memory=True),
    Bomb(
        "long texts",
        "lists.range(9000).map(i, x + 'a').size()",
        {"x": "\U0001f9e8" + "e" * 60_000},
        of_memory=True,
    ),
    Bomb("formats", _often("'%.1000f%s'.format([1e308, x])"), {"x": _ODD}, of_memory=True),
    Bomb(
        "decoded JSON",
        "lists.range(39).map(i, json.decode(x)).size()",
        {"x": "[" + "{}," * 10**5 + "1]"},
        of_memory=True,
    ),
    Bomb("JSON of one size", _often("json.decode(x)"), {"x": "[" + "{}," * 80 + "1]"}, of_memory=True),
    Bomb("lists", "lists.range(90).map(i, lists.range(60000)).size()", of_memory=True),
    Bomb("small lists", _often("lists.range(31)"), of_memory=True),
    Bomb("texts cut up", "lists.range(9).map(i, x.split('')).size()", {"x": "éa" * 200_000}, of_memory=True),
    Bomb(
        *("long texts shown", "lists.range(9000).map(i, '%s'.format([x])).size()"),
        {"x": "\U0001f9e8" + "e" * 60_000},
        of_memory=True,
    ),
    Bomb("long texts joined", "lists.range(4000).map(i, x).join()", {"x": _LONG}, of_memory=True),
    Bomb(
        "a body of many phones", _often("phone.e164(x, 'VN')", times=9000, copies=190), {"x": "+84912345678"}
    ),
    Bomb("searching backwards", "x.lastIndexOf(y)", {"x": "a" * 300_000, "y": "b" + "a" * 150_000}),
    Bomb("hashes", _often("pii.sha256(x)"), {"x": "a" * 1000}),
    Bomb("encoded JSON", _often("json.encode(x)", times=5), {"x": [[1] * 30] * 30}),
    Bomb("shown lists", _often("'%s'.format([x])"), {"x": [[[1.5] * 30] * 30] * 2}),
    Bomb("equal lists", _often("x == y"), {"x": [[[1] * 3] * 3] * 3, "y": [[[1] * 3] * 3] * 3}),
    Bomb("equal texts", _often("x == y"), {"x": "a" * 10**6 + "b", "y": "a" * 10**6 + "c"}),
    Bomb("sorting", _often("x.sort()"), {"x": [0.5, 0.25] * 15}),
    Bomb(
        "loops in loops", "lists.range(95).map(i, lists.range(95).map(j, lists.range(95).map(k, k))).size()"
    ),
    Bomb("small lists in small lists", "lists.range(31).map(i, " * 9 + "i" + ")" * 9 + ".size()"),
    Bomb("a million digits", "double(x) + double(y)", {"x": "9" * 10**6, "y": "1e" + "9" * 10**6}),
    Bomb("digits of a duration", "duration(x)", {"x": "1s" * 500_000}),
    Bomb("digits of a timestamp", "timestamp(x)", {"x": "2024-01-01T00:00:00." + "1" * 10**6 + "Z"}),
)
