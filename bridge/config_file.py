"""Reads ``config/bridge.yaml`` into ``Config``: all problems at once, each with its line, none with a value.

The only reader of the environment's references (``${VAR}``). Whatever the rules say is not known here:
``dead_letter_conflict`` and ``nearest`` serve those who know it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from glob import glob
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from bridge.config import Config, DeadLetters, Secret, SourceSettings
from bridge.config_words import Finding, findings, nearest
from bridge.errors import ConfigError, ConfigErrors
from bridge.located_yaml import KeyPath, Located, key_path_text, read_yaml
from bridge.yaml_references import Substitution

SourceSettingsOf = Callable[[str], type[SourceSettings]]
_Model = TypeVar("_Model", bound=BaseModel)

_USER_INFO = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#\s]*@", re.IGNORECASE)
_CASES = ".cases.yaml"


def load_config(path: Path, *, environ: Mapping[str, str], source_settings: SourceSettingsOf) -> Config:
    """Read, substitute and judge a whole configuration; relative paths become paths beside the file.

    Args:
        path: the config file, as the user named it.
        environ: where ``${VAR}`` looks.
        source_settings: source type → its settings class; raises ``ConfigError`` for an unknown type.

    Raises:
        ConfigErrors: one or more problems, in the order of the file.
        ConfigError: the file is missing or no YAML, so nothing more can be said.
    """
    if not path.exists():
        raise ConfigError("no such configuration file", path=str(path), hint="name one with --config FILE")
    located = read_yaml(path)
    substitution = Substitution(located, environ)
    reader = _Reader(substitution.run(), source_settings, path.parent.absolute())
    config = reader.config()
    errors = [_error(located, found, substitution.used) for found in reader.findings]
    errors = _ordered([*substitution.errors, *_without_echo(errors, substitution.errors)])
    if errors or config is None:
        raise ConfigErrors(errors)
    return config


def rule_files(config: Config) -> list[Path]:
    """The rule files that the globs of ``rules`` name, each once, sorted within its glob.

    Raises:
        ConfigError: a glob that matches nothing (any more).
    """
    files: dict[Path, None] = {}
    for index, pattern in enumerate(config.rules):
        found = expand_glob(config.base, pattern)
        if not found:
            raise ConfigError(_no_match(pattern, config.base), where=f"rules[{index}]")
        files.update(dict.fromkeys(found))
    return list(files)


def expand_glob(base: Path, pattern: str) -> list[Path]:
    """Files that ``pattern`` matches relative to ``base``; ``X.cases.yaml`` files are no rule files."""
    names = sorted(glob(pattern, root_dir=base, recursive=True))  # noqa: PTH207 - absolute patterns are allowed
    return [base / name for name in names if not name.endswith(_CASES) and (base / name).is_file()]


def secrets_of(config: Config) -> list[tuple[str, Secret]]:
    """Every secret of the configuration with its key path, for ``check`` (warns) and ``run`` (refuses)."""
    return [(key_path_text(keypath), secret) for keypath, secret in _secrets_in(config, ())]


def dead_letter_conflict(dead_letters: DeadLetters, source: SourceSettings, names: Collection[str]) -> str:
    """Why a source that reads ``names`` must not: the dead letters would come back as records.

    Args:
        dead_letters: where letters go.
        source: who reads.
        names: the topics or queues it reads, its own or those that rules name; regexes are skipped,
            because a regex that matches the target excludes it.

    Returns:
        One line, or empty when all is well.
    """
    target = dead_letters.topic or dead_letters.queue
    if dead_letters.type != source.type or target not in names or not _may_share(dead_letters, source):
        return ""
    return f"source {source.name} reads the dead letters' own {'topic' if dead_letters.topic else 'queue'}"


class _Reader:
    """Judges one parsed document; what it finds is in ``findings``."""

    def __init__(self, data: Any, source_settings: SourceSettingsOf, base: Path) -> None:
        self._data = data
        self._source_settings = source_settings
        self._base = base
        self.findings: list[Finding] = []

    def config(self) -> Config | None:
        """The configuration, or None when something was found."""
        if not isinstance(self._data, dict):
            self._find((), "must be a mapping with `sources`, `destinations`, `dead_letters`, `rules`")
            return None
        self._refuse_user_info(self._data, ())
        sources = self._sources(self._data.get("sources"))
        whole = self._whole(sources)
        self._judge_sources(sources)
        if whole is not None:
            self._judge(whole, sources)
        return whole if whole is not None and not self.findings else None

    def _find(self, keypath: KeyPath, problem: str, hint: str = "", *, is_key: bool = False) -> None:
        self.findings.append(Finding(keypath, problem, hint, is_key))

    def _refuse_user_info(self, value: Any, keypath: KeyPath) -> None:
        if isinstance(value, dict | list):
            for step, item in value.items() if isinstance(value, dict) else enumerate(value):
                self._refuse_user_info(item, (*keypath, step))
        elif isinstance(value, str) and _USER_INFO.match(value.strip()):
            hint = "give the password as {env: NAME} or {file: PATH}, or the whole URL where that is allowed"
            self._find(keypath, "a URL here may not hold a user name or password", hint)

    def _sources(self, items: Any) -> dict[int, SourceSettings]:
        sources: dict[int, SourceSettings] = {}
        for index, item in enumerate(items if isinstance(items, list) else []):
            settings = self._source(item, ("sources", index))
            if settings is not None:
                sources[index] = settings
        return sources

    def _source(self, item: Any, keypath: KeyPath) -> SourceSettings | None:
        kind = item.get("type") if isinstance(item, dict) else None
        if not isinstance(kind, str):
            problem = "must be text" if isinstance(item, dict) and "type" in item else "needs a `type`"
            self._find((*keypath, "type"), problem, "such as kafka, rabbitmq or file")
            return None
        try:
            model = self._source_settings(kind)
        except ConfigError as error:
            self._find((*keypath, "type"), error.problem, error.hint)
            return None
        return self._validated(model, item, keypath)

    def _validated(self, model: type[_Model], data: Any, keypath: KeyPath) -> _Model | None:
        try:
            return absolute_paths(model.model_validate(data), self._base)
        except ValidationError as error:
            found = findings(error, model, data)
            self.findings += [finding._replace(keypath=(*keypath, *finding.keypath)) for finding in found]
            return None

    def _whole(self, sources: dict[int, SourceSettings]) -> Config | None:
        """Everything but the sources, which were judged one by one."""
        data = dict(self._data)
        if isinstance(data.get("sources"), list) and data["sources"]:
            data["sources"] = tuple(sources.values()) or (_STAND_IN,)
        if "base" in data:
            self._find(("base",), "unknown key", is_key=True)
        return self._validated(Config, {**data, "base": self._base}, ())

    def _judge_sources(self, sources: dict[int, SourceSettings]) -> None:
        names: set[str] = set()
        for index, source in sources.items():
            if source.name in names:
                self._find(("sources", index, "name"), "another source has this name", "names are unique")
            names.add(source.name)

    def _judge(self, config: Config, sources: dict[int, SourceSettings]) -> None:
        for index, pattern in enumerate(config.rules):
            if not expand_glob(self._base, pattern):
                self._find(("rules", index), _no_match(pattern, self._base))
        for index, source in sources.items():
            if problem := dead_letter_conflict(config.dead_letters, source, source.stream_names()):
                self._find(("sources", index), problem, "send dead letters elsewhere")
            if config.schema_registry is None:
                self._judge_decode(source, ("sources", index))
        if len(sources) == len(self._data["sources"]):
            self._judge_dead_letters(config.dead_letters, sources)

    def _judge_decode(self, source: SourceSettings, keypath: KeyPath) -> None:
        """Without a registry no body can be read that was written with a schema."""
        named: dict[KeyPath, str] = {("decode",): source.decode}
        named |= {("topic_decode", topic): kind for topic, kind in source.topic_decode.items()}
        for below, kind in named.items():
            if kind not in ("json", "text"):
                problem = f"`{kind}` needs a schema registry"
                self._find((*keypath, *below), problem, "add `schema_registry: {url: …}` at the top")

    def _judge_dead_letters(self, letters: DeadLetters, sources: dict[int, SourceSettings]) -> None:
        of_type = [source.name for source in sources.values() if source.type == letters.type]
        own = letters.brokers or letters.url
        if letters.source is not None and letters.source not in of_type:
            hint = nearest(letters.source, of_type)
            self._find(("dead_letters", "source"), f"no {letters.type} source of this name", hint)
        elif letters.source is None and not own and letters.type != "file" and len(of_type) != 1:
            key = "brokers" if letters.type == "kafka" else "url"
            many = "several sources" if of_type else "no source"
            hint = f"say `source: NAME` or `{key}: …`"
            self._find(("dead_letters",), f"{many} of type {letters.type} to take the connection from", hint)


_STAND_IN = SourceSettings(name="stand-in", type="none")


def _no_match(pattern: str, base: Path) -> str:
    return f"{pattern!r} matches no rule file (looked from {base}; *{_CASES} files do not count)"


def _may_share(letters: DeadLetters, source: SourceSettings) -> bool:
    """Whether both may mean the same broker; when in doubt they do."""
    if letters.source is not None:
        return letters.source == source.name
    theirs = getattr(source, "brokers" if letters.type == "kafka" else "url", None)
    ours = letters.brokers or letters.url
    if not isinstance(ours, str) or not isinstance(theirs, str):
        return True
    return bool(_hosts(ours) & _hosts(theirs))


def _hosts(brokers: str) -> set[str]:
    return {broker.strip().rstrip("/").lower() for broker in brokers.split(",")}


def absolute_paths(settings: _Model, base: Path) -> _Model:
    """The same settings with every relative ``Path`` resolved against ``base`` (``-`` stays)."""
    changed = {
        name: new
        for name in type(settings).model_fields
        if (new := _absolute(old := getattr(settings, name), base)) is not old
    }
    return settings.model_copy(update=changed) if changed else settings


def _absolute(value: Any, base: Path) -> Any:
    if isinstance(value, Path):
        return value if value.is_absolute() or str(value) == "-" else base / value
    if isinstance(value, BaseModel):
        return absolute_paths(value, base)
    if isinstance(value, dict):
        return {key: _absolute(item, base) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_absolute(item, base) for item in value)
    return value


def _secrets_in(value: Any, keypath: KeyPath) -> Iterator[tuple[KeyPath, Secret]]:
    if isinstance(value, Secret):
        yield keypath, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets_in(getattr(value, name), (*keypath, name))
    elif isinstance(value, dict | tuple | list):
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _secrets_in(item, (*keypath, step))


def _error(located: Located, finding: Finding, used: Mapping[str, str]) -> ConfigError:
    problem = finding.problem
    for name, value in used.items():
        if len(value) > 3:  # noqa: PLR2004 - a shorter one would cut words to pieces
            problem = problem.replace(value, f"${{{name}}}")
    return located.error(finding.keypath, problem, hint=finding.hint, key=finding.is_key)


def _without_echo(errors: list[ConfigError], earlier: list[ConfigError]) -> list[ConfigError]:
    """A value that could not be substituted is wrong once, not twice."""
    told = {error.where for error in earlier}
    return [error for error in errors if error.where not in told]


def _ordered(errors: list[ConfigError]) -> list[ConfigError]:
    return sorted(errors, key=lambda error: (error.line, error.column))
