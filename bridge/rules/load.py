"""Rule files → ``RuleSet``; every fault of every file is told at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from bridge.config import Config, Destination, Limits, Secret
from bridge.config_file import dead_letter_conflict
from bridge.config_words import nearest
from bridge.errors import ConfigError, ConfigErrors, RuleFileError
from bridge.located_yaml import read_yaml
from bridge.rules.compile import compile_file
from bridge.rules.parse import parse_rules
from bridge.rules.reader import Reader
from bridge.rules.rule import Rule, RuleFile
from bridge.rules.ruleset import CompiledRule, RuleSet, matches
from bridge.secrets import read_secret

ReadSecret = Callable[[Secret], str]
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

    rules = compile_files(files, config.destinations, config.limits, read)
    if problems := unfit(rules, config):
        raise ConfigErrors(problems)
    return rules


def compile_files(
    files: Sequence[Path],
    destinations: Mapping[str, Destination] | None,
    limits: Limits,
    secret_of: ReadSecret,
) -> RuleSet:
    """Read and compile rule files.

    Args:
        files: in order; rules apply in this order.
        destinations: what rules may name; None where the configuration is not known.
        limits: bounds on expressions, events and payloads.
        secret_of: reads a secret; raises ``ConfigError``.

    Raises:
        ConfigErrors: all that is wrong.
    """
    compiled: list[CompiledRule] = []
    errors: list[ConfigError] = []
    parsed: list[RuleFile] = []
    seen: dict[str, str] = {}
    for path in files:
        try:
            file, reader = parse_rules(read_yaml(path))
        except ConfigError as error:
            errors.append(_as_rule_file_error(error))
            continue
        _check_names(file, reader, seen)
        _check_destinations(file, reader, destinations)
        compiled += compile_file(file, reader, destinations or {}, limits, secret_of)
        parsed.append(file)
        errors += sorted(reader.errors, key=lambda error: (error.line, error.column))
    if errors:
        raise ConfigErrors(errors)
    return RuleSet(compiled, digest_of(parsed))


def digest_of(files: Sequence[RuleFile]) -> str:
    """A hash of what the files mean: neither comments and layout nor tests change it."""
    values = [{key: value for key, value in file.located.value.items() if key != "tests"} for file in files]
    return hashlib.sha256(msgspec.json.encode(values)).hexdigest()[:_HASH_CHARACTERS]


def unfit(rules: RuleSet, config: Config) -> list[ConfigError]:
    """What rules and sources say against each other."""
    names = [source.name for source in config.sources]
    problems: list[ConfigError] = [
        ConfigError(
            f"rule {one.rule.name} reads from an unknown source `{one.rule.reads.source}`",
            hint=nearest(one.rule.reads.source, names),
        )
        for one in rules.rules
        if one.rule.reads.source is not None and one.rule.reads.source not in names
    ]
    for index, source in enumerate(config.sources):
        queue = source.streams_key == "queues"
        for name in source.stream_names():
            if source.unmatched == "error" and not _has_rule(rules, source.name, name, queue=queue):
                problem = f"no rule names {name!r}"
                hint = "write one, or say `unmatched: filter`"
                problems.append(ConfigError(problem, where=f"sources[{index}]", hint=hint))
        if source.streams_key and not source.stream_names():
            read = rules.stream_names(source.name, "queues" if queue else "topics")
            if conflict := dead_letter_conflict(config.dead_letters, source, read):
                problems.append(ConfigError(conflict, where=f"sources[{index}]"))
    return problems


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
        reader.fault(_destination_path(file, rule), f"no destination `{rule.destination}`", hint)


def _destination_path(file: RuleFile, rule: Rule) -> tuple[str | int, ...]:
    own = (*rule.keypath, "destination")
    item = file.located.value["rules"][rule.keypath[-1]]
    if "destination" in item:
        return own
    return ("destination",) if "destination" in file.located.value else rule.keypath


def _as_rule_file_error(error: ConfigError) -> RuleFileError:
    return RuleFileError(
        error.problem,
        path=error.path,
        line=error.line,
        column=error.column,
        where=error.where,
        hint=error.hint,
    )
