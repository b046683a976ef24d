"""The programs of the race, built into ``.parts/bench`` and kept while their sources do not change."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

SOURCES = Path(__file__).parent
PARTS = SOURCES.parents[2] / ".parts" / "bench"

Tell = Callable[[str], None]


class CannotBuild(Exception):
    """A tool is missing, or it refused; the message says which."""


def go_program(source: str, tell: Tell) -> Path:
    """A Go program by the folder of its sources, such as ``peers/fasthttp``."""
    folder, program = SOURCES / source, PARTS / "bin" / Path(source).name
    if _is_stale(folder, program):
        tell(f"building {source}")
        _run(folder, "go", "build", "-ldflags=-s -w", "-o", str(program), ".")
        _mark(folder, program)
    return program


def java_program(source: str, tell: Tell) -> Path:
    """A folder with ``classes`` and ``jars`` of a Maven project; its sources are left clean."""
    folder, made = SOURCES / source, PARTS / "java" / Path(source).name
    if _is_stale(folder, made):
        tell(f"building {source}")
        shutil.rmtree(made, ignore_errors=True)
        shutil.copytree(folder, made / "build")
        goals = ["compile", "dependency:copy-dependencies", "-DincludeScope=runtime"]
        _run(made / "build", "mvn", "-B", "-q", *goals, f"-DoutputDirectory={made / 'jars'}")
        shutil.move(made / "build" / "target" / "classes", made / "classes")
        shutil.rmtree(made / "build")
        _mark(folder, made)
    return made


def _is_stale(folder: Path, made: Path) -> bool:
    stamp = made.with_suffix(".stamp")
    return not (made.exists() and stamp.exists() and stamp.read_text() == fingerprint(folder))


def _mark(folder: Path, made: Path) -> None:
    made.with_suffix(".stamp").write_text(fingerprint(folder))


def fingerprint(folder: Path) -> str:
    """Of the names and contents of all files below."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _run(folder: Path, *command: str) -> None:
    if shutil.which(command[0]) is None:
        raise CannotBuild(f"no `{command[0]}` here")
    ran = subprocess.run(["nice", *command], cwd=folder, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise CannotBuild(f"{' '.join(command)} in {folder.name}: {(ran.stdout + ran.stderr)[-2000:]}")
