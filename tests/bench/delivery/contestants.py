"""Who takes part: how each is built and started, and what it can be asked to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench.delivery import bridge_entry
from tests.bench.delivery.build import SOURCES, Tell, go_program, java_program
from tests.bench.delivery.course import Entry, Launch


@dataclass(frozen=True)
class Contestant:
    """One line of a table.

    Attributes:
        share: of a scenario's events that suffice, where its figure does not depend on how many there are.
        build: makes its program; None: nothing to build.
        launch: writes what it needs into its folder; given the program.
        missing: why it cannot take part here; empty when it can.
    """

    name: str
    launch: Callable[[Path, Entry], Launch]
    share: float = 1.0
    build: Callable[[Tell], Path] | None = None
    missing: str = ""

    @property
    def is_bridge(self) -> bool:
        """Whether it is this checkout's."""
        return self.name.startswith("bridge")


def _bridge(program: Path, entry: Entry, **more: object) -> Launch:
    return bridge_entry.launch(entry, more=more)


def _pure(program: Path, entry: Entry) -> Launch:
    return bridge_entry.launch(entry, program=bridge_entry.PURE)


def _environment(entry: Entry) -> dict[str, str]:
    """What every peer is told."""
    return {
        "BROKERS": entry.broker,
        "TOPIC": entry.stream,
        "GROUP": entry.group,
        "URL": entry.url,
        "WRITE_KEY": entry.token,
        "IN_FLIGHT": str(entry.in_flight),
        "CA": str(entry.ca or ""),
    }


def _fasthttp(program: Path, entry: Entry) -> Launch:
    return Launch([str(program)], _environment(entry))


def _bento(program: Path, entry: Entry) -> Launch:
    """Batches large enough for so many in flight; each waits for its slowest key."""
    more = {
        "BATCH": str(max(1000, 3 * entry.in_flight)),
        "IDLE_CONNECTIONS": str(2 * entry.in_flight),
        "TLS": str(entry.ca is not None).lower(),
    }
    config = SOURCES / "peers" / "bento" / "keybatch.yaml"
    return Launch([str(program), "-c", str(config)], _environment(entry) | more)


def _pc(program: Path, entry: Entry) -> Launch:
    logging = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
    path = f"{program / 'classes'}:{program / 'jars'}/*"
    return Launch(["java", "-Xms256m", "-Xmx1g", logging, "-cp", path, "Peer"], _environment(entry))


_BATCH = {"max_events": 100, "max_wait": "20ms"}

CONTESTANTS = {
    one.name: one
    for one in (
        Contestant("bridge", _bridge),
        Contestant("bridge-pure", _pure),
        Contestant("bridge-ids", partial(_bridge, event_id=True)),
        Contestant("bridge-batch", partial(_bridge, batch=_BATCH)),
        Contestant("go-fasthttp", _fasthttp, build=partial(go_program, "peers/fasthttp")),
        Contestant("bento-keybatch", _bento, 0.3, partial(go_program, "peers/bento")),
        Contestant("pc-vertx", _pc, 0.6, partial(java_program, "peers/pc")),
    )
}
