"""Personal data: hashes and masks."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from bridge.rules.cel.faults import EvalFault, did_you_mean
from bridge.rules.cel.functions.table import ArgumentProblem, Check, Function, Overload, plain
from bridge.rules.cel.functions.types import utf8

Secrets = Mapping[str, Callable[[], bytes]]


def _raw(value: Any) -> bytes:
    return value if isinstance(value, bytes) else utf8(value)


def _sha256(value: Any) -> str:
    return hashlib.sha256(_raw(value)).hexdigest()


def _mask(text: str, shown: int) -> str:
    if shown < 0:
        raise EvalFault("pii.mask takes no negative number", "argument")
    hidden = max(len(text) - shown, 0)
    return "*" * hidden + text[hidden:]


@lru_cache(maxsize=16)
def _keyed(key: bytes) -> hmac.HMAC:
    """HMAC-SHA-256 that took in its key and nothing else; to be copied."""
    return hmac.new(key, digestmod=hashlib.sha256)


def _named_hmac(secrets: Secrets) -> Callable[[Any, str], str]:
    def run(value: Any, name: str) -> str:
        state = _keyed(secrets[name]()).copy()
        state.update(_raw(value))
        return state.hexdigest()

    return run


def functions(secrets: Secrets) -> list[Function]:
    """The functions of this family; ``pii.hmac`` only where there are ``secrets``."""
    found = [
        plain(
            *("pii.sha256", "string|bytes", "string", _sha256, "SHA-256 over UTF-8, lower-case hex."),
            "pii.sha256('a').startsWith('ca978112')",
            heavy=True,
        ),
        plain(
            *("pii.mask", "string int", "string", _mask, "Stars for all but the last characters."),
            "pii.mask('0912345678', 3) == '*******678'",
        ),
    ]
    return [*found, _hmac(secrets)]


def _hmac(secrets: Secrets) -> Function:
    def known(name: object) -> None:
        if name not in secrets:
            raise ArgumentProblem(f"unknown secret {name!r}", did_you_mean(str(name), secrets))

    overloads = [Overload(("string|bytes", "string"), "string", _named_hmac(secrets), heavy=True)]
    name = next(iter(secrets), "")
    if len(secrets) == 1:
        named = overloads[0].run
        overloads.append(Overload(("string|bytes",), "string", lambda value: named(value, name), heavy=True))
    doc = (
        "HMAC-SHA-256 over UTF-8 with a secret, lower-case hex; the name may be left out where there is one."
    )
    example = f"pii.hmac('a', '{name}').size() == 64" if name else "true"
    return Function("pii.hmac", tuple(overloads), doc, example, checks={1: Check(known, literal=True)})
