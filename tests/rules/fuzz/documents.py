"""Documents for rules to run on: JSON of all kinds, from plain to hostile, out of one random source."""

from __future__ import annotations

from random import Random
from typing import Any

from bridge.model import Record, Scope, Stream

KEYS = (
    *("a", "b", "c", "id", "type", "items", "qty", "name", "text", "n", "x", "customer", "order", "email"),
    *(
        "__class__",
        "__builtins__",
        "__globals__",
        "0",
        "",
        "a.b",
        "a b",
        "true",
        "null",
        "é",
        "\x00",
        "k" * 300,
    ),
)
TEXTS = (
    *("", "a", "abc", "order.completed", "0912 345 678", "+84912345678", "2024-02-30T25:61:00Z", "1e999"),
    *("2024-07-15T07:58:13.123Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1h30m", "-0"),
    *("%s%d%.9999f%q%", "%Y-%m-%d", "%d%d", "%99999Y", "%", "(a+)+$", "[", "\\1", "(((((", "a{1000}{1000}"),
    *(
        "🧨" * 7,
        "\u202eabc",
        "\x00",
        "é" * 50,
        "x" * 5000,
        "9" * 5000,
        "İ",
        "ß",
        "\r\n\t",
        "null",
        "true",
        "NaN",
    ),
    *(
        '{"a":[1,{"b":2}]}',
        "[" * 150 + "]" * 150,
        "aGVsbG8=",
        "====",
        "VN",
        "ZZ",
        "Asia/Ho_Chi_Minh",
        "+99:99",
    ),
    *("../../etc/passwd", "/etc/passwd", "{__class__}", "{0.__class__}", "dns", "k", "secret", "event"),
)
NUMBERS = (
    *(
        0,
        1,
        -1,
        2,
        42,
        2**31,
        2**53,
        2**63 - 1,
        -(2**63),
        2**63,
        2**64,
        10**30,
        10**400,
        -(10**400),
        10**4000,
        10**5000,
    ),
    *(0.0, -0.0, 1.0, 0.1, 1.5, -2.5, 1e15, 1e21, 1e22, 1e308, -1e308, 5e-324, 2.0**63, 253402300800.0),
    *(1721030293123, 1721030293, float("inf"), float("-inf"), float("nan")),
)
_WIDE = (3, 40, 600)


def value(rng: Random, depth: int = 4) -> Any:
    """Any JSON value, and what only YAML and JSON with extras have: NaN and infinity."""
    pick = rng.random()
    if depth <= 0 or pick < 0.45:
        return scalar(rng)
    if pick < 0.7:
        return [value(rng, depth - 1) for _ in range(rng.choice((0, 1, 2, 3, 5)))]
    return {rng.choice(KEYS): value(rng, depth - 1) for _ in range(rng.choice((0, 1, 2, 4)))}


def scalar(rng: Random) -> Any:
    """A leaf."""
    pick = rng.random()
    if pick < 0.4:
        return rng.choice(TEXTS)
    return rng.choice(NUMBERS) if pick < 0.8 else rng.choice((True, False, None))


def document(rng: Random) -> Any:
    """An event: mostly of the shape that generated rules ask for, with anything in every place."""
    pick = rng.random()
    if pick < 0.08:
        return value(rng)
    if pick < 0.12:
        return _nested(rng)
    event = {key: value(rng, 2) for key in KEYS[:14] if rng.random() < 0.8}
    if pick < 0.7:
        event["items"] = [_item(rng) for _ in range(rng.randrange(5))]
    if 0.7 < pick < 0.8:
        alike = rng.choice((TEXTS[:9], NUMBERS[:8], NUMBERS[15:21]))
        event["items"] = [rng.choice(alike) for _ in range(rng.randrange(9))]
    if pick < 0.2:
        event["items"] = [scalar(rng)] * rng.choice(_WIDE)
    if pick > 0.9:
        event[rng.choice(KEYS)] = rng.choice(("a", "é", "\U0001f9e8")) * rng.choice((4096, 20_000))
    return event


def _item(rng: Random) -> Any:
    if rng.random() < 0.2:
        return scalar(rng)
    return {"qty": rng.choice((1, 2, 2.5, None, "3")), "name": rng.choice(TEXTS), "id": rng.randrange(9)}


def _nested(rng: Random) -> Any:
    made: Any = scalar(rng)
    for _ in range(rng.choice((50, 190, 880))):
        made = [made] if rng.random() < 0.5 else {rng.choice(("a", "items")): made}
    return made


def mutated(rng: Random, sample: Any) -> Any:
    """A sample with some of its values and keys changed."""
    if rng.random() < 0.08:
        return value(rng, 2)
    if isinstance(sample, dict):
        kept = {key: mutated(rng, item) for key, item in sample.items() if rng.random() > 0.04}
        return kept if rng.random() > 0.1 else kept | {rng.choice(KEYS): value(rng, 1)}
    if isinstance(sample, list):
        return [mutated(rng, item) for item in sample] * rng.choice((1, 1, 1, 0, 2, 30))
    return sample


def scope(rng: Random, event: Any) -> Scope:
    """What a rule sees: sometimes of Debezium, sometimes of a CloudEvent."""
    if rng.random() < 0.6:
        return Scope(event)
    op = rng.choice(("c", "u", "d", "r", "", None))
    time = rng.choice((None, "2024-07-15T07:58:13Z", "soon", ""))
    return Scope(
        event, value(rng, 2), op, value(rng, 1), value(rng, 2), time, rng.choice((None, "id", "\x00"))
    )


def record(rng: Random) -> Record:
    """A record of Kafka or RabbitMQ, with odd keys, headers and times."""
    queue = rng.random() < 0.3
    return Record(
        Stream("shop", rng.choice(("t", "shop.orders", "x" * 249)), 0),
        rng.choice((0, 7, 2**63 - 1)),
        1,
        b"{}",
        key=rng.choice((None, b"k", b"\xff", b"")),
        headers=rng.choice(((), (("h", b"v"), ("h", None)), (("__class__", b"\xff\xfe"),))),
        timestamp_ms=rng.choice((None, 0, -1, 1721030293123, 2**62, -(2**62))),
        queue=queue,
        message_id=rng.choice((None, "m", "")),
    )
