"""As a new user: an empty virtual environment, an empty directory, ``pip install``, the demo."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAST_LINE = re.compile(
    r"consumed=(\d+) delivered=(\d+) filtered=\d+ dead_lettered=\d+ dropped=\d+ in_flight=0 unaccounted=0"
)


def run(command: Sequence[str | Path], cwd: Path) -> subprocess.CompletedProcess[str]:
    """To its end, which must be good."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    ended = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT], folder)
    (built,) = folder.glob("filum_bridge-*.whl")
    return built


def test_the_wheel_holds_the_package_alone(wheel: Path) -> None:
    """``bridge`` with the sample configuration inside, and nothing beside it."""
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"bridge"}
    assert "bridge/_config/bridge.yaml" in names
    assert "bridge/_config/rules/orders.yaml" in names
    assert "bridge/py.typed" in names


@pytest.mark.timeout(600)
def test_pip_install_and_the_demo_in_an_empty_directory(wheel: Path, tmp_path: Path) -> None:
    """Nothing of the checkout is in reach; the demo delivers and accounts for everything."""
    venv, empty = tmp_path / "venv", tmp_path / "empty"
    empty.mkdir()
    run([sys.executable, "-m", "venv", venv], empty)
    run([venv / "bin/pip", "install", "-q", "--disable-pip-version-check", wheel], empty)
    demo = run([venv / "bin/filum-bridge", "demo", "--for", "8s"], empty)
    totals = LAST_LINE.fullmatch(demo.stdout.splitlines()[-1])

    assert totals, demo.stdout
    assert int(totals[1]) > 0
    assert int(totals[2]) > 0
    assert list(empty.iterdir()) == []
    help_texts = [
        run([*command, "--help"], empty).stdout
        for command in ([venv / "bin/filum-bridge"], [venv / "bin/python", "-m", "bridge"])
    ]
    assert help_texts[0] == help_texts[1]
