"""JSON, base64 and UUIDs."""

from __future__ import annotations

import binascii
import math
import uuid
from base64 import b64decode, b64encode
from datetime import datetime, timedelta
from typing import Any

import msgspec

from bridge.rules.cel.arithmetic import sized
from bridge.rules.cel.faults import EvalFault
from bridge.rules.cel.functions.instants import duration_text, instant_text
from bridge.rules.cel.functions.table import ArgumentProblem, Check, plain
from bridge.rules.cel.limits import Budget
from bridge.rules.cel.values import Uint, kind_of

_NAMESPACES = {
    "dns": uuid.NAMESPACE_DNS,
    "url": uuid.NAMESPACE_URL,
    "oid": uuid.NAMESPACE_OID,
    "x500": uuid.NAMESPACE_X500,
}


# So many parts of a value cost a step, as a power of two: about as long as one of a loop.
_ENCODE_SHIFT = 3


def _json_encode(value: Any, budget: Budget, limit: int) -> str:
    plain_value = _Plain(limit)
    try:
        encoded = msgspec.json.encode(plain_value.of(value))
        budget.charge((limit - plain_value.left) >> _ENCODE_SHIFT)
        return str(sized(encoded.decode(), limit))
    except UnicodeError:
        raise EvalFault("text has a lone surrogate", "conversion") from None
    except ValueError:
        raise EvalFault("a number has more digits than JSON is read with", "conversion") from None


class _Plain:
    """Turns values into what JSON has; counts them, for a small value may hold another many times."""

    def __init__(self, limit: int) -> None:
        self.left = limit

    def of(self, value: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise EvalFault("a result is too large for json.encode", "budget")
        kind = value.__class__
        if kind is dict:
            return {self._key(key): self.of(item) for key, item in value.items()}
        if kind is list:
            return [self.of(item) for item in value]
        if kind is float and not math.isfinite(value):
            raise EvalFault("JSON has no infinite numbers", "conversion")
        if kind in {str, int, float, bool, type(None)}:
            return value
        return self._text(value)

    def _text(self, value: Any) -> Any:
        match value:
            case Uint():
                return int(value)
            case datetime():
                return instant_text(value)
            case timedelta():
                return duration_text(value)
            case bytes():
                return b64encode(value).decode()
            case _:
                raise EvalFault(f"JSON has no {kind_of(value)}", "type")

    def _key(self, key: Any) -> str:
        if key.__class__ is bool:
            return "true" if key else "false"
        return str(key)


def _json_decode(text: str, budget: Budget) -> Any:
    # Values take up to 25 times the room of their text.
    budget.charge(1 + (len(text) >> 8))
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        raise EvalFault("text is no JSON", "conversion") from None


def _encode(value: bytes, limit: int) -> str:
    return str(sized(b64encode(value).decode(), limit))


def _decode(text: str) -> bytes:
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise EvalFault("text is no base64", "conversion") from None


def _v5(namespace: str, name: str, budget: Budget) -> str:
    budget.weigh(name)
    try:
        return str(uuid.uuid5(_NAMESPACES.get(namespace) or uuid.UUID(namespace), name))
    except ValueError:
        raise EvalFault("the namespace is no UUID", "argument") from None


def _check_namespace(text: object) -> None:
    try:
        _v5(str(text), "", Budget())
    except EvalFault as fault:
        raise ArgumentProblem(fault.message, "a UUID, or one of dns, url, oid, x500") from None


FUNCTIONS = (
    plain(
        *("json.encode", "dyn", "string", _json_encode, "Compact JSON in the order of the input."),
        """json.encode({'b': [1, true], 'a': null}) == '{"b":[1,true],"a":null}'""",
        bounded=True,
        charging=True,
        heavy=True,
    ),
    plain(
        *("json.decode", "string", "dyn", _json_decode, "The value of JSON text."),
        """json.decode('{"a": [1]}').a[0] == 1""",
        charging=True,
    ),
    plain(
        *("base64.encode", "bytes", "string", _encode, "Base64 of bytes."),
        "base64.encode(b'hello') == 'aGVsbG8='",
        bounded=True,
    ),
    plain(
        *("base64.decode", "string", "bytes", _decode, "Bytes of base64, padded or not."),
        "base64.decode('aGVsbG8') == b'hello'",
    ),
    plain(
        *("uuid.v5", "string string", "string", _v5, "The UUID of a name in a namespace."),
        "uuid.v5('dns', 'python.org') == '886313e1-3b8a-5372-9b90-0c9aee199e5d'",
        charging=True,
        checks={0: Check(_check_namespace)},
    ),
)
