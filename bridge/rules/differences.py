"""What a test expected against what came out: events paired, and of each pair only what differs. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from typing import Any, NamedTuple

_LONG = 200
_MOST = 60
Payload = dict[str, Any]


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: 1 equals 1.0, but true does not equal 1, and objects have no order."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return (type(one) in _NUMBERS and type(other) in _NUMBERS and one == other) or (
        type(one) is type(other) and one == other
    )


_NUMBERS = (int, float)


class Got(NamedTuple):
    """A payload that came out; its keys in ``silent`` count only where they are expected."""

    payload: Payload
    silent: frozenset[str] = frozenset()

    def beside(self, expected: Any) -> Payload:
        """What is compared with an expected payload."""
        there = expected if isinstance(expected, dict) else {}
        return {key: value for key, value in self.payload.items() if key in there or key not in self.silent}


def differences(expected: Sequence[Any], got: Sequence[Got]) -> str:
    """The lines that tell a person what to look at; empty where all is the same.

    Args:
        expected: payloads, as the test writes them.
        got: what came out, in order.
    """
    if len(expected) == len(got) and all(map(_equal, expected, got)):
        return ""
    lines = [line for pair in _pairs(expected, got) for line in _told(expected, got, *pair)]
    if len(lines) > _MOST:
        lines = [*lines[:_MOST], f"… {len(lines) - _MOST} more lines"]
    return "\n".join(lines)


def _equal(expected: Any, got: Got) -> bool:
    return same(expected, got.beside(expected))


def _pairs(expected: Sequence[Any], got: Sequence[Got]) -> Iterator[tuple[int | None, int | None]]:
    """Indexes that belong together, in order: by what is equal, then by name; None has no partner."""
    wanted_names, got_names = [_name(one) for one in expected], [_name(one.payload) for one in got]
    wanted_texts, got_texts = [_canonical(one) for one in expected], [_canonical(one.payload) for one in got]
    outer = SequenceMatcher(None, wanted_texts, got_texts, autojunk=False)
    for tag, start, end, got_start, got_end in outer.get_opcodes():
        if tag == "equal":
            yield from zip(range(start, end), range(got_start, got_end), strict=True)
            continue
        inner = SequenceMatcher(None, wanted_names[start:end], got_names[got_start:got_end], autojunk=False)
        for _, first, last, other, other_last in inner.get_opcodes():
            wanted = list(range(start + first, start + last))
            there = list(range(got_start + other, got_start + other_last))
            both = len(wanted) if len(wanted) == len(there) else 0
            yield from zip(wanted[:both], there[:both], strict=True)
            yield from ((index, None) for index in wanted[both:])
            yield from ((None, index) for index in there[both:])


def _told(
    expected: Sequence[Any], got: Sequence[Got], wanted: int | None, there: int | None
) -> Iterator[str]:
    if wanted is None and there is not None:
        yield f"unexpected payload {there + 1}: {_name(got[there].payload)}"
        yield f"  + {_short(got[there].beside({}))}"
    elif there is None and wanted is not None:
        yield f"missing payload {wanted + 1}: {_name(expected[wanted])}"
        yield f"  - {_short(expected[wanted])}"
    elif wanted is not None and there is not None and not _equal(expected[wanted], got[there]):
        moved = "" if wanted == there else f", which came as number {there + 1}"
        yield f"payload {wanted + 1}, {_name(expected[wanted])}{moved}:"
        yield from (
            f"  {line}" for line in _between("", expected[wanted], got[there].beside(expected[wanted]))
        )


def _between(path: str, expected: Any, got: Any) -> Iterator[str]:
    if same(expected, got):
        return
    if isinstance(expected, dict) and isinstance(got, dict):
        yield from _between_objects(path, expected, got)
    elif path == "event_params" and _is_params(expected) and _is_params(got):
        yield from _between_params(expected, got)
    else:
        yield f"{path}: expected {_short(expected)}, got {_short(got)}"


def _between_objects(path: str, expected: Mapping[str, Any], got: Mapping[str, Any]) -> Iterator[str]:
    for key in (*expected, *(key for key in got if key not in expected)):
        inner = f"{path}.{key}" if path else str(key)
        if key not in got:
            yield f"{inner}: missing, expected {_short(expected[key])}"
        elif key not in expected:
            yield f"{inner}: unexpected {_short(got[key])}"
        else:
            yield from _between(inner, expected[key], got[key])


def _between_params(expected: list[Payload], got: list[Payload]) -> Iterator[str]:
    """By their keys; where all are there, their order."""
    wanted = {str(one["key"]): one["value"] for one in expected}
    there = {str(one["key"]): one["value"] for one in got}
    for key, value in wanted.items():
        if key not in there:
            close = get_close_matches(key, [name for name in there if name not in wanted], n=1)
            hint = f"; there is `{close[0]}`" if close else ""
            yield f"event_params.{key}: missing, expected {_value(value)}{hint}"
        elif not same(value, there[key]):
            yield f"event_params.{key}: expected {_value(value)}, got {_value(there[key])}"
    yield from (f"event_params.{key}: unexpected {_value(there[key])}" for key in there if key not in wanted)
    if list(wanted) != list(there) and wanted.keys() == there.keys():
        yield f"event_params: expected in the order {', '.join(wanted)}; got {', '.join(there)}"
    if len(expected) != len(got) and wanted.keys() == there.keys():
        yield f"event_params: expected {len(expected)} of them, got {len(got)}"


def _is_params(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, dict) and one.keys() == {"key", "value"} for one in value
    )


def _value(value: Any) -> str:
    """``double_value 5``: the kind and what it holds."""
    if isinstance(value, dict) and len(value) == 1:
        kind, held = next(iter(value.items()))
        return f"{kind} {_short(held)}"
    return _short(value)


def _name(payload: Any) -> str:
    if not isinstance(payload, dict):
        return _short(payload)
    if payload.get("event_type") == "identify":
        return "identify"
    return f"{payload.get('event_type', '?')} {payload.get('event_name', '')}".strip()


def _short(value: Any) -> str:
    text = json.dumps(_alike(value), ensure_ascii=False)
    return text if len(text) <= _LONG else f"{text[:_LONG]}… ({len(text)} characters)"


def _canonical(value: Any) -> str:
    """A payload but for what may be left out of a test."""
    plain = _alike(value)
    if isinstance(plain, dict):
        plain = {key: item for key, item in plain.items() if key not in ("event_id", "timestamp")}
    return json.dumps(plain, sort_keys=True)


def _alike(value: Any) -> Any:
    """What is equal looks equal: 1.0 as 1."""
    if isinstance(value, dict):
        return {key: _alike(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_alike(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
