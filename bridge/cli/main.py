"""The command line: every command, and one place where an error becomes a line and an exit code."""

from __future__ import annotations

import sys
from enum import IntEnum
from typing import Annotated

import typer
from rich.console import Console

from bridge import __version__
from bridge.cli.api import api
from bridge.cli.check import check
from bridge.cli.demo import demo
from bridge.cli.run import run
from bridge.cli.schema import schema
from bridge.cli.test import test
from bridge.errors import BridgeError, ConfigErrors


class Exit(IntEnum):
    """What an exit code means, for every command."""

    OK = 0
    FAILED = 1
    """The command ran and its answer is no: a test failed, a check found errors; or an internal error."""
    USAGE = 2
    """The command line, the configuration or a rule file is wrong."""
    UNAVAILABLE = 3
    """A broker, a port or a dead-letter store cannot be used."""


app = typer.Typer(
    name="filum-bridge",
    help="Kafka and RabbitMQ → rules → Filum. Nothing lost, every user's events in order.",
    epilog="Exit codes: 0 done · 1 the answer is no · 2 wrong usage or configuration · 3 a needed part is missing",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _print_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"filum-bridge {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of every command."""


for _command in (run, demo, check, test, api, schema):
    app.command(no_args_is_help=False)(_command)


def main() -> None:
    """Run a command; an error of ours is one line and its exit code, never a traceback."""
    try:
        app()
    except BridgeError as error:
        _say(error)
        sys.exit(error.exit_code)


def _say(error: BridgeError) -> None:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for one in error.errors if isinstance(error, ConfigErrors) else (error,):
        console.print(f"error: {one}", markup=False, style="red" if console.is_terminal else None)
