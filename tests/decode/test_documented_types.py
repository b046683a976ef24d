"""The table of column types in docs/envelopes.md: each row is run as a rule on a change event."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.config import Limits
from bridge.decode import Document, decode
from bridge.model import Applied, Record, Stream
from bridge.rules import compile_files

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "envelopes.md").read_text()
ROWS = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \|$", PAGE, re.MULTILINE)
NAMES = {row[0] for row in ROWS}
RULE = """\
from: {{topics: [t]}}
envelope: debezium
rules:
  - name: r
    emit:
      - {{event_type: track, event_name: E, user_id: "'u'", timestamp: none, event_params: {{P: {param}}}}}
"""


def change(name: str, value: Any, *, wrapped: bool) -> bytes:
    """An insert of one column, as the JSON converter writes it."""
    payload = {"op": "c", "before": None, "after": {"x": value}, "source": {}}
    if not wrapped:
        return json.dumps(payload).encode()
    column = {"field": "x", "name": name, "parameters": {"scale": "2"}}
    row = {"field": "after", "type": "struct", "fields": [column]}
    return json.dumps({"schema": {"type": "struct", "fields": [row]}, "payload": payload}).encode()


def value_of(folder: Path, param: str, body: bytes) -> Any:
    """The parameter's value in the payload that leaves."""
    file = folder / "r.yaml"
    file.write_text(RULE.format(param=param))
    rules = compile_files([file], None, Limits(), lambda secret: "").of("s", "t", queue=False)
    record = Record(Stream("s", "t"), 0, 1, body)
    document = decode(record, "json", Limits())
    assert isinstance(document, Document)
    assert rules is not None
    made = rules.apply(record, document.unwrap)
    assert isinstance(made, Applied)
    assert not made.faults
    (found,) = msgspec.json.decode(made.events[0].body)["event_params"]
    return next(iter(found["value"].values()))


@pytest.mark.parametrize(("name", "wire", "param", "gives"), ROWS)
def test_a_documented_expression_gives_what_the_table_says(
    name: str, wire: str, param: str, gives: str, tmp_path: Path
) -> None:
    """With the schema wrapper; without it too, but for the decimals that need one."""
    body = change(name, json.loads(wire), wrapped=True)
    assert str(value_of(tmp_path, param, body)) == gives
    if not name.endswith("Decimal"):
        assert str(value_of(tmp_path, param, change(name, json.loads(wire), wrapped=False))) == gives


@pytest.mark.parametrize(
    "names",
    [
        "Date Time MicroTime NanoTime Timestamp MicroTimestamp NanoTimestamp ZonedTime ZonedTimestamp",
        "Interval MicroDuration NanoDuration Year IsoDate IsoTime IsoTimestamp",
    ],
)
def test_every_type_of_debezium_is_in_the_table(names: str) -> None:
    """All of ``io.debezium.time``, and what it uses of Kafka Connect."""
    assert {f"io.debezium.time.{name}" for name in names.split()} <= NAMES
    assert {f"org.apache.kafka.connect.data.{n}" for n in ("Date", "Time", "Timestamp", "Decimal")} <= NAMES
