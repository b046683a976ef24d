"""Rule files → ``RuleSet``; every fault of every file is told at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from bridge.config import Config, Destination, Limits, Secret
from bridge.config_file import dead_letter_conflict
from bridge.config_words import Finding, nearest
from bridge.errors import ConfigError, ConfigErrors, RuleFileError
from bridge.located_yaml import KeyPath, Located, key_path_text, read_yaml
from bridge.rules.cases import parse_cases
from bridge.rules.compile import compile_file
from bridge.rules.parse import parse_rules
from bridge.rules.reader import Reader
from bridge.rules.rule import UNREADABLE, Rule, RuleFile
from bridge.rules.ruleset import CompiledRule, RuleSet, matches
from bridge.secrets import read_secret

ReadSecret = Callable[[Secret], str]
ReadYaml = Callable[[Path], Located]
_HASH_CHARACTERS = 16


def load_rules(files: Sequence[Path], config: Config, *, environ: Mapping[str, str]) -> RuleSet:
    """The rules of a configuration, ready to run.

    Args:
        files: the rule files, in order.
        config: destinations, limits and sources that the rules must fit.
        environ: where ``secrets`` of the files are read.

    Raises:
        ConfigErrors: all that is wrong, with file, line and column.
    """

    def read(secret: Secret) -> str:
        return read_secret(secret, base=config.base, environ=environ)

    sources = [source.name for source in config.sources]
    rules = compile_files(files, config.destinations, config.limits, read, sources=sources)
    if found := unfit(rules, config):
        raise ConfigErrors(
            [ConfigError(one.problem, where=key_path_text(one.keypath), hint=one.hint) for one in found]
        )
    return rules


def compile_files(
    files: Sequence[Path],
    destinations: Mapping[str, Destination] | None,
    limits: Limits,
    secret_of: ReadSecret,
    *,
    sources: Collection[str] | None = None,
    read: ReadYaml = read_yaml,
) -> RuleSet:
    """Read and compile rule files.

    Args:
        files: in order; rules apply in this order.
        destinations: what rules may name; None where the configuration is not known.
        limits: bounds on expressions, events and payloads.
        secret_of: reads a secret; raises ``ConfigError``.
        sources: what ``from.source`` may name; None where the configuration is not known.
        read: parses a file; a command that reads each file several times passes one that remembers.

    Raises:
        ConfigErrors: all that is wrong.
    """
    compiled: list[CompiledRule] = []
    errors: list[ConfigError] = []
    parsed: list[RuleFile] = []
    seen: dict[str, str] = {}
    for path in files:
        try:
            file, reader = parse_rules(read(path))
        except ConfigError as error:
            errors.append(_as_rule_file_error(error))
            continue
        _check_names(file, reader, seen)
        _check_destinations(file, reader, destinations)
        _check_sources(file, reader, sources)
        parse_cases(reader, [rule.name for rule in file.rules])
        compiled += compile_file(file, reader, destinations or {}, limits, partial(_value, secret_of))
        parsed.append(file)
        errors += sorted(reader.errors, key=lambda error: (error.line, error.column))
    if errors:
        raise ConfigErrors(errors)
    return RuleSet(compiled, digest_of(parsed))


def _value(secret_of: ReadSecret, secret: Secret) -> str:
    return "" if secret is UNREADABLE else secret_of(secret)


def digest_of(files: Sequence[RuleFile]) -> str:
    """A hash of what the files mean: neither comments and layout nor tests change it."""
    values = [{key: value for key, value in file.located.value.items() if key != "tests"} for file in files]
    return hashlib.sha256(msgspec.json.encode(_with_text_keys(values))).hexdigest()[:_HASH_CHARACTERS]


def _with_text_keys(value: Any) -> Any:
    """Keys of maps may be true or 1 too, which JSON has not; text keys stay as they are."""
    if isinstance(value, dict):
        return {
            key if isinstance(key, str) else f"{key!r}:{type(key).__name__}": _with_text_keys(item)
            for key, item in value.items()
        }
    return [_with_text_keys(item) for item in value] if isinstance(value, list) else value


def unfit(rules: RuleSet, config: Config) -> list[Finding]:
    """What the sources of a configuration and its rules say against each other, by key path of the config."""
    found: list[Finding] = []
    for index, source in enumerate(config.sources):
        queue = source.streams_key == "queues"
        names = source.stream_names()
        for number, name in enumerate(names):
            if source.unmatched == "error" and not _has_rule(rules, source.name, name, queue=queue):
                keypath = ("sources", index, source.streams_key, number)
                hint = "write one, or say `unmatched: filter`"
                found.append(Finding(keypath, f"no rule names the {source.streams_key[:-1]} `{name}`", hint))
        if source.streams_key and not names:
            read = rules.stream_names(source.name, "queues" if queue else "topics")
            if conflict := dead_letter_conflict(config.dead_letters, source, read):
                found.append(Finding(("sources", index), conflict, "send dead letters elsewhere"))
    return found


def _has_rule(rules: RuleSet, source: str, name: str, *, queue: bool) -> bool:
    """A topic regex of a source cannot be judged before its topics are known."""
    if name.startswith("^"):
        return True
    return any(matches(one.rule.reads, source, name, queue=queue) for one in rules.rules)


def _check_names(file: RuleFile, reader: Reader, seen: dict[str, str]) -> None:
    for rule in file.rules:
        if rule.name in seen and rule.name != "?":
            keypath = (*rule.keypath, "name")
            reader.fault(keypath, f"another rule is called `{rule.name}`", f"in {seen[rule.name]}")
        seen.setdefault(rule.name, file.located.name)


def _check_destinations(
    file: RuleFile, reader: Reader, destinations: Mapping[str, Destination] | None
) -> None:
    if destinations is None:
        return
    told: set[str] = set()
    for rule in file.rules:
        if rule.destination in destinations or rule.destination in told:
            continue
        told.add(rule.destination)
        hint = nearest(rule.destination, destinations)
        reader.fault(_said_at(file, rule, "destination"), f"no destination `{rule.destination}`", hint)


def _check_sources(file: RuleFile, reader: Reader, sources: Collection[str] | None) -> None:
    told: set[str] = set()
    for rule in file.rules:
        name = rule.reads.source
        if sources is None or name is None or name in sources or name in told:
            continue
        told.add(name)
        keypath = (*_said_at(file, rule, "from"), "source")
        reader.fault(keypath, f"no source `{name}`", nearest(name, sources))


def _said_at(file: RuleFile, rule: Rule, key: str) -> KeyPath:
    """Where the rule's ``key`` is said: in the rule, at the top of the file, or not at all."""
    item = file.located.value["rules"][rule.keypath[-1]]
    if key in item:
        return (*rule.keypath, key)
    return (key,) if key in file.located.value else rule.keypath


def _as_rule_file_error(error: ConfigError) -> RuleFileError:
    return RuleFileError(
        error.problem,
        path=error.path,
        line=error.line,
        column=error.column,
        where=error.where,
        hint=error.hint,
    )
