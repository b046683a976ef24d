"""Whatever a record holds, decoding it gives a value and never an exception."""

import gzip
import json
import zlib
from typing import Any

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import Limits
from bridge.decode import Document, decode
from bridge.model import Filtered, Headers, Poison, Record, Scope, Stream

ENVELOPES = ("auto", "none", "cloudevents", "debezium")
LIMITS = Limits(record=4096)
UUID = "6f1d2c3b-4a59-4867-9d7e-0a1b2c3d4e5f"

_WORDS = ["schema", "payload", "before", "after", "op", "source", "ts_ms", "type", "name", "field", "fields"]
_WORDS += ["items", "values", "parameters", "scale", "value", "message", "status", "id", "data_collections"]
_WORDS += ["ddl", "tableChanges", "specversion", "data", "data_base64", "datacontenttype", "iodebeziumop"]
_TEXTS = ["c", "d", "u", "r", "t", "m", "struct", "array", "map", "1.0", "BEGIN", "AQ==", "{}", "[1]", "2"]
_TEXTS += ["org.apache.kafka.connect.data.Decimal", "io.debezium.data.VariableScaleDecimal", "text/plain"]
_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(_TEXTS)
)
_KEYS = st.sampled_from(_WORDS) | st.text(max_size=3)
_JSON = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner), max_leaves=25
)
_PACKERS: list[Any] = [
    bytes,
    gzip.compress,
    zlib.compress,
    zstd.compress,
    lambda body: gzip.compress(body)[:-3],
]
_BODIES = st.none() | st.builds(
    lambda pack, body: pack(body),
    st.sampled_from(_PACKERS),
    st.binary(max_size=200) | _JSON.map(lambda value: json.dumps(value).encode()),
)
_NAMES = st.sampled_from(["id", "content-type", "content-encoding", "ce_id", "ce_type", "ce_source"])
_NAMES |= st.sampled_from(["ce_specversion", "cloudEvents:id", "cloudEvents_type", "ce_"]) | st.text(
    max_size=5
)
_MEDIA = st.sampled_from(["application/cloudevents+json", "application/cloudevents-batch+json", "text/plain"])
_VALUES = st.none() | st.binary(max_size=10) | st.sampled_from([UUID.encode(), b"1.0", b"gzip", b"zstd"])
_VALUES |= _MEDIA.map(str.encode)
_HEADERS = st.lists(st.tuples(_NAMES, _VALUES), max_size=6).map(tuple)
_ENCODINGS = (
    st.none() | st.sampled_from(["gzip", "deflate", "zstd", "utf-8", "gzip, zstd"]) | st.text(max_size=8)
)


@pytest.mark.parametrize("kind", ["json", "text"])
@given(body=_BODIES, headers=_HEADERS, encoding=_ENCODINGS, media=st.none() | _MEDIA | st.text(max_size=5))
def test_any_record_gives_a_value_under_any_envelope(
    kind: Any, body: bytes | None, headers: Headers, encoding: str | None, media: str | None
) -> None:
    """A scope, poison or filtered; poison says why in one line."""
    record = Record(
        Stream("s", "t"), 1, 1, body, headers=headers, content_type=media, content_encoding=encoding
    )
    made = decode(record, kind, LIMITS)
    if not isinstance(made, Document):
        assert isinstance(made, Poison | Filtered)
        return
    for envelope in ENVELOPES:
        seen = made.unwrap(envelope)
        assert isinstance(seen, Scope | Poison | Filtered)
        assert not isinstance(seen, Poison) or (seen.error and "\n" not in seen.error)
