"""Every input that found something, and what it did. They run first in every run of the fuzzer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """An input.

    Args:
        name: what it is.
        found: what it did when it was found.
        text: the expression, or the rule file.
        is_file: whether it is a rule file.
    """

    name: str
    found: str
    text: str
    is_file: bool = False


def _file(found: str, name: str, *, topic: str = "t", **rule: Any) -> Case:
    emit = {"event_type": "track", "event_name": "E", "user_id": "'u'"} | rule.pop("emit", {})
    whole = {"from": {"topics": [topic]}, "rules": [{"name": "r", **rule, "emit": [emit]}]}
    return Case(name, found, json.dumps(whole), is_file=True)


def _chain(count: int, link: str) -> dict[str, str]:
    return {f"a{n}": link.replace("PREVIOUS", f"a{n - 1}") if n else "1" for n in range(count)}


_DOUBLED = "".join(f"cel.bind(a{n}, [a{n - 1}, a{n - 1}, a{n - 1}], " for n in range(1, 30))
_PROGRAM = "[ab]{1000}" * 80

CASES = (
    Case("fraction of a huge int", "OverflowError", "'%.2f'.format([event.n])"),
    Case("decimal of a huge int", "ValueError: 4,300 digits", "'%d'.format([event.n])"),
    Case("text of a huge int", "ValueError: 4,300 digits", "'%s'.format([[event.n]])"),
    Case("sum of a double and a huge int", "OverflowError", "[1.5, event.n].sum()"),
    Case("root of a huge int", "OverflowError", "math.sqrt(event.n)"),
    Case("seconds beyond doubles", "OverflowError", "time.s(1e308)"),
    Case("a format that names a part twice", "re.error", "time.parse('1', '%d%d', 'UTC')"),
    Case("a format that is a program", "seconds of compilation", "time.parse('1', event.text, 'UTC')"),
    Case("a zone out of a document", "a module was looked for", "timestamp(0).getHours(event.text)"),
    Case("a zone that is nowhere", "a module was looked for", "timestamp(0).getHours('x\\ny'.reverse())"),
    Case("a pattern that is no text", "TypeError at load", "matches(event.text, 5)"),
    Case("a pattern that is null", "TypeError at load", "regex.extractAll(event.text, null)"),
    Case("a lone surrogate as pattern", "UnicodeEncodeError", "matches('x', '\ud800')"),
    Case("a lone surrogate in bytes", "UnicodeEncodeError at load", "b'\ud800'"),
    Case("a dot before a loop's name", "NameError at run time", "[1, 2].exists(i, v, i == 1 && .v != '1')"),
    Case("a dot before a shadowed variable", "the loop's value", "[1].map(event, .event.a)"),
    Case(
        "empty lists in lists",
        "hang: 3**29 visits",
        f"{_DOUBLED.replace('a0', '[]')}a29.flatten(40){')' * 29}",
    ),
    Case(
        "searching backwards",
        "hang: quadratic",
        "event.text.lastIndexOf('b' + event.text.substring(event.text.size() / 2))",
    ),
    Case("a pattern of 80,000 instructions", "seconds a search", f"event.text.matches('{_PROGRAM}')"),
    Case(
        "searches that each read to the end", "quadratic", "regex.extractAll(event.text, '(?:[ab]{999})*c|a')"
    ),
    Case("lower case 9,000 times", "minutes", "lists.range(9000).map(i, event.text.lowerAscii()).size()"),
    Case("60 KiB 9,000 times", "600 MB", "lists.range(9000).map(i, event.text + 'a').size()"),
    Case(
        "JSON of empty objects", "20 bytes a byte", "lists.range(39).map(i, json.decode(event.text)).size()"
    ),
    Case("digits without end", "ValueError where the limit of text allows it", "9" * 4090),
    _file("OverflowError at load", "a topic regex that repeats too often", topic="^a{99999999999}"),
    _file("RecursionError at load", "a topic regex of brackets", topic="^" + "(" * 500),
    _file("hang at the first record", "a topic regex that backtracks", topic="^(a+)+$"),
    _file(
        *("RecursionError at load", "1,200 lets, each of the one before"),
        let=_chain(1200, "PREVIOUS + 1"),
        emit={"user_id": "string(a1199)"},
    ),
    _file(
        *("hang: 4**39 evaluations", "lets that fault and are asked for twice"),
        let={"a0": "event.nope || event.nope2"} | {f"a{n}": f"a{n - 1} || a{n - 1}" for n in range(1, 40)},
        emit={"event_params": {"P": {"int": "a39 ? 1 : 2", "default": 1}}},
    ),
    _file(
        *("hang: 2**39 parts", "a context of lists in lists"),
        let=_chain(40, "[PREVIOUS, PREVIOUS]"),
        emit={"context": {"x": "a39"}},
    ),
)
