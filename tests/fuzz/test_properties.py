"""The promises of each target under Hypothesis, which makes what it finds small; the same each time."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.model import Record, Stream
from bridge.settle.letters import OURS
from tests.fuzz.engine import corpus_of
from tests.fuzz.harness import MARK, Target, bounded
from tests.fuzz.stores import comes_back
from tests.fuzz.targets import TARGETS

EXAMPLES = 60
_names = st.sampled_from(["h", "content-type", "Content-Encoding", *sorted(OURS)]) | st.text(max_size=5)
_values = st.none() | st.binary(max_size=8) | st.sampled_from([MARK.encode(), b"q", b"reference", b"9"])
_texts = st.none() | st.text(min_size=1, max_size=8)
_times = st.none() | st.integers(-(2**63), 2**63 - 1)


@cache
def _seeds(name: str) -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in corpus_of(name))


@st.composite
def inputs(draw: st.DrawFn, target: Target) -> bytes:
    """Words and bytes, alone or put into a file of the corpus."""
    pieces = st.sampled_from((*target.words, MARK.encode())) | st.binary(max_size=12)
    made = draw(st.sampled_from((b"", *_seeds(target.name))))
    for piece in draw(st.lists(pieces, max_size=6)):
        at = draw(st.integers(0, len(made)))
        made = made[:at] + piece + made[at + draw(st.sampled_from((0, 0, 1, 4, len(piece)))) :]
    return made


@pytest.mark.parametrize("name", TARGETS)
@settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_input_breaks_a_promise(name: str, data: st.DataObject) -> None:
    """See ``harness``: a value or a declared error, in bounds, and no word of the payload."""
    made = data.draw(inputs(TARGETS[name]))
    with bounded():
        TARGETS[name].run(made)


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Of any source, with headers of any name: ours too."""
    queue = draw(st.booleans())
    message_id = draw(_texts) if queue else None
    return Record(
        Stream(draw(st.text(max_size=4)), draw(st.text(max_size=4)), 0 if queue else draw(st.integers(0, 9))),
        draw(st.integers(0, 2**63 - 1)),
        0,
        draw(st.none() | st.binary(max_size=20)),
        key=draw(st.none() | st.binary(max_size=5)),
        headers=tuple(draw(st.lists(st.tuples(_names, _values), max_size=6))),
        timestamp_ms=draw(_times),
        queue=queue,
        routing_key=draw(_texts) if queue else None,
        message_id=message_id,
        content_type=draw(_texts) if queue else None,
        content_encoding=draw(_texts) if queue else None,
        nonce="n-1" if queue and message_id is None else "",
    )


@settings(derandomize=True, database=None, deadline=None, max_examples=400)
@given(records())
def test_a_dead_letter_gives_back_its_record_from_every_store(record: Record) -> None:
    """File, Kafka and RabbitMQ, to the byte, whatever a producer said in headers of our names."""
    comes_back(record)
