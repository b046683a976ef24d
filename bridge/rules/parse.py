"""Located YAML → ``RuleFile``: the shape of design §5, every fault collected with its place."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import available_timezones

from bridge.config import Secret
from bridge.config_words import nearest
from bridge.located_yaml import KeyPath, Located
from bridge.model import OnError
from bridge.rules.cel.functions.regex import check_pattern
from bridge.rules.cel.functions.table import ArgumentProblem
from bridge.rules.parse_emit import parse_emit
from bridge.rules.reader import Reader
from bridge.rules.rule import ENVELOPES, SCOPE, UNREADABLE, Emit, Expression, From, Rule, RuleFile
from bridge.rules.times import zone_of
from bridge.rules.words import ZONES

_SHARED = ("from", "timezone", "envelope", "destination", "on_error")
FILE_KEYS = (*_SHARED, "maps", "secrets", "rules", "tests")
RULE_KEYS = (*_SHARED, "name", "when", "let", "emit")
_RULE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
CEL_WORDS = (
    *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if"),
    *("import", "let", "loop", "package", "namespace", "return", "var", "void", "while"),
)


def parse_rules(located: Located) -> tuple[RuleFile, Reader]:
    """Read one rule file.

    Returns:
        What could be read, and the reader with all faults in ``errors``.
    """
    reader = Reader(located)
    if problem := _no_rule_file(located.value):
        reader.fault((), *problem)
        return RuleFile(located), reader
    whole = reader.mapping(located.value, (), FILE_KEYS)
    top = _shared(reader, whole, ())
    rules = _rules(reader, whole, top)
    maps = _maps(reader, whole.get("maps", {}))
    secrets = _secrets(reader, whole.get("secrets", {}))
    return RuleFile(located, rules, maps, secrets, top.get("from")), reader


def _no_rule_file(value: Any) -> tuple[str, str] | None:
    """What is wrong with a file as a whole, and the remedy."""
    needed = "a rule file begins with `from: {topics: [...]}` and `rules:`"
    if value is None:
        return "the file says nothing", needed
    if not isinstance(value, dict):
        hint = "put `rules:` above the list" if isinstance(value, list) else needed
        return "a rule file must be a mapping", hint
    if {"apiVersion", "kind"} <= value.keys() and "rules" not in value:
        return "this is an object of Kubernetes, no rule file", "check the files that it holds or mounts"
    return None


def _rules(reader: Reader, whole: dict[str, Any], top: dict[str, Any]) -> tuple[Rule, ...]:
    if "rules" not in whole:
        reader.fault((), "needs a list of `rules`", "such as `rules: [{name: …, emit: […]}]`")
        return ()
    items = reader.sequence(whole["rules"], ("rules",), "begin each rule with a dash: `- name: …`")
    if isinstance(whole["rules"], list) and not items:
        reader.fault(("rules",), "must hold at least one rule", "write one: `- name: …`")
    parsed = [_rule(reader, item, ("rules", index), top) for index, item in enumerate(items)]
    return tuple(rule for rule in parsed if rule is not None)


def _rule(reader: Reader, value: Any, keypath: KeyPath, top: dict[str, Any]) -> Rule | None:
    item = reader.mapping(value, keypath, RULE_KEYS, hint="a rule begins with `- name: …`")
    if not isinstance(value, dict):
        return None
    name = _name(reader, item, keypath)
    own = {**top, **_shared(reader, item, keypath)}
    when = _optional_expression(reader, item, "when", keypath, name)
    lets = _lets(reader, item.get("let", {}), (*keypath, "let"), name)
    emits = _emits(reader, item, keypath, name, frozenset(let for let, _ in lets))
    if "from" not in own:
        reader.fault(keypath, "needs a `from`", "say `from: {topics: [...]}` here or at the top of the file")
        own["from"] = From()
    return Rule(
        name,
        keypath,
        own["from"],
        emits,
        when,
        lets,
        own.get("timezone"),
        own.get("envelope", "auto"),
        own.get("destination", "default"),
        own.get("on_error", OnError.DEAD_LETTER),
    )


def _name(reader: Reader, item: dict[str, Any], keypath: KeyPath) -> str:
    if "name" not in item:
        reader.fault(keypath, "needs a `name`", "unique over all files, such as `name: order-paid`")
        return "?"
    name = reader.text(item["name"], (*keypath, "name"))
    if name is not None and not _RULE_NAME.fullmatch(name):
        simple = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:100]
        hint = f"such as `{simple}`" if simple else ""
        reader.fault((*keypath, "name"), "must be letters, digits, `.`, `_` or `-`, 100 at most", hint)
    return name or "?"


def _optional_expression(
    reader: Reader, item: dict[str, Any], key: str, keypath: KeyPath, where: str
) -> Expression | None:
    if key not in item:
        return None
    if isinstance(item[key], list | dict):
        hint = "write one expression, its parts joined by && and ||"
        reader.fault((*keypath, key), "must be an expression in quotes", hint)
        return None
    return reader.expression(item[key], (*keypath, key), f"{where}.{key}")


def _shared(reader: Reader, item: dict[str, Any], keypath: KeyPath) -> dict[str, Any]:
    """What may stand at the top of a file and in a rule; what is wrong is left out."""
    found: dict[str, Any] = {}
    for key in _SHARED:
        if key in item:
            value = _SHARED_READERS[key](reader, item[key], (*keypath, key))
            if value is not None:
                found[key] = value
    return found


def _from(reader: Reader, value: Any, keypath: KeyPath) -> From:
    item = reader.mapping(value, keypath, ("topics", "queues", "source"), hint="write {topics: [NAME]}")
    topics = _names(reader, item, "topics", keypath)
    queues = _names(reader, item, "queues", keypath)
    source = reader.text(item["source"], (*keypath, "source")) if "source" in item else None
    if isinstance(value, dict) and "topics" not in item and "queues" not in item:
        reader.fault(keypath, "needs `topics` or `queues`", "such as `topics: [shop.orders]`")
    for index, queue in enumerate(queues):
        if queue.startswith("^"):
            problem = "a queue is named in full; only topics may be a regex"
            reader.fault((*keypath, "queues", index), problem, "list each queue")
    return From(topics, queues, source)


def _names(reader: Reader, item: dict[str, Any], key: str, keypath: KeyPath) -> tuple[str, ...]:
    if key not in item:
        return ()
    items = reader.sequence(item[key], (*keypath, key), f"write [{item[key]}]")
    if isinstance(item[key], list) and not items:
        reader.fault((*keypath, key), "must name at least one", "such as [shop.orders]")
    names = [reader.text(name, (*keypath, key, index)) for index, name in enumerate(items)]
    for index, name in enumerate(names):
        _check_pattern(reader, name, (*keypath, key, index))
    return tuple(name for name in names if name is not None)


def _check_pattern(reader: Reader, name: str | None, keypath: KeyPath) -> None:
    if name is not None and name.startswith("^"):
        try:
            check_pattern(name)
        except ArgumentProblem as problem:
            hint = "a name that begins with ^ is a regex; without it, it is the topic's own name"
            reader.fault(keypath, problem.message, problem.hint or hint)


def _timezone(reader: Reader, value: Any, keypath: KeyPath) -> str | None:
    name = reader.text(value, keypath)
    if name is not None and zone_of(name) is None:
        reader.fault(keypath, f"unknown time zone `{name}`", _nearest_zone(name))
        return None
    return name


def _nearest_zone(name: str) -> str:
    if zone := ZONES.get(name.lower()):
        return f"name a place: did you mean `{zone}`?"
    hint = nearest(name, available_timezones())
    return hint if hint.startswith("did") else "a name of the IANA database, such as Asia/Ho_Chi_Minh"


def _envelope(reader: Reader, value: Any, keypath: KeyPath) -> str | None:
    return reader.one_of(value, keypath, ENVELOPES)


def _on_error(reader: Reader, value: Any, keypath: KeyPath) -> OnError | None:
    word = reader.one_of(value, keypath, [choice.value for choice in OnError])
    return OnError(word) if word else None


def _destination(reader: Reader, value: Any, keypath: KeyPath) -> str | None:
    return reader.text(value, keypath)


_SHARED_READERS = {
    "from": _from,
    "timezone": _timezone,
    "envelope": _envelope,
    "destination": _destination,
    "on_error": _on_error,
}


def _lets(reader: Reader, value: Any, keypath: KeyPath, where: str) -> tuple[tuple[str, Expression], ...]:
    lets = []
    for name, text in _let_entries(reader, value, keypath).items():
        path, label = (*keypath, name), f"{where}.let.{name}"
        if isinstance(text, dict):
            reader.fault(path, "a let is an expression alone", "its kind is said where a parameter uses it")
        unread = isinstance(value, list) or isinstance(text, dict)
        expression = None if unread else reader.expression(text, path, label)
        if check_new_name(reader, name, path, key=True):
            # A let that could not be read stays known, so that its uses are no further faults.
            lets.append((name, expression or Expression("null", path, label)))
    return tuple(lets)


def _let_entries(reader: Reader, value: Any, keypath: KeyPath) -> dict[str, Any]:
    """The entries of ``let``; a list of them is a fault, and known all the same, for their uses are none."""
    entries = reader.mapping(value, keypath, hint='`name: "expression"` lines without dashes')
    for item in value if isinstance(value, list) else ():
        entries |= {name: "null" for name in item if isinstance(name, str)} if isinstance(item, dict) else {}
    return entries


def check_new_name(reader: Reader, name: str, keypath: KeyPath, *, key: bool = False) -> bool:
    """May a let or a loop bind ``name``?"""
    if name in SCOPE:
        problem = f"`{name}` is taken: nothing may shadow {', '.join(SCOPE)}"
        reader.fault(keypath, problem, f"such as `{_other_name(name)}`", key=key)
    elif not _IDENTIFIER.fullmatch(name) or name in CEL_WORDS:
        hint = f"use letters, digits and `_`, such as `{_other_name(name)}`"
        reader.fault(keypath, f"`{name}` cannot be a name", hint, key=key)
    else:
        return True
    return False


def _other_name(name: str) -> str:
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")
    return plain if plain.isidentifier() and plain not in (*SCOPE, *CEL_WORDS) else f"my_{plain or 'name'}"


def _emits(
    reader: Reader, item: dict[str, Any], keypath: KeyPath, name: str, lets: frozenset[str]
) -> tuple[Emit, ...]:
    if "emit" not in item:
        reader.fault(keypath, "needs `emit`: what to send", "such as `emit: [{event_type: track, …}]`")
        return ()
    path = (*keypath, "emit")
    dashed = "begin each event with a dash: `- event_type: …`"
    values = reader.sequence(item["emit"], path, dashed)
    if isinstance(item["emit"], list) and not values:
        reader.fault(path, "must hold at least one event", dashed)
    emits = []
    for index, value in enumerate(values):
        emit = parse_emit(reader, value, (*path, index), f"{name}.emit[{index}]")
        if emit is not None and emit.index is not None:
            _check_index(reader, emit.index, (*path, index, "for_each", "index"), lets)
        emits.append(emit)
    return tuple(emit for emit in emits if emit is not None)


def _check_index(reader: Reader, name: str, keypath: KeyPath, lets: frozenset[str]) -> None:
    if check_new_name(reader, name, keypath) and name in lets:
        reader.fault(keypath, f"`{name}` is already a let", "name the index otherwise, such as `n`")


def _maps(reader: Reader, value: Any) -> dict[str, object]:
    maps = reader.mapping(value, ("maps",), hint="write `maps: {region: {VND: domestic}}`")
    for name, entries in maps.items():
        if not isinstance(entries, dict):
            reader.misfit(entries, ("maps", name), "must be a mapping", "such as {VND: domestic, THB: sea}")
    # A map that could not be read stays known, so that its uses are no further faults.
    return {name: entries if isinstance(entries, dict) else {} for name, entries in maps.items()}


def _secrets(reader: Reader, value: Any) -> dict[str, Secret]:
    secrets = {}
    for name, place in reader.mapping(value, ("secrets",), hint="write {NAME: {env: VARIABLE}}").items():
        keypath = ("secrets", name)
        secrets[name] = UNREADABLE
        if not isinstance(place, dict):
            hint = "a secret's text never stands in a file: name where it is found"
            reader.misfit(place, keypath, "a secret is {env: NAME} or {file: PATH}", hint)
            continue
        known = len(reader.errors)
        item = reader.mapping(place, keypath, ("env", "file"))
        texts = {key: text for key, text in item.items() if isinstance(text, str) and text}
        if len(texts) == len(item) == 1:
            secrets[name] = Secret.model_validate(texts)
        elif len(reader.errors) == known:
            reader.fault(keypath, "a secret is {env: NAME} or {file: PATH}", "one of the two, and text")
    return secrets
