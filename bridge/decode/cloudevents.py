"""CloudEvents 1.0 in Kafka and AMQP messages, binary and structured.

Sources: CloudEvents 1.0.2, the Kafka protocol binding §3 (headers ``ce_*``, ``content-type``) and the
AMQP one §3 (application properties ``cloudEvents_*`` or ``cloudEvents:*``); JSON event format §3.1.1.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from bridge.decode.json_body import Undecodable, parse_json, parse_text
from bridge.model import Record, Scope

_PREFIXES = ("ce_", "cloudEvents_", "cloudEvents:")
_REQUIRED = ("specversion", "id", "source", "type")
_STRUCTURED = "application/cloudevents"
DEBEZIUM_OP = "iodebeziumop"


def recognised(record: Record) -> bool:
    """Does the record say of itself that it is a CloudEvent?"""
    if not record.headers and record.content_type is None:
        return False
    if _content_type(record).startswith(_STRUCTURED):
        return True
    return any(name.startswith(_PREFIXES) for name, _ in record.headers) and _is_complete(
        _binary_attributes(record)
    )


def unwrap(record: Record, value: Any, max_depth: int) -> Scope:
    """The event of a CloudEvent.

    Args:
        record: its headers and content type.
        value: the decoded body.
        max_depth: bound of JSON inside ``data_base64`` or of a body that was read as text.

    Raises:
        Undecodable: a required attribute is missing, or the data cannot be read.
    """
    content_type = _content_type(record)
    if content_type.startswith("application/cloudevents-batch"):
        raise Undecodable("a batch of CloudEvents, and one record is one event")
    attributes = {} if content_type.startswith(_STRUCTURED) else _binary_attributes(record)
    if "specversion" in attributes:
        return _scope(attributes, value)
    body = parse_json(value.encode("utf-8", "surrogatepass"), max_depth) if isinstance(value, str) else value
    if not isinstance(body, dict):
        raise Undecodable("not a CloudEvent: neither headers nor an object with its attributes")
    attributes = {name: item for name, item in body.items() if name not in ("data", "data_base64")}
    return _scope(attributes, _data(body, max_depth))


def _scope(attributes: dict[str, Any], event: Any) -> Scope:
    if not _is_complete(attributes):
        missing = ", ".join(f"`{name}`" for name in _REQUIRED if not _is_text(attributes.get(name)))
        raise Undecodable(f"not a CloudEvent: no {missing}")
    time = attributes.get("time")
    return Scope(
        event,
        cloudevent=attributes,
        time=time if _is_text(time) else None,
        identity=_identity(attributes),
    )


def _identity(attributes: dict[str, Any]) -> str | None:
    """Source and id, which are unique together (CloudEvents 1.0.2), but not in Debezium's converter.

    Of MySQL it names file and position, so all rows of one statement alike (``MySqlCloudEventsMaker``):
    their events would share one ``event_id``.
    """
    if DEBEZIUM_OP in attributes:
        return None
    source = attributes["source"]
    return f"cloudevent:{len(source)}:{source}{attributes['id']}"


def _is_complete(attributes: dict[str, Any]) -> bool:
    return all(_is_text(attributes.get(name)) for name in _REQUIRED)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _binary_attributes(record: Record) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for name, value in record.headers:
        if value is not None and name.startswith(_PREFIXES):
            attributes[name[3:] if name.startswith("ce_") else name[12:]] = _header_text(value)
    content_type = record.content_type or _header(record, "content-type")
    if attributes and content_type:
        attributes.setdefault("datacontenttype", content_type)
    return attributes


def _data(body: dict[str, Any], max_depth: int) -> Any:
    encoded = body.get("data_base64")
    if encoded is None:
        return body.get("data")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise Undecodable("`data_base64` is not base64") from None
    return parse_json(data, max_depth) if _is_json(body.get("datacontenttype")) else parse_text(data)


def _is_json(content_type: object) -> bool:
    media = str(content_type or "application/json").split(";")[0].strip().lower()
    return media in ("application/json", "text/json") or media.endswith("+json")


def _content_type(record: Record) -> str:
    return (record.content_type or _header(record, "content-type") or "").strip().lower()


def _header(record: Record, wanted: str) -> str | None:
    for name, value in record.headers:
        if value is not None and name.lower() == wanted:
            return _header_text(value)
    return None


def _header_text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
