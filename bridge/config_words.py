"""pydantic's findings → what a person can act on, in plain words. Pure; no value is ever repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from bridge.located_yaml import KeyPath

_Step = str | int


class Finding(NamedTuple):
    """One problem; ``is_key`` says that the key is wrong, not its value."""

    keypath: KeyPath
    problem: str
    hint: str = ""
    is_key: bool = False


def nearest(name: str, known: Iterable[str]) -> str:
    """``did you mean `x`?`` or, with nothing near, the known names; empty when there are none."""
    names = sorted(set(known))
    close = get_close_matches(name, names, n=1, cutoff=0.6) or get_close_matches(
        name.lower(), [known_name for known_name in names if known_name.lower() == name.lower()], n=1
    )
    if close:
        return f"did you mean `{close[0]}`?"
    return f"known: {', '.join(names)}" if names else ""


def findings(error: ValidationError, model: type[BaseModel], data: Any) -> list[Finding]:
    """All that pydantic found, one finding per key path.

    Args:
        error: raised by ``model.model_validate(data)``.
        model: the model, to name keys that are near a wrong one.
        data: what was validated, to tell key paths from pydantic's names of union members.
    """
    grouped: dict[KeyPath, list[Finding]] = {}
    for detail in error.errors(include_url=False, include_input=False):
        finding = _finding(detail, model, data)
        grouped.setdefault(finding.keypath, []).append(finding)
    return [_merged(group) for group in _without_wrong_members(grouped).values()]


def _without_wrong_members(grouped: dict[KeyPath, list[Finding]]) -> dict[KeyPath, list[Finding]]:
    """Where a member of a union failed inside, the complaints about the other members' types go."""
    inner = {path[:depth] for path in grouped for depth in range(len(path))}
    kept: dict[KeyPath, list[Finding]] = {}
    for path, group in grouped.items():
        rest = [found for found in group if not (path in inner and found.problem.startswith("must be "))]
        if rest:
            kept[path] = rest
    return kept


def _merged(group: list[Finding]) -> Finding:
    """The members of a union each say what they want: join them."""
    problems = list(dict.fromkeys(finding.problem for finding in group))
    if all(problem.startswith("must be ") for problem in problems):
        return group[0]._replace(problem=" or ".join([problems[0], *(p[8:] for p in problems[1:])]))
    return group[0]


def _finding(detail: Mapping[str, Any], model: type[BaseModel], data: Any) -> Finding:
    kind, context = detail["type"], detail.get("ctx", {})
    keypath = _keypath(detail["loc"], data, last_is_key=kind in ("missing", "extra_forbidden"))
    if kind == "missing":
        return Finding(keypath, "this key is required", "add it")
    if kind == "extra_forbidden":
        return Finding(keypath, "unknown key", nearest(str(keypath[-1]), _keys_at(model, keypath[:-1])), True)
    words = _WORDS.get(kind)
    return Finding(keypath, words(context) if words else str(detail["msg"]).lower())


def _keypath(loc: tuple[_Step, ...], data: Any, *, last_is_key: bool) -> KeyPath:
    """Drop the steps that are in no file: union members, validators, ``[key]``."""
    steps: list[_Step] = []
    for index, step in enumerate(loc):
        if _has(data, step):
            steps.append(step)
            data = data[step]
        elif last_is_key and index == len(loc) - 1:
            steps.append(step)
    return tuple(steps)


def _has(data: Any, step: _Step) -> bool:
    if isinstance(data, dict):
        return step in data
    return isinstance(data, list | tuple) and isinstance(step, int) and 0 <= step < len(data)


def _keys_at(model: type[BaseModel], keypath: KeyPath) -> list[str]:
    """The keys that the model(s) at ``keypath`` know."""
    kinds: list[Any] = [model]
    for step in keypath:
        kinds = [below for kind in kinds for below in _below(kind, step)]
    models = [member for kind in kinds for member in _members(kind) if _is_model(member)]
    return [name for member in models for name in member.model_fields]


def _below(annotation: Any, step: _Step) -> Iterator[Any]:
    """The annotations one step down: of a model's field, a dict's values, a list's items."""
    for member in _members(annotation):
        if _is_model(member):
            if step in member.model_fields:
                yield member.model_fields[step].annotation
        elif issubclass(get_origin(member) or object, Mapping):
            yield get_args(member)[1]
        elif issubclass(get_origin(member) or object, Iterable):
            yield get_args(member)[0]


def _members(annotation: Any) -> Iterator[Any]:
    """The members of a union, without what ``Annotated`` adds."""
    if get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _members(member)
    elif get_origin(annotation) is Annotated:
        yield from _members(get_args(annotation)[0])
    else:
        yield annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _too_short(context: Mapping[str, Any]) -> str:
    return f"is empty or too short: at least {context['min_length']} is needed"


def _one_of(context: Mapping[str, Any]) -> str:
    return f"must be {context['expected']}".replace("'", "`")


def _mapping_wanted(context: Mapping[str, Any]) -> str:
    if context.get("class_name") == "Secret":
        return "must be a secret's place: {env: NAME} or {file: PATH}"
    return "must be a mapping (key: value)"


_WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "string_type": lambda _: "must be text (put it in quotes)",
    "string_pattern_mismatch": lambda context: f"must match {context['pattern']}",
    "string_too_short": _too_short,
    "too_short": _too_short,
    "too_long": lambda context: f"may have at most {context['max_length']}",
    "int_type": lambda _: "must be a whole number",
    "int_parsing": lambda _: "must be a whole number",
    "int_from_float": lambda _: "must be a whole number",
    "float_type": lambda _: "must be a number",
    "float_parsing": lambda _: "must be a number",
    "finite_number": lambda _: "must be a finite number",
    "bool_type": lambda _: "must be true or false",
    "bool_parsing": lambda _: "must be true or false",
    "path_type": lambda _: "must be a path",
    "literal_error": _one_of,
    "enum": _one_of,
    "union_tag_invalid": lambda context: f"must be {context['expected_tags']}",
    "tuple_type": lambda _: "must be a list",
    "list_type": lambda _: "must be a list",
    "set_type": lambda _: "must be a list",
    "frozen_set_type": lambda _: "must be a list",
    "dict_type": lambda _: "must be a mapping (key: value)",
    "model_type": _mapping_wanted,
    "model_attributes_type": lambda _: "must be a mapping (key: value)",
    "greater_than": lambda context: f"must be more than {context['gt']}",
    "greater_than_equal": lambda context: f"must be at least {context['ge']}",
    "less_than": lambda context: f"must be less than {context['lt']}",
    "less_than_equal": lambda context: f"must be at most {context['le']}",
    "value_error": lambda context: str(context["error"]),
}
