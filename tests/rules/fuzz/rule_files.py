"""Random rule files: the right shape mostly, with generated expressions and hostile names in every place."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from tests.rules.fuzz.grammar import Grammar

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
        "K" * 3000,
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


def rule_file(rng: Random) -> str:
    """JSON, which YAML takes; one in five names is odd beyond what the shape allows."""
    maps = {_key(rng): rng.choice(({"a": 1, "b": [1]}, "a", 10**30, None, [1, {"c": 2}])) for _ in range(2)}
    whole: dict[str, Any] = {
        "from": {rng.choice(("topics", "topics", "topics", "queues")): ["t", *_streams(rng)]},
        "maps": {"m": {"a": 1}, **maps} if rng.random() < 0.8 else maps,
        "secrets": {"k": {"env": "K"}} if rng.random() < 0.8 else {_key(rng): {"env": "K"}},
        "rules": [_rule(rng, number) for number in range(rng.choice((1, 1, 2)))],
    }
    if rng.random() < 0.7:
        whole["timezone"] = rng.choice(
            ("Asia/Ho_Chi_Minh", "UTC", "../../etc/passwd", "Mars/X", "", "+07:00")
        )
        whole["timezone"] = whole["timezone"] if rng.random() < 0.2 else "UTC"
    if rng.random() < 0.1:
        whole["tests"] = [{"name": _key(rng), "given": {"event": {"a": 1}}, "expect": []}]
    return json.dumps(whole, ensure_ascii=rng.random() < 0.5)


def _streams(rng: Random) -> list[str]:
    if rng.random() > 0.15:
        return []
    return [
        rng.choice(
            ("^shop.*", "^(a+)+$", "^(", "^a{99999999999}", "^" + "(" * 500, "^a{1000}{1000}", "^\\1", "\x00")
        )
    ]


def _key(rng: Random) -> str:
    return rng.choice(HOSTILE if rng.random() < 0.3 else NAMES)


def _rule(rng: Random, number: int) -> dict[str, Any]:
    lets = _lets(rng)
    names = tuple(name for name in lets if name.isidentifier() and name.isascii())
    grammar = Grammar(rng, names)
    rule: dict[str, Any] = {"name": f"rule-{number}" if rng.random() < 0.95 else rng.choice(HOSTILE)}
    if rng.random() < 0.4:
        rule["when"] = rng.choice(("true", "event.a != 7", f"dyn({grammar.expression(2)}) != 7"))
    if rng.random() < 0.2:
        rule["envelope"] = rng.choice(("auto", "none", "cloudevents", "debezium", "x"))
    if lets:
        rule["let"] = lets
    rule["emit"] = [_emit(rng, names) for _ in range(rng.choice((1, 1, 2)))]
    return rule


def _lets(rng: Random) -> dict[str, str]:
    if rng.random() < 0.04:
        return {
            f"a{n}": rng.choice((f"a{n - 1} + 1", f"[a{n - 1}, a{n - 1}]")) if n else "1" for n in range(400)
        }
    lets: dict[str, str] = {}
    for _ in range(rng.choice((0, 1, 2, 4))):
        name = rng.choice(NAMES[:30]) if rng.random() < 0.95 else rng.choice((*NAMES, *HOSTILE))
        known = tuple(one for one in lets if one.isidentifier())
        lets[name] = Grammar(rng, known).expression(rng.choice((1, 2, 3)))
    return lets


def _emit(rng: Random, lets: tuple[str, ...]) -> dict[str, Any]:
    names = lets
    emit: dict[str, Any] = {"event_type": "track", "event_name": rng.choice(("E", *HOSTILE))}
    if rng.random() < 0.3:
        index = rng.choice(NAMES)
        emit["for_each"] = {"item": f"{Grammar(rng, lets).expression(1)}", "index": index}
        emit["for_each"]["item"] = rng.choice(("event.items", "[1, 2]", emit["for_each"]["item"]))
        names = (*lets, "item", index)
    grammar = Grammar(rng, names)
    emit["user_id"] = rng.choice(("'u'", "event.?text", "string(event.?n.orValue(1))", grammar.expression(2)))
    if rng.random() < 0.2:
        emit["anonymous_id"] = grammar.expression(1)
    if rng.random() < 0.3:
        emit["timestamp"] = rng.choice(("none", "event.text", "time.ms(event.n)", grammar.expression(2)))
    if rng.random() < 0.4:
        emit["context"] = {_key(rng): grammar.expression(2) for _ in range(2)}
    emit["event_params"] = {_key(rng): _param(rng, grammar) for _ in range(rng.choice((0, 1, 2, 4)))}
    return emit


def _param(rng: Random, grammar: Grammar) -> Any:
    kind, expression = rng.choice(_KINDS), grammar.expression(rng.choice((1, 2, 3)))
    if rng.random() < 0.5:
        wrapped = {"string": "string", "int": "int", "double": "double", "datetime": "timestamp"}[kind]
        expression = rng.choice(
            (f"dyn({expression})", f"{wrapped}({expression})", f"optional.of({expression})")
        )
    if rng.random() < 0.2:
        return expression
    return {kind: expression, **({"default": rng.choice(_DEFAULTS)} if rng.random() < 0.4 else {})}
