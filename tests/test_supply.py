"""The lock and the bill of materials are of the present pyproject.toml, and name no place to fetch from."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "scripts" / "requirements.lock").read_text()
BUILD_LOCK = (ROOT / "scripts" / "build.lock").read_text()
BOTH = pytest.mark.parametrize("lock", [LOCK, BUILD_LOCK], ids=["image", "build"])
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)
_PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(lock: str) -> dict[str, Version]:
    """Name → version."""
    return {canonicalize_name(name): Version(version) for name, version in _PINNED.findall(lock)}


def wanted(lock: str) -> list[Requirement]:
    """What the image needs, or its build."""
    project = _PYPROJECT["project"]
    installed = [*project["dependencies"], *project["optional-dependencies"]["registry"]]
    hook = _PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["mypyc"]["dependencies"]
    built = [*_PYPROJECT["dependency-groups"]["build"], *_PYPROJECT["build-system"]["requires"], *hook]
    return [Requirement(one) for one in (installed if lock == LOCK else built)]


@BOTH
def test_every_dependency_is_pinned_within_its_bounds(lock: str) -> None:
    """``scripts/lock`` after each change."""
    for one in wanted(lock):
        assert pins(lock)[canonicalize_name(one.name)] in one.specifier, f"{one}: run scripts/lock"


def test_both_locks_agree() -> None:
    """They are installed into one environment."""
    image, build = pins(LOCK), pins(BUILD_LOCK)
    assert {name: build[name] for name in build.keys() & image} == {n: image[n] for n in build.keys() & image}


@BOTH
def test_every_pin_has_its_hashes(lock: str) -> None:
    """Nothing is installed that nobody has seen."""
    blocks = re.split(r"^(?=\S+==)", lock, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(_PINNED.findall(lock)) > 5
    for block in blocks:
        assert "--hash=sha256:" in block, block.splitlines()[0]


@BOTH
def test_nothing_says_where_it_came_from(lock: str) -> None:
    """A mirror of one machine is none of another's."""
    assert "://" not in lock
    assert "--index-url" not in lock


def test_the_bill_lists_what_is_pinned() -> None:
    """CycloneDX, name and version of each."""
    bill = json.loads((ROOT / "docs" / "sbom.cdx.json").read_text())
    listed = {(canonicalize_name(one["name"]), Version(one["version"])) for one in bill["components"]}
    assert bill["bomFormat"] == "CycloneDX"
    assert listed == set(pins(LOCK).items())
