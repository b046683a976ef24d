"""Commands of ``filum-bridge`` that a page shows: found in its text, and parsed as the command line would."""

from __future__ import annotations

import re
import shlex
from typing import Any

import typer

from bridge.cli.main import app

_BLOCK = re.compile(r"```(?:sh|bash)\n(.*?)```", re.DOTALL)
_INLINE = re.compile(r"`(filum-bridge [^`]+)`")
_START = re.compile(r"(?:^|-- )filum-bridge (.*)$")


def commands_of(text: str) -> list[list[str]]:
    """The words behind ``filum-bridge``, of every command in a block of shell and in a line of text."""
    lines = [line.split("  #")[0] for block in _BLOCK.findall(text) for line in block.splitlines()]
    lines += _INLINE.findall(_BLOCK.sub("", text))
    return [shlex.split(found[1]) for line in lines if (found := _START.search(line.strip()))]


def parse(words: list[str]) -> None:
    """Take a command as the command line does, but for running it.

    Raises:
        LookupError: no such command.
        Exception: an option or a value that the command does not take; whatever the parser has for that.
    """
    command: Any = typer.main.get_command(app)
    rest = list(words)
    context = None
    while hasattr(command, "get_command"):
        found = command.get_command(context, rest[0]) if rest else None
        if found is None:
            raise LookupError(f"no command {words}")
        command, rest = found, rest[1:]
    command.make_context(words[0], rest)
