"""The bridge as a contestant: this checkout's, with a configuration made for the run."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.bench.delivery.course import Entry, Launch

PURE = Path(sys.executable).with_name("filum-bridge")
"""As it is in the checkout: Python alone."""
COMPILED = Path(__file__).parents[3] / ".venv-compiled" / "bin" / "filum-bridge"
"""With its hot modules as C: ``scripts/compile`` makes it."""
LETTERS = "letters.jsonl"

_PARAMS = """\
          order_id: "event.order_id"
          total: {double: "event.total"}
          item_count: {int: "size(event.items)"}
          seq: {int: "event.seq"}
          location: "event.location"
          note: "event.note"
          created_at: {datetime: "event.created_at"}
"""
_CONTEXT = {
    "kafka": '{topic: "meta.topic", partition: "meta.partition", offset: "meta.offset"}',
    "rabbitmq": '{queue: "meta.queue"}',
}


def rule(source: str, stream: str, *, destination: str = "default") -> str:
    """The rule that makes the agreed event of each order; no ``when``, as the peers have none."""
    key = {"kafka": "topics", "rabbitmq": "queues"}[source]
    return (
        f"from: {{{key}: [{stream}]}}\n"
        "rules:\n"
        f"  - name: order-completed-{destination}\n"
        f"    destination: {destination}\n"
        "    emit:\n"
        "      - event_type: track\n"
        "        event_name: Order Completed\n"
        '        user_id: "event.customer.id"\n'
        '        timestamp: "event.created_at"\n'
        f"        context: {_CONTEXT[source]}\n"
        "        event_params:\n" + _PARAMS
    )


def launch(entry: Entry, *, more: Mapping[str, Any] | None = None, program: Path = COMPILED) -> Launch:
    """Write configuration and rules to its folder; ``more`` are keys of its destination."""
    one = destination(entry.url, entry) | dict(more or {})
    write(entry, {"default": one}, {"orders": rule(entry.source, entry.stream)}, [entry.stream])
    return start_of(entry, program)


def write(
    entry: Entry, destinations: Mapping[str, Any], rules: Mapping[str, str], streams: list[str]
) -> None:
    """A configuration of one source, as files."""
    config = {
        "sources": [_source(entry, streams)],
        "destinations": dict(destinations),
        "dead_letters": {"type": "file", "path": LETTERS},
        "rules": ["rules/*.yaml"],
        "admin": {"host": "127.0.0.1", "port": 0},
    }
    (entry.home / "rules").mkdir()
    for name, text in rules.items():
        (entry.home / "rules" / f"{name}.yaml").write_text(text)
    (entry.home / "bridge.yaml").write_text(json.dumps(config, indent=1))


def start_of(entry: Entry, program: Path = COMPILED) -> Launch:
    """The command line and its secret."""
    command = [str(program), "run", "--config", str(entry.home / "bridge.yaml")]
    return Launch(command, {"FILUM_WRITE_KEY": entry.token, "AMQP_PASSWORD": "guest"})


def letters(home: Path) -> int:
    """Dead letters it wrote."""
    file = home / LETTERS
    return sum(1 for _ in file.open("rb")) if file.exists() else 0


def destination(url: str, entry: Entry) -> dict[str, Any]:
    """What every destination of a race says."""
    made: dict[str, Any] = {
        "url": url,
        "write_key": {"env": "FILUM_WRITE_KEY"},
        "max_in_flight": entry.in_flight,
        "event_id": False,
    }
    return made | ({"transport": {"ca": str(entry.ca)}} if entry.ca else {})


def _source(entry: Entry, streams: list[str]) -> dict[str, Any]:
    if entry.source == "kafka":
        kafka = {"type": "kafka", "brokers": entry.broker, "group": entry.group, "topics": streams}
        return {"name": "race", **kafka, **entry.options}
    user = {"username": "guest", "password": {"env": "AMQP_PASSWORD"}}
    return {
        "name": "race",
        "type": "rabbitmq",
        "url": entry.broker,
        **user,
        "queues": streams,
        **entry.options,
    }
