"""``filum-bridge run``: the bridge itself."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from bridge import consumers
from bridge.app import App
from bridge.config import Config
from bridge.config_file import load_config, rule_files
from bridge.logs import configure
from bridge.rules import RuleSet, load_rules
from bridge.strays import gather_strays

_YOUNG_OBJECTS = 20_000
"""Some thousand records hold as many; collecting them more often finds nothing, for they are in no cycle."""


def run(
    config: Annotated[
        Path, typer.Option("--config", "-c", help="The configuration.", envvar="FILUM_BRIDGE_CONFIG")
    ] = Path("config/bridge.yaml"),
) -> None:
    """Read the sources, apply the rules, deliver, settle; until SIGTERM or Ctrl-C.

    Examples:

      filum-bridge run --config /etc/filum-bridge/bridge.yaml

      FILUM_WRITE_KEY=… filum-bridge run
    """
    settings, rules = load(config, os.environ)
    configure(settings.log.level, settings.log.format)
    gather_strays()
    run_app(App(settings, rules, os.environ))


def load(path: Path, environ: Mapping[str, str]) -> tuple[Config, RuleSet]:
    """A configuration and its compiled rules.

    Raises:
        ConfigError: all that is wrong with them.
    """
    settings = load_config(path, environ=environ, source_settings=lambda kind: consumers.load(kind).Settings)
    return settings, load_rules(rule_files(settings), settings, environ=environ)


def run_app(app: App, *, signals: bool = True) -> None:
    """Serve on uvloop until it ends by itself."""
    _tame_collector()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(app.serve(signals=signals))


def _tame_collector() -> None:
    """What is there lives as long as the process: it is not looked through again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 20)
