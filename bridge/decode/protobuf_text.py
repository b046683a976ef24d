"""The text of a ``.proto`` file → the descriptor that protobuf's own library builds messages from.

proto-schema-parser (Buf's grammar) gives the syntax tree; names are resolved by protobuf's descriptor pool.
What says nothing about bytes is left out: comments, services, extensions, options but for aliases of enums.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from antlr4.error.ErrorListener import ErrorListener
from google.protobuf import descriptor_pb2 as pb
from proto_schema_parser import ast
from proto_schema_parser.parser import Parser

from bridge.decode.json_body import Undecodable
from bridge.decode.schema import library_says

_Field = pb.FieldDescriptorProto
_SCALARS = {
    name: getattr(_Field, f"TYPE_{name.upper()}")
    for name in (
        *("double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool", "string", "bytes"),
        *("uint32", "sfixed32", "sfixed64", "sint32", "sint64"),
    )
}
_LABELS = {
    None: _Field.LABEL_OPTIONAL,
    ast.FieldCardinality.OPTIONAL: _Field.LABEL_OPTIONAL,
    ast.FieldCardinality.REQUIRED: _Field.LABEL_REQUIRED,
    ast.FieldCardinality.REPEATED: _Field.LABEL_REPEATED,
}


def descriptor_of(name: str, text: str) -> pb.FileDescriptorProto:
    """The file's descriptor, names of types as they are written.

    Args:
        name: what other files import it by.
        text: the file.

    Raises:
        Undecodable: no ``.proto`` file, or one with an edition in place of its syntax.
    """
    tree = _tree(text)
    if tree.edition is not None:
        raise Undecodable(f"Protobuf editions ({tree.edition}) are not supported")
    file = pb.FileDescriptorProto(name=name, syntax=tree.syntax or "proto2")
    for element in tree.file_elements:
        if isinstance(element, ast.Package):
            file.package = element.name
        elif isinstance(element, ast.Import):
            if element.public:
                file.public_dependency.append(len(file.dependency))
            file.dependency.append(element.name)
        elif isinstance(element, ast.Enum):
            _add_enum(file.enum_type.add(), element)
        elif isinstance(element, ast.Message):
            _add_message(file.message_type.add(), element.name, element.elements, file.syntax)
    return file


class _Strict(ErrorListener):  # type: ignore[misc] # antlr4 has no types
    """The parser's own way is to print and to go on."""

    def syntaxError(  # noqa: N802 - antlr4's name
        self, recognizer: Any, symbol: Any, line: int, column: int, message: str, error: Any
    ) -> None:
        raise Undecodable(f"no .proto file: {line}:{column + 1}: {library_says(message)}")


def _tree(text: str) -> ast.File:
    def strict(part: Any) -> None:
        part.removeErrorListeners()
        part.addErrorListener(_Strict())

    try:
        return Parser(setup_lexer=strict, setup_parser=strict).parse(text)
    except RecursionError:
        raise Undecodable("no .proto file: it nests too deep") from None


def _add_message(message: pb.DescriptorProto, name: str, elements: Iterable[Any], syntax: str) -> None:
    message.name = name
    for element in elements:
        if isinstance(element, ast.Field):
            _add_field(message, element, syntax)
        elif isinstance(element, ast.MapField):
            _add_map(message, element)
        elif isinstance(element, ast.OneOf):
            _add_oneof(message, element, syntax)
        elif isinstance(element, ast.Group):
            _add_group(message, element, syntax)
        elif isinstance(element, ast.Message):
            _add_message(message.nested_type.add(), element.name, element.elements, syntax)
        elif isinstance(element, ast.Enum):
            _add_enum(message.enum_type.add(), element)
    _add_presence(message)


def _add_field(message: pb.DescriptorProto, element: ast.Field, syntax: str) -> pb.FieldDescriptorProto:
    field = message.field.add(name=element.name, number=element.number, label=_LABELS[element.cardinality])
    _set_type(field, element.type)
    if syntax == "proto3" and element.cardinality is ast.FieldCardinality.OPTIONAL:
        field.proto3_optional = True
    return field


def _set_type(field: pb.FieldDescriptorProto, name: str) -> None:
    scalar = _SCALARS.get(name)
    if scalar is not None:
        field.type = scalar
    else:
        field.type_name = name


def _add_presence(message: pb.DescriptorProto) -> None:
    """``optional`` of proto3 is a oneof of its own, behind those that are written."""
    for field in message.field:
        if field.proto3_optional:
            field.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{field.name}")


def _add_oneof(message: pb.DescriptorProto, element: ast.OneOf, syntax: str) -> None:
    index = len(message.oneof_decl)
    message.oneof_decl.add(name=element.name)
    for inner in element.elements:
        if isinstance(inner, ast.Field):
            _add_field(message, inner, syntax).oneof_index = index
        elif isinstance(inner, ast.Group):
            _add_group(message, inner, syntax).oneof_index = index


def _add_map(message: pb.DescriptorProto, element: ast.MapField) -> None:
    """A map is a list of entries: how protoc has it, the entry's name too."""
    entry = message.nested_type.add(name=_camel(element.name) + "Entry")
    entry.options.map_entry = True
    for number, (name, kind) in enumerate((("key", element.key_type), ("value", element.value_type)), 1):
        _set_type(entry.field.add(name=name, number=number, label=_Field.LABEL_OPTIONAL), kind)
    message.field.add(
        name=element.name,
        number=element.number,
        label=_Field.LABEL_REPEATED,
        type=_Field.TYPE_MESSAGE,
        type_name=entry.name,
    )


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _add_group(message: pb.DescriptorProto, element: ast.Group, syntax: str) -> pb.FieldDescriptorProto:
    _add_message(message.nested_type.add(), element.name, element.elements, syntax)
    return message.field.add(
        name=element.name.lower(),
        number=element.number,
        label=_LABELS[element.cardinality],
        type=_Field.TYPE_GROUP,
        type_name=element.name,
    )


def _add_enum(enum: pb.EnumDescriptorProto, element: ast.Enum) -> None:
    enum.name = element.name
    for inner in element.elements:
        if isinstance(inner, ast.EnumValue):
            enum.value.add(name=inner.name, number=inner.number)
        elif isinstance(inner, ast.Option) and inner.name == "allow_alias":
            enum.options.allow_alias = inner.value is True
