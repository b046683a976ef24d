"""Random rule files: the right shape mostly, with generated expressions and hostile names in every place."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from bridge.rules.cel import CompileFault, Environment, Unit
from tests.rules.fuzz.grammar import TABLE, Grammar

NAMES = (
    *(
        "a",
        "b",
        "total",
        "items2",
        "__class__",
        "__builtins__",
        "__import__",
        "__debug__",
        "lambda",
        "None",
        "class",
    ),
    *(
        "self",
        "turn",
        "value",
        "payload",
        "VALUE",
        "KEY",
        "UNSET",
        "c1",
        "f0",
        "r_add",
        "v_event",
        "l_a",
        "f_l_a",
    ),
    *(
        "x_item",
        "b_budget",
        "_",
        "__",
        "A" * 200,
        "True",
        "print",
        "exec",
        "nonlocal",
        "item",
        "event",
        "true",
    ),
)
LEGAL = tuple(name for name in NAMES if name not in {"item", "event", "true"})
HOSTILE = (
    *(
        "a b",
        "a'b",
        'a"b',
        "a\\b",
        "a\nb",
        "\x00",
        "\u202e",
        "é",
        "🧨",
        "",
        " ",
        "a.b",
        "';import os#",
        "{x}",
        "%s",
    ),
    *(
        "'''",
        '"""',
        "\\N{DIGIT ONE}",
        "\ufeff",
        "K" * 900,
        "__class__",
        "])",
        "\\x27",
        "\x85",
        "\u2028",
        "null",
        "0",
    ),
)
_KINDS = ("string", "int", "double", "datetime")
_DEFAULTS: tuple[Any, ...] = (
    "",
    "a",
    0,
    1,
    -1.5,
    True,
    None,
    2**63,
    10**30,
    1e308,
    "2024-01-01",
    [],
    {},
    "\x00",
    float("inf"),
)


_CHECKED = Environment(("event", "meta", "cloudevent"), TABLE, {"maps": {"m": {"a": 1}}})


class _Author:
    """Writes one file; a wild one breaks the shape as well, the others are odd wherever it is allowed."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.wild = rng.random() < 0.25

    def name(self) -> str:
        """Of a let or a loop."""
        return self.rng.choice((*NAMES, *HOSTILE) if self.wild else LEGAL)

    def key(self) -> str:
        """Of a parameter, a map or a value of context."""
        rng = self.rng
        if self.wild:
            return rng.choice((*NAMES, *HOSTILE))
        return rng.choice([one for one in (*NAMES, *HOSTILE) if one.strip()])

    def expression(self, depth: int, names: tuple[str, ...] = ()) -> str:
        """One that compiles, unless the file is wild."""
        grammar = Grammar(self.rng, tuple(name for name in names if name in LEGAL))
        for _ in range(6):
            text = grammar.expression(depth)
            if self.wild or self._compiles(text, names):
                return text
        return "event.?text"

    @staticmethod
    def _compiles(text: str, names: tuple[str, ...]) -> bool:
        locals_ = {name: f"l_{name}" for name in names}
        try:
            Unit(_CHECKED, filename="<checked>").expression(text, locals=locals_)
        except CompileFault:
            return False
        return True


def rule_file(rng: Random) -> str:
    """JSON, which YAML takes."""
    author = _Author(rng)
    maps = {author.key(): rng.choice(({"a": 1, "b": [1]}, {}, {"1": 10**30, "x": None})) for _ in range(2)}
    whole: dict[str, Any] = {
        "from": {"topics": ["t"]},
        "maps": maps | {"m": {"a": 1}},
        "secrets": {"k": {"env": "K"}},
        "rules": [_rule(author, number) for number in range(rng.choice((1, 1, 2)))],
    }
    if author.wild:
        whole["from"] = {rng.choice(("topics", "queues")): ["t", *_streams(rng)]}
        whole["maps"] = rng.choice((whole["maps"], {"x": rng.choice((1, None, [{}], "a"))}))
        whole["secrets"] = {author.key(): rng.choice(({"env": "K"}, {"file": "/etc/passwd"}, "x"))}
        whole["timezone"] = rng.choice(("Asia/Ho_Chi_Minh", "../../etc/passwd", "Mars/X", "", "+07:00", 7))
        whole["tests"] = [{"name": author.key(), "given": {"event": {"a": 1}}, "expect": []}]
    elif rng.random() < 0.8:
        whole["timezone"] = rng.choice(("Asia/Ho_Chi_Minh", "UTC"))
    return json.dumps(whole, ensure_ascii=author.wild)


def _streams(rng: Random) -> list[str]:
    if rng.random() > 0.15:
        return []
    return [
        rng.choice(
            ("^shop.*", "^(a+)+$", "^(", "^a{99999999999}", "^" + "(" * 500, "^a{1000}{1000}", "^\\1", "\x00")
        )
    ]


def _rule(author: _Author, number: int) -> dict[str, Any]:
    rng, lets = author.rng, _lets(author)
    rule: dict[str, Any] = {"name": rng.choice(HOSTILE) if author.wild else f"rule-{number}"}
    if rng.random() < 0.4:
        rule["when"] = rng.choice(("true", "event.a != 7", f"dyn({author.expression(2)}) != 7"))
    if author.wild:
        rule["envelope"] = rng.choice(("auto", "none", "cloudevents", "debezium", "x"))
    if lets:
        rule["let"] = lets
    rule["emit"] = [_emit(author, tuple(lets)) for _ in range(rng.choice((1, 1, 2)))]
    return rule


def _lets(author: _Author) -> dict[str, str]:
    rng = author.rng
    if rng.random() < 0.03:
        link = rng.choice(
            ("a{} + 1", "a{0} || a{0}", "[a{0}, a{0}]", "event.a ? a{} : 1", "cel.bind(x, a{0}, [x, a{0}])")
        )
        return {f"a{n}": link.format(n - 1) if n else "1" for n in range(300)}
    lets: dict[str, str] = {}
    for _ in range(rng.choice((0, 1, 2, 4))):
        lets[author.name()] = author.expression(rng.choice((1, 2, 3)), tuple(lets))
    return lets


def _emit(author: _Author, lets: tuple[str, ...]) -> dict[str, Any]:
    rng, names = author.rng, lets
    emit: dict[str, Any] = {"event_type": "track", "event_name": author.key()}
    if rng.random() < 0.3:
        index = rng.choice([name for name in LEGAL if name not in lets])
        emit["for_each"] = {"item": rng.choice(("event.items", "[1, 2]", "dyn(event.?a)")), "index": index}
        names = (*lets, "item", index)
    of_lets = [f"string({name})" for name in names] or ["'u'"]
    emit["user_id"] = rng.choice(("'u'", "event.?text", *of_lets[-2:], f"dyn({author.expression(2, names)})"))
    if rng.random() < 0.2:
        emit["anonymous_id"] = f"dyn({author.expression(1, names)})"
    if rng.random() < 0.3:
        emit["timestamp"] = rng.choice(("none", "event.text", "time.ms(event.n)", "dyn(event.?n)"))
    if rng.random() < 0.4:
        emit["context"] = {author.key(): author.expression(2, names) for _ in range(2)}
    emit["event_params"] = {author.key(): _param(author, names) for _ in range(rng.choice((0, 1, 2, 4)))}
    return emit


def _param(author: _Author, names: tuple[str, ...]) -> Any:
    rng = author.rng
    kind, expression = rng.choice(_KINDS), author.expression(rng.choice((1, 2, 3)), names)
    if rng.random() < 0.8:
        wrapped = {"string": "string", "int": "int", "double": "double", "datetime": "timestamp"}[kind]
        expression = rng.choice(
            (f"dyn({expression})", f"{wrapped}(dyn({expression}))", f"optional.of({expression})")
        )
    if author.wild and rng.random() < 0.5:
        return {kind: expression, "default": rng.choice(_DEFAULTS)}
    default = {
        "string": rng.choice(HOSTILE),
        "int": 2**63 - 1,
        "double": 1e308,
        "datetime": "2024-01-01T00:00:00Z",
    }
    return {kind: expression, **({"default": default[kind]} if rng.random() < 0.4 else {})}
