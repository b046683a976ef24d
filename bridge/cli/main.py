"""The command line: every command, and one place where an error becomes a line and an exit code."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from bridge import __version__
from bridge.errors import BridgeError, ConfigErrors
from bridge.printable import printable, printable_lines
from bridge.redaction import REDACTION
from bridge.traces import trace_of

COMMANDS = ("run", "demo", "check", "test", "status", "pause", "resume", "skip", "dlq", "api", "schema")


class _Commands(TyperGroup):
    """Loads a command's file when it is called: `check` needs no broker library, `run` no demo."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All, in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The function of that name in the file of that name, or the commands below it."""
        if cmd_name not in COMMANDS:
            return None
        found = getattr(import_module(f"bridge.cli.{cmd_name}"), cmd_name)
        if isinstance(found, typer.Typer):
            return typer.main.get_command(found)
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(cmd_name)(found)
        return typer.main.get_command(alone)


app = typer.Typer(
    name="filum-bridge",
    cls=_Commands,
    help="Kafka and RabbitMQ → rules → Filum. Nothing lost, every user's events in order.",
    epilog="Exit codes: 0 done · 1 the answer is no · 2 wrong usage or config · 3 a needed part is missing",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
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


def main() -> None:
    """Run a command; an error of ours is one line and its exit code, a bug a trace that tells no values."""
    try:
        app(prog_name="filum-bridge")
    except BridgeError as error:
        _say(error)
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001 - Python would print what it says, which may be a payload
        _say_bug(error)
        sys.exit(1)


def _say(error: BridgeError) -> None:
    from rich.console import Console  # noqa: PLC0415 - a tenth of the time of starting

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for one in error.errors if isinstance(error, ConfigErrors) else (error,):
        text = f"error: {printable(REDACTION.clean(str(one)))}"
        console.print(text, markup=False, style="red" if console.is_terminal else None)


def _say_bug(error: Exception) -> None:
    trace = printable_lines(REDACTION.clean(trace_of(error)))
    sys.stderr.write(f"{trace}error: internal error: a bug of the bridge; please report it with this trace\n")
