"""Fields, keys, elements, and values that may be absent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bridge.rules.cel.faults import EvalFault
from bridge.rules.cel.relations import has_key
from bridge.rules.cel.values import NONE, Optional, Uint, kind_of, no_field

_ABSENT = object()


def index(container: Any, key: Any) -> Any:
    """``container[key]``.

    Raises:
        EvalFault: no such key or element (``missing``), or nothing to index (``type``).
    """
    if container.__class__ is Optional:
        return opt_index(container, key)
    found = _find(container, key)
    if found is not _ABSENT:
        return found
    if container.__class__ is list:
        raise EvalFault(f"index {key} is out of range of a list of {len(container)}", "missing")
    raise EvalFault(f"no such key, of type {kind_of(key)}", "missing")


def opt_index(container: Any, key: Any) -> Optional:
    """``container[?key]``."""
    if container.__class__ is Optional:
        return opt_index(container.content, key) if container.present else NONE
    if container is None:
        return NONE
    found = _find(container, key)
    return NONE if found is _ABSENT else Optional(found)


def _find(container: Any, key: Any) -> Any:
    if container.__class__ is dict:
        return container[key] if has_key(container, key) else _ABSENT
    if container.__class__ is not list:
        raise EvalFault(
            f"cannot take an element of {kind_of(container)}", "missing" if container is None else "type"
        )
    position = _position(key)
    return container[position] if 0 <= position < len(container) else _ABSENT


def _position(key: Any) -> int:
    if key.__class__ is int or key.__class__ is Uint:
        return int(key)
    if key.__class__ is float and key.is_integer():
        return int(key)
    raise EvalFault(f"a list has no element of index type {kind_of(key)}", "type")


def opt_select(container: Any, field: str) -> Optional:
    """``container.?field``; none from null, for JSON writers send null for an absent object."""
    if container.__class__ is dict:
        return Optional(container[field]) if field in container else NONE
    if container.__class__ is Optional:
        return opt_select(container.content, field) if container.present else NONE
    if container is None:
        return NONE
    raise no_field(field, kind_of(container))


def field_or(container: Any, field: str, default: Any) -> Any:
    """``container.?field.orValue(default)`` without an optional in between."""
    if container.__class__ is dict:
        return container.get(field, default)
    return or_value(opt_select(container, field), default)


def unselectable(container: Any, field: str) -> Any:
    """``container.field`` of a value that is known to have no fields: always a fault."""
    raise no_field(field, kind_of(container))


def has(container: Any, field: str) -> bool:
    """``has(container.field)``."""
    if container.__class__ is dict:
        return field in container
    if container.__class__ is Optional:
        return container.present and has(container.content, field)
    if container is None:
        return False
    raise no_field(field, kind_of(container))


def or_value(value: Any, default: Any) -> Any:
    """``value.orValue(default)``."""
    found = _optional(value, "orValue")
    return found.content if found.present else default


def or_value_lazy(value: Any, default: Callable[[], Any]) -> Any:
    """``value.orValue(default)`` with a default that may fail."""
    found = _optional(value, "orValue")
    return found.content if found.present else default()


def or_optional(value: Any, other: Callable[[], Any]) -> Optional:
    """``value.or(other)``."""
    found = _optional(value, "or")
    return found if found.present else _optional(other(), "or")


def opt_map(value: Any, body: Callable[[Any], Any]) -> Optional:
    """``value.optMap(name, body)``."""
    found = _optional(value, "optMap")
    return Optional(body(found.content)) if found.present else NONE


def opt_flat_map(value: Any, body: Callable[[Any], Any]) -> Optional:
    """``value.optFlatMap(name, body)``."""
    found = _optional(value, "optFlatMap")
    return _optional(body(found.content), "optFlatMap") if found.present else NONE


def _optional(value: Any, name: str) -> Optional:
    if value.__class__ is Optional:
        assert isinstance(value, Optional)  # noqa: S101 -- for the type checker alone
        return value
    raise EvalFault(f"{name} takes an optional, not {kind_of(value)}", "type")


def make_list(*parts: tuple[Any, bool]) -> list[Any]:
    """A list some of whose elements may be absent: pairs of value and whether it is optional."""
    found: list[Any] = []
    for value, optional in parts:
        if not optional:
            found.append(value)
        elif _optional(value, "[?]").present:
            found.append(value.content)
    return found


def make_map(*parts: tuple[Any, Any, bool]) -> dict[Any, Any]:
    """A map from key, value, and whether the value is optional.

    Raises:
        EvalFault: a key of a kind that no map takes, or a key that stands twice.
    """
    made: dict[Any, Any] = {}
    for key, value, optional in parts:
        if not optional:
            put(made, key, value)
        elif _optional(value, "{?}").present:
            put(made, key, value.content)
    return made


def put(entries: dict[Any, Any], key: Any, value: Any) -> None:
    """Add an entry to a map under construction.

    Raises:
        EvalFault: a key of a kind that no map takes, or a key that is there.
    """
    if key.__class__ not in _KEY_CLASSES:
        raise EvalFault(f"{kind_of(key)} cannot be a map's key", "type")
    if key in entries:
        raise EvalFault("a map's key stands twice", "argument")
    entries[key] = value


_KEY_CLASSES = frozenset({str, int, Uint, bool})
