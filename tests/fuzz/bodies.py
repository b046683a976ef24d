"""Targets of the decode stage: bodies, envelopes, compression, schemas."""

from __future__ import annotations

import gzip
import json
import zlib
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from typing import Any, get_args

import fastavro
import msgspec
from backports import zstd

from bridge.config import Decode, Limits
from bridge.decode import Document, decode
from bridge.decode.avro_body import avro_reader
from bridge.decode.compression import TooLarge, open_body
from bridge.decode.framing import message_path, unframe
from bridge.decode.json_body import Undecodable, nests_deeper, parse_json, parse_text
from bridge.decode.json_schema_body import json_schema_reader
from bridge.decode.protobuf_body import protobuf_reader
from bridge.decode.schema import Read, Schema
from bridge.model import Filtered, Poison, Record, Scope, Stream
from tests.fuzz.harness import MARK, Target, check, told, told_openly
from tests.fuzz.message import record_of
from tests.fuzz.schemas import AVRO, BODY_SCHEMA, ORDER_PROTO, PLAIN_AVRO

LIMITS = Limits(record=4096)
DEPTH = LIMITS.json_depth
SCHEMA_LIMIT = 4096
_ENVELOPES = ("auto", "none", "cloudevents", "debezium")
_UNFRAMED: tuple[Decode, ...] = ("json", "text")


def _json(data: bytes) -> None:
    """One JSON text: Python's own parser is the judge of what it says."""
    try:
        value = parse_json(data, DEPTH)
    except Undecodable as error:
        told(error)
    else:
        check(not nests_deeper(value, DEPTH), "nested deeper than allowed")
        with suppress(RecursionError, ValueError):
            ours, theirs = msgspec.json.encode(value), json.loads(data.removeprefix(b"\xef\xbb\xbf"))
            check(msgspec.json.encode(theirs) == ours, "another value than Python's parser reads")
            check(parse_json(ours, DEPTH) == value, "what is written of a value is read as another")
    try:
        check(parse_text(data).encode() == data, "text is not its bytes")
    except Undecodable as error:
        told(error)


def _envelope(data: bytes) -> None:
    """A record with headers: every kind of body that needs no schema, under every envelope."""
    record = record_of(data)
    for kind in _UNFRAMED:
        made = decode(record, kind, LIMITS)
        if isinstance(made, Poison):
            told(made.error)
        if not isinstance(made, Document):
            check(isinstance(made, Poison | Filtered), "decoding gives something else")
            continue
        for envelope in _ENVELOPES:
            seen = made.unwrap(envelope)
            check(isinstance(seen, Scope | Poison | Filtered), "unwrapping gives something else")
            check(made.unwrap(envelope) is seen or envelope in ("auto", "none"), "unwrapped twice")
            if isinstance(seen, Poison):
                told(seen.error)


def _compressed(data: bytes) -> None:
    """The first byte says how the rest is encoded; the limit holds, and what was packed comes out."""
    codings = ("gzip", "deflate", "zstd", "gzip, zstd", MARK, " X-GZIP ")
    coding, body = codings[data[0] % len(codings)] if data else "gzip", data[1:]
    _open(coding, body)
    packers: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "zstd": zstd.compress,
    }
    packed = packers.get(coding)
    if packed is not None and body:
        whole = packed(body)
        opened = _open(coding, whole)
        check(opened == (body if len(body) <= LIMITS.record else None), "another body than was packed")
        check(_open(coding, whole[:-1]) is None, "a body that is cut short is taken for whole")


def _open(coding: str, body: bytes) -> bytes | None:
    try:
        opened = open_body(Record(Stream("s", "t"), 1, 1, body, content_encoding=coding), body, LIMITS.record)
    except (Undecodable, TooLarge) as error:
        told(error)
        return None
    check(len(opened) <= LIMITS.record, "more came out than a record may have")
    return opened


def _framed(data: bytes) -> None:
    """Confluent's wire format: what is taken apart is put together again."""
    for headers in ((), (("__value_schema_id", data[:20]),)):
        with suppress(Undecodable):
            frame = unframe(data, headers)
            check(len(frame.data) <= len(data) + 20, "more data than there was")
            if isinstance(frame.key, int) and not headers:
                check(b"\x00" + frame.key.to_bytes(4, "big") + frame.data == data, "framed otherwise")
    try:
        path, start = message_path(data)
    except Undecodable as error:
        told(error)
    else:
        check(0 < len(path) <= 100, "a path longer than any nesting")
        check(0 < start <= len(data), "a message beyond its body")


def _read(read: Read, data: bytes) -> Any:
    try:
        value = read(data)
    except Undecodable as error:
        told(error)
        return _NOTHING
    check(not nests_deeper(value, DEPTH), "nested deeper than allowed")
    _plain(value)
    return value


_NOTHING = object()


def _plain(value: Any) -> None:
    """Of the types that rules know, and no others."""
    if isinstance(value, dict):
        for key, item in value.items():
            check(isinstance(key, str | int | bool), f"a key is a {type(key).__name__}")
            _plain(item)
    elif isinstance(value, list):
        for item in value:
            _plain(item)
    else:
        check(isinstance(value, str | int | float | bytes | None), f"a value is a {type(value).__name__}")


_AVRO_READERS = [avro_reader(Schema("AVRO", json.dumps(schema)), DEPTH) for schema in AVRO]
_PLAIN_AVRO = fastavro.parse_schema(PLAIN_AVRO)
_PLAIN_READER = avro_reader(Schema("AVRO", json.dumps(PLAIN_AVRO)), DEPTH)


def _avro(data: bytes) -> None:
    """The first byte chooses a schema; of the plain one, the value written again is the value."""
    if data:
        _read(_AVRO_READERS[data[0] % len(_AVRO_READERS)], data[1:])
    value = _read(_PLAIN_READER, data[1:])
    if value is not _NOTHING:
        stream = BytesIO()
        fastavro.schemaless_writer(stream, _PLAIN_AVRO, value)
        check(repr(_read(_PLAIN_READER, stream.getvalue())) == repr(value), "another value when read again")


_PROTOBUF_READER = protobuf_reader(Schema("PROTOBUF", ORDER_PROTO), DEPTH)
_BODY_READER = json_schema_reader(Schema("JSON", json.dumps(BODY_SCHEMA)), DEPTH)


def _protobuf(data: bytes) -> None:
    """Any bytes as a message with its path before it, and as the first message of its file."""
    _read(_PROTOBUF_READER, data)
    _read(_PROTOBUF_READER, b"\x00" + data)


def _json_schema(data: bytes) -> None:
    """A body that contradicts its schema is told by the place in the schema."""
    _read(_BODY_READER, data)


def _schema(data: bytes) -> None:
    """A schema of any kind as a registry might give it; its text is no secret, and readers are bounded."""
    text = data[:SCHEMA_LIMIT].decode(errors="replace")
    makers = {"AVRO": avro_reader, "PROTOBUF": protobuf_reader, "JSON": json_schema_reader}
    for kind, make in makers.items():
        try:
            read = make(Schema(kind, text), DEPTH)
        except Undecodable as error:
            told_openly(error)
            continue
        for body in (b"", b"\x00", b"\x02\x0a\x00\x01", b"{}", b"\x00" * 40, data[:100]):
            _read(read, body)


def _descriptor(data: bytes) -> None:
    """Protobuf's other form of schema, a serialized descriptor in base64."""
    try:
        read = protobuf_reader(Schema("PROTOBUF", b64encode(data).decode()), DEPTH)
    except Undecodable as error:
        told_openly(error)
    else:
        _read(read, b"\x00\x0a\x01x")


check(set(_UNFRAMED) < set(get_args(Decode)), "kinds of bodies have other names")
_JSON_WORDS = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\u00e9",
    b"1e999",
    b"NaN",
    b"-0",
    b"null",
    b":",
    b",",
    b"\xff",
)
_HEADERS = (
    *(
        b"content-type: application/cloudevents+json\n",
        b"content-encoding: gzip\n",
        b"ce_id: 1\n",
        b"ce_type: t\n",
    ),
    *(b"ce_specversion: 1.0\n", b"ce_source: s\n", b"@content_type: application/cloudevents-batch+json\n"),
    *(
        b"@content_encoding: zstd\n",
        b"@content_encoding: hunter2\n",
        b"@queue: q\n",
        b"\n\n",
        b"@null\n",
        b"base64=",
    ),
    *(b"id: 6f1d2c3b-4a59-4867-9d7e-0a1b2c3d4e5f\n", b'"schema":', b'"payload":', b'"op":"c"', b'"after":'),
    *(
        b'"data_base64":"AQ=="',
        b'"specversion":"1.0"',
        b"org.apache.kafka.connect.data.Decimal",
        b"iodebeziumop",
    ),
    *(
        b"io.debezium.data.VariableScaleDecimal",
        b'"scale":',
        b'"parameters":',
        b'"fields":',
        b'"type":"struct"',
    ),
)
_AVRO_WORDS = (
    b'"type":',
    b'"record"',
    b'"fields":[',
    b'"name":"R"',
    b'"array"',
    b'"items":',
    b'"logicalType":',
)
_PROTO_WORDS = (
    b'syntax = "proto3";',
    b"message M {",
    b"string s = 1;",
    b"repeated M m = 2;",
    b"oneof o {",
    b"}",
)
_SCHEMA_WORDS = (
    b'{"$ref":"#"}',
    b'"properties":',
    b'"pattern":"(a+)+$"',
    b'"$id":',
    b'"allOf":',
    b"map<int32, M> x = 3;",
)

BODIES = (
    Target("json", _json, _JSON_WORDS),
    Target("envelope", _envelope, _HEADERS + _JSON_WORDS),
    Target("compression", _compressed, (b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x78\x9c")),
    Target("framing", _framed, (b"\x00\x00\x00\x00\x01", b"\xff\xff\xff\xff\x7f")),
    Target(
        "avro",
        _avro,
        (b"\x80\x80\x80\x80\x08", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x00", b"\x01"),
    ),
    Target("protobuf", _protobuf, (b"\x0a\x07hunter2", b"\xb2\x01", b"\x82\x01", b"\xff" * 9 + b"\x01")),
    Target("json_schema", _json_schema, (*_JSON_WORDS, b'"user"', b'"hunter2"', b'"lines"')),
    Target("schema", _schema, _AVRO_WORDS + _PROTO_WORDS + _SCHEMA_WORDS),
    Target("descriptor", _descriptor, (b"\x0a\x01M", b"\x12", b"\x22\x03")),
)
