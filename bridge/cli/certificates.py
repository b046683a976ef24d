"""Whether the files of certificates that a configuration names can be used on this machine."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from bridge.config import Config
from bridge.located_yaml import KeyPath

_KEYS = ("ca", "cert", "key")
_NO_PASSWORD = ""


class Doubt(NamedTuple):
    """One file, or a pair of them, by its place in the configuration."""

    keypath: KeyPath
    problem: str
    hint: str


def doubts(config: Config) -> list[Doubt]:
    """What a connection would fail at; a bridge that runs elsewhere may have the files there."""
    return [doubt for keypath, holder in _holders(config, ()) for doubt in _judged(keypath, holder)]


def _holders(value: Any, keypath: KeyPath) -> Iterator[tuple[KeyPath, BaseModel]]:
    """Every part that names such files."""
    if isinstance(value, BaseModel):
        if "ca" in type(value).model_fields:
            yield keypath, value
        for name in type(value).model_fields:
            yield from _holders(getattr(value, name), (*keypath, name))
    elif isinstance(value, dict | tuple):
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _holders(item, (*keypath, step))


def _judged(keypath: KeyPath, holder: BaseModel) -> Iterator[Doubt]:
    files = {key: path for key in _KEYS if isinstance(path := getattr(holder, key, None), Path)}
    absent = {key: path for key, path in files.items() if not path.is_file()}
    for key, path in absent.items():
        yield Doubt((*keypath, key), f"{path} is not there", "mount it, or correct the path")
    if "ca" in files and "ca" not in absent and (why := _unusable_ca(files["ca"])):
        hint = "a PEM file of one or more authorities' certificates"
        yield Doubt((*keypath, "ca"), f"{files['ca']} cannot be used: {why}", hint)
    is_open = {"cert", "key"} <= files.keys() - absent and getattr(holder, "key_password", None) is None
    if is_open and (why := _unusable_pair(files["cert"], files["key"])):
        hint = "PEM files: the certificate with its chain, and its own key without a password"
        yield Doubt((*keypath, "cert"), f"`cert` with `key` cannot be used: {why}", hint)


def _unusable_ca(ca: Path) -> str:
    try:
        ssl.create_default_context(cafile=ca)
    except OSError as error:
        return _why(error)
    return ""


def _unusable_pair(cert: Path, key: Path) -> str:
    try:
        ssl.create_default_context().load_cert_chain(cert, key, lambda: _NO_PASSWORD)
    except OSError as error:
        return _why(error)
    return ""


def _why(error: OSError) -> str:
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return (reason or type(error).__name__).replace("_", " ").lower()
