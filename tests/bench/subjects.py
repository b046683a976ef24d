"""What is measured: records, rules compiled as the bridge does it, and their twins."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from bridge.config import Destination, Limits, Secret
from bridge.model import Applied, Filtered, Poison, Record, Scope, Stream
from bridge.rules import StreamRules, compile_files
from bridge.rules.turn import Turn

FOLDER = Path(__file__).parent
KEY = "k"
BODY = (FOLDER / "event.json").read_bytes()
EVENT = msgspec.json.decode(BODY)
RECORD = Record(Stream("shop", "shop.orders", 3), 7_041, 1, BODY, b"0123456789", (), 1_721_030_294_000)

_MANY = """\
from: {topics: [shop.orders]}
rules:
"""
_ONE_OF_MANY = """\
  - name: on-{index}
    when: "event.type == 'order.kind-{index}' && event.order.status == 'PAID'"
    emit:
      - event_type: track
        event_name: Order Changed
        user_id: "event.customer.id"
        timestamp: "event.occurred_at"
        event_params: {{Status: "event.order.status", Count: {{int: "event.order.number"}}}}
"""

Made = Applied | Poison | Filtered


def rules_of(text: str, *, with_event_id: bool = True) -> StreamRules:
    """Rule text, compiled as at start."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rules.yaml"
        path.write_text(text, "utf-8")
        destination = Destination(url="http://localhost", write_key=Secret(env="K"), event_id=with_event_id)
        rules = compile_files([path], {"default": destination}, Limits(), lambda secret: KEY)
    return StreamRules(rules.rules)


def sample(name: str, *, with_event_id: bool = True) -> StreamRules:
    """One of the rule files beside this module."""
    return rules_of((FOLDER / f"{name}.yaml").read_text("utf-8"), with_event_id=with_event_id)


def shipped(name: str) -> StreamRules:
    """One of the rule files that come with the bridge."""
    return rules_of((FOLDER.parents[1] / "config" / "rules" / f"{name}.yaml").read_text("utf-8"))


def many(count: int) -> StreamRules:
    """So many rules on one topic, each of another ``event.type``."""
    return rules_of(_MANY + "".join(_ONE_OF_MANY.format(index=index) for index in range(count)))


def applied(rules: StreamRules, event: Any) -> Callable[[], Made]:
    """The rules stage on one record, ready to be called again and again."""
    scope = Scope(event)
    return partial(rules.apply, RECORD, lambda envelope: scope)


def alone(rules: StreamRules, event: Any) -> Callable[[], bool]:
    """The ``when`` of the first rule, without what its stream adds."""
    rule, scope = rules.rules[0], Scope(event)
    return partial(rule.accepts, scope) if rule.accepts else partial(rule.run, Turn(RECORD, scope, []))


def bodies(rules: StreamRules, event: Any) -> list[bytes]:
    """The payloads of one record."""
    made = applied(rules, event)()
    return [one.body for one in made.events] if isinstance(made, Applied) else []
