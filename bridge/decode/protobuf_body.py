"""Protobuf binary → plain values, by a schema given as text or as a serialized descriptor.

Messages are built by protobuf's own library from descriptors; no code is generated and no protoc is run.
Imports are the schema's references, then the files that protobuf, googleapis and Confluent ship.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2 as pb
from google.protobuf.descriptor import Descriptor, FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from bridge.decode.framing import message_path
from bridge.decode.json_body import Undecodable, nests_deeper
from bridge.decode.protobuf_text import descriptor_of
from bridge.decode.protobuf_values import Convert, Plans
from bridge.decode.schema import Read, Schema, library_says

_ROOT = "bridge-root.proto"
_SHIPPED = re.compile(r"(?:google/protobuf|google/type|confluent|confluent/types?)/[a-z_]+\.proto")
_SHIPPED_BY = {"google": "google", "confluent": "confluent_kafka.schema_registry.confluent"}
_DEEPEST = 200
"""protobuf reads no more than 100 messages inside each other: as values, maps and lists in turn."""


class _Type(NamedTuple):
    message: Any
    convert: Convert


def protobuf_reader(schema: Schema, max_depth: int) -> Read:
    """How bodies of this schema are read.

    Args:
        schema: its text or descriptor, and those it refers to.
        max_depth: deepest nesting of a value that is allowed.

    Raises:
        Undecodable: no Protobuf schema.
    """
    file, plans = _file(schema), Plans()
    types: dict[tuple[int, ...], _Type] = {}

    def read(data: bytes) -> Any:
        path, start = message_path(data)
        found = types.get(path)
        if found is None:
            found = types[path] = _type_at(file, path, plans)
        try:
            value = found.convert(found.message.FromString(data[start:]))
        except (DecodeError, ValueError) as error:
            raise Undecodable(f"the body contradicts its schema ({type(error).__name__})") from None
        if max_depth < _DEEPEST and nests_deeper(value, max_depth):
            raise Undecodable(f"the body nests deeper than {max_depth}")
        return value

    return read


def _type_at(file: FileDescriptor, path: tuple[int, ...], plans: Plans) -> _Type:
    found: Descriptor | None = None
    messages = list(file.message_types_by_name.values())
    for index in path:
        if not 0 <= index < len(messages):
            raise Undecodable(f"the schema has no message at {'.'.join(map(str, path))}")
        found = messages[index]
        messages = list(found.nested_types)
    assert found is not None  # noqa: S101 - a path is never empty
    return _Type(GetMessageClass(found), plans.of(found))


# Schema


def _file(schema: Schema) -> FileDescriptor:
    pool = DescriptorPool()
    references = dict(schema.references)
    try:
        _add(pool, _descriptor(_ROOT, schema.text), references, set())
        return pool.FindFileByName(_ROOT)
    except Undecodable:
        raise
    except (TypeError, KeyError, ValueError, DecodeError, RecursionError) as error:
        raise Undecodable(f"no Protobuf schema: {library_says(error)}") from None


def _add(
    pool: DescriptorPool, file: pb.FileDescriptorProto, texts: Mapping[str, str], seen: set[str]
) -> None:
    """A file after those it imports."""
    for name in file.dependency:
        if name not in seen:
            seen.add(name)
            _add(pool, _imported(name, texts), texts, seen)
    pool.Add(file)


def _imported(name: str, texts: Mapping[str, str]) -> pb.FileDescriptorProto:
    if name in texts:
        return _descriptor(name, texts[name])
    if not _SHIPPED.fullmatch(name):
        raise Undecodable(f"it imports {name!r}, which is none of its references")
    owner, _, rest = name.removesuffix(".proto").partition("/")
    try:
        module = import_module(f"{_SHIPPED_BY[owner]}.{rest.replace('/', '.')}_pb2")
    except ModuleNotFoundError:
        raise Undecodable(f"it imports {name!r}, which nobody ships") from None
    return pb.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)


def _descriptor(name: str, text: str) -> pb.FileDescriptorProto:
    """Base64 has none of the braces and quotes that a ``.proto`` file cannot do without."""
    try:
        serialized = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return descriptor_of(name, text)
    file = pb.FileDescriptorProto.FromString(serialized)
    file.name = name
    return file
