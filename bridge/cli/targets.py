"""What a command was pointed at: configurations with their rules, or rule files alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge import consumers
from bridge.config import Config, Limits, Secret, SourceSettings
from bridge.config_file import load_config, rule_files
from bridge.errors import ConfigError, UsageError
from bridge.located_yaml import read_yaml
from bridge.rules.load import ReadYaml
from bridge.secrets import read_secret

DEFAULT_CONFIG = Path("config/bridge.yaml")
_CASES = ".cases.yaml"
_CONFIG_KEYS = frozenset({"sources", "destinations", "dead_letters", "limits", "admin", "log"})


@dataclass(frozen=True, slots=True)
class Target:
    """Rule files, and the configuration they belong to if it is known."""

    files: tuple[Path, ...]
    config: Config | None = None

    @property
    def limits(self) -> Limits:
        """Of the configuration, or the defaults."""
        return self.config.limits if self.config is not None else Limits()

    def secret(self, secret: Secret, environ: Mapping[str, str], *, in_header: bool = False) -> str:
        """The value of a secret; ``in_header`` as ``read_secret`` has it.

        Raises:
            ConfigError: it cannot be read.
        """
        base = self.config.base if self.config is not None else Path()
        return read_secret(secret, base=base, environ=environ, in_header=in_header)


def chosen(
    paths: Sequence[Path], config: Path | None, read: ReadYaml = read_yaml
) -> tuple[list[Path], list[Path]]:
    """Sort what was named into configurations and rule files; nothing named means the default config.

    Raises:
        UsageError: a file that does not exist, or a folder without one.
        ConfigError: a file that is no YAML at all.
    """
    given = [*([config] if config else []), *paths] or [DEFAULT_CONFIG]
    named = [file for path in given for file in _files_of(path)]
    configs: list[Path] = []
    files: list[Path] = []
    for path in named:
        if path.name.endswith(_CASES):
            files.append(path.with_name(path.name.removesuffix(_CASES) + ".yaml"))
        elif path == config or is_config(path, read):
            configs.append(path)
        else:
            files.append(path)
    return configs, list(dict.fromkeys(files))


def besides(files: Sequence[Path], taken: Iterable[Path]) -> tuple[Path, ...]:
    """The rule files that no configuration among the targets has brought in already."""
    known = {file.resolve() for file in taken}
    return tuple(file for file in files if file.resolve() not in known)


def _files_of(path: Path) -> list[Path]:
    """The file itself, or the YAML files of a folder, but not of those in it."""
    if path.is_dir():
        found = sorted(one for one in path.iterdir() if one.suffix in (".yaml", ".yml") and one.is_file())
        if not found:
            raise UsageError(f"no YAML file in the folder {path}")
        return found
    if not path.is_file():
        pattern = " (no file matches the pattern)" if set("*?[") & set(str(path)) else ""
        raise UsageError(f"no such file: {path}{pattern}")
    return [path]


def is_config(path: Path, read: ReadYaml = read_yaml) -> bool:
    """A configuration has sources, destinations and the like; a rule file has none of them."""
    try:
        value = read(path).value
    except ConfigError:
        return path.name == DEFAULT_CONFIG.name
    return isinstance(value, dict) and not _CONFIG_KEYS.isdisjoint(value)


def settings_of(kind: str) -> type[SourceSettings]:
    """The settings class of a source type.

    Raises:
        ConfigError: no such type.
    """
    settings: type[SourceSettings] = consumers.load(kind).Settings
    return settings


def config_target(path: Path) -> Target:
    """A configuration and the rule files it names.

    Raises:
        ConfigError: what is wrong with the configuration.
    """
    config = load_config(path, environ=os.environ, source_settings=settings_of)
    return Target(tuple(rule_files(config)), config)
