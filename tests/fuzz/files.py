"""Targets of what an operator writes: bridge.yaml, rule files, any YAML."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any

from bridge import consumers
from bridge.config import Limits
from bridge.config_file import load_config, secrets_of
from bridge.errors import ConfigError, ConfigErrors
from bridge.located_yaml import KeyPath, parse_yaml
from bridge.rules import compile_files
from tests.fuzz.harness import MARK, Target, check, told_openly

_FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
_CONFIG, _RULES, _NO_RULES = _FOLDER / "bridge.yaml", _FOLDER / "fuzzed.yaml", _FOLDER / "rules"
_SECRET = f"{MARK}-in-the-environment"
_ENVIRON = {"SECRET": _SECRET, "HOST": "h:9092"}
_MOST_ERRORS = 2000


def _config(data: bytes) -> None:
    """Any bytes as bridge.yaml: a configuration, or errors that tell no value of the environment."""
    _NO_RULES.mkdir(exist_ok=True)
    (_NO_RULES / "r.yaml").touch()
    _CONFIG.write_bytes(data)
    try:
        config = load_config(
            _CONFIG, environ=_ENVIRON, source_settings=lambda kind: consumers.load(kind).Settings
        )
    except ConfigError as error:
        _told_of(error, len(data))
    else:
        check(_SECRET not in str(secrets_of(config)), "a secret holds its value")


def _told_of(error: ConfigError, size: int) -> None:
    """Each with a place within the file, each one line, without any secret."""
    errors = error.errors if isinstance(error, ConfigErrors) else (error,)
    check(0 < len(errors) <= _MOST_ERRORS, f"{len(errors)} errors")
    for one in errors:
        told_openly(one)
        check("\n" not in str(one), f"an error of several lines: {str(one)[:200]!r}")
        check(_SECRET not in str(one), f"an error tells a secret: {str(one)[:300]!r}")
        check(0 <= one.line <= size + 1, "a line outside of the file")


def _rules(data: bytes) -> None:
    """Any bytes as a rule file: rules, or errors with their places; the rules may be quoted, of course."""
    _RULES.write_bytes(data)
    try:
        compile_files([_RULES], None, Limits(), lambda secret: _SECRET)
    except ConfigError as error:
        _told_of(error, len(data))


def _yaml(data: bytes) -> None:
    """Any text: data whose every value has a place in it, or an error with one."""
    text = data.decode(errors="replace")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + text.count("\x85") + 2
    lines += text.count("\u2028") + text.count("\u2029")
    try:
        located = parse_yaml(text, "f.yaml")
    except ConfigError as error:
        told_openly(error)
        check(1 <= error.line <= lines and error.column >= 1, f"place {error.line}:{error.column}")
        return
    for keypath in _keypaths(located.value):
        line, column = located.at(keypath)
        check(1 <= line <= lines and column >= 1, f"{keypath} at {line}:{column}")
        line, column = located.scalar_position(keypath, 3)
        check(1 <= line <= lines and column >= 1, f"inside {keypath} at {line}:{column}")


def _keypaths(value: Any, here: KeyPath = (), depth: int = 0) -> list[KeyPath]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [here]
    for key, item in list(items)[:50] if depth < 8 else ():
        found += _keypaths(item, (*here, key), depth + 1)
    return found


_YAML = (
    b"- ",
    b": ",
    b"\n  ",
    b"|\n",
    b">-\n",
    b"&a ",
    b"*a",
    b"'",
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b"#",
    b"!!str ",
)
_MORE_YAML = (
    b"%YAML 1.2\n---\n",
    b"? ",
    b"<<: *a",
    b"\xef\xbb\xbf",
    b"\t",
    b"\r\n",
    b"\xe2\x80\xa8",
    b"0o7",
    b"\\u0000",
)
_CONFIG_WORDS = (
    b"${SECRET}",
    b"${HOST:-x}",
    b"${",
    b"$${SECRET}",
    b"{env: SECRET}",
    b"{file: /hunter2}",
    b"type: kafka",
)
_MORE_CONFIG = (
    *(
        b"type: rabbitmq",
        b"url: amqp://u:${SECRET}@h",
        b"limits: {",
        b"batch: {max_events: ",
        b"9999999999h",
        b"sources:",
    ),
    *(
        b"topics: [^(",
        b"decode: avro",
        b"topic_decode: {${SECRET}: ${SECRET}}",
        b"client: {",
        b"null",
        b"1e999",
        b"-1",
    ),
)
_RULE_WORDS = (
    b"when: ",
    b"emit:",
    b"let: {a: ",
    b"event_type: track",
    b"user_id: ",
    b"for_each: {x: ",
    b"maps: {",
    b"from: {topics: [",
)
_MORE_RULES = (
    b"tests:",
    b"given: ",
    b"expect: ",
    b"secrets: ",
    b"event_params: ",
    b'"event.?a.b[0]"',
    b"on_error: stop",
    b"timezone: ",
)

FILES = (
    Target("config", _config, _YAML + _CONFIG_WORDS + _MORE_CONFIG),
    Target("rules", _rules, _YAML + _RULE_WORDS + _MORE_RULES),
    Target("yaml", _yaml, _YAML + _MORE_YAML),
)
