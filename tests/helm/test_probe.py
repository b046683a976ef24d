"""What ``helm test`` runs, against the bridge's own admin server."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from bridge.admin import AdminServer, Health
from bridge.config import Admin
from bridge.metrics import Board
from tests.helm.rendering import MINIMAL, one, rendered, run
from tests.parts.process import free_port

SCRIPT = Path(__file__).parents[2] / "helm" / "files" / "probe.py"


@pytest.fixture(scope="module")
def probe() -> ModuleType:
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location("probe", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Bridge:
    """What the admin server looks at: well, and with rules in force."""

    def __init__(self) -> None:
        self.board = Board()
        self.board.gauge("build_info", version="1", python="3").value = 1
        self.reload = self.board.gauge("config_last_reload_successful")
        self.reload.value = 1
        self.state = Health(live=True, ready=True)
        self.board.publish()

    def health(self) -> Health:
        return self.state


@pytest.fixture
def bridge() -> Bridge:
    return Bridge()


@pytest.fixture
def port(bridge: Bridge) -> Iterator[int]:
    server = AdminServer(Admin(host="127.0.0.1", port=0), bridge.board.latest, bridge.health)
    server.start()
    yield server.port
    server.stop()


def test_a_bridge_that_is_well_passes(
    probe: ModuleType, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the log says which pods were asked."""
    assert probe.main("127.0.0.1", port, 0) == 0
    assert f"127.0.0.1:{port} is ready" in capsys.readouterr().out


def test_one_that_is_not_ready_fails(probe: ModuleType, bridge: Bridge, port: int) -> None:
    """``/readyz`` answers 503."""
    bridge.state = Health(live=True, ready=False, reasons=("not connected",))
    assert probe.main("127.0.0.1", port, 0) == 1


def test_one_that_refused_its_rules_fails(
    probe: ModuleType, bridge: Bridge, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """It runs the old ones, and is ready: only the metric tells."""
    bridge.reload.value = 0
    bridge.board.publish()
    assert probe.main("127.0.0.1", port, 0) == 1
    assert "config_last_reload_successful" in capsys.readouterr().out


def test_nobody_there_fails(probe: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """A name without pods, or a port that nobody listens on."""
    assert probe.main("127.0.0.1", free_port(), 0) == 1
    assert "is not well" in capsys.readouterr().out


def test_the_pod_of_the_test_runs_it(port: int) -> None:
    """The rendered command, with this machine's address for the Service's."""
    container = one(rendered(MINIMAL), "Pod", "shop-filum-bridge-test")["spec"]["containers"][0]
    assert container["command"] == ["python", "-c"]
    script, name, given_port = container["args"]
    assert (name, given_port) == ("shop-filum-bridge", "9464")
    ran = run(sys.executable, "-c", script, "127.0.0.1", str(port))
    assert ran.returncode == 0, ran.stdout + ran.stderr
