"""The lock and the bill of materials are of the present pyproject.toml, and name no place to fetch from."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "scripts" / "requirements.lock").read_text()
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)
PINS = {canonicalize_name(name): Version(version) for name, version in _PINNED.findall(LOCK)}


def wanted() -> list[Requirement]:
    """What the image needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = [*project["dependencies"], *project["optional-dependencies"]["registry"]]
    return [Requirement(one) for one in listed]


def test_every_dependency_is_pinned_within_its_bounds() -> None:
    """``scripts/lock`` after each change."""
    assert len(PINS) > 40
    for one in wanted():
        assert PINS[canonicalize_name(one.name)] in one.specifier, f"{one}: run scripts/lock"


def test_every_pin_has_its_hashes() -> None:
    """Nothing is installed that nobody has seen."""
    blocks = re.split(r"^(?=\S+==)", LOCK, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(_PINNED.findall(LOCK))
    for block in blocks:
        assert "--hash=sha256:" in block, block.splitlines()[0]


def test_nothing_says_where_it_came_from() -> None:
    """A mirror of one machine is none of another's."""
    assert "://" not in LOCK
    assert "--index-url" not in LOCK


def test_the_bill_lists_what_is_pinned() -> None:
    """CycloneDX, name and version of each."""
    bill = json.loads((ROOT / "docs" / "sbom.cdx.json").read_text())
    listed = {(canonicalize_name(one["name"]), Version(one["version"])) for one in bill["components"]}
    assert bill["bomFormat"] == "CycloneDX"
    assert listed == set(PINS.items())
