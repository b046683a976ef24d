"""The way to new inputs that is guided by coverage: atheris (libFuzzer) on the bridge's own code.

libFuzzer ends the process it runs in, so each target has one of its own: ``python -m tests.fuzz.guided``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

# Fault lines of our own code are what new inputs are judged by; everything else is too slow for it.
with atheris.instrument_imports(include=["bridge"]):
    from tests.fuzz.engine import CORPUS
    from tests.fuzz.harness import MOST_BYTES, Target
    from tests.fuzz.targets import TARGETS

_HANG_SECONDS, _MEGABYTES = 10, 1024


def guided(target: Target, seconds: float, seed: int, folder: Path) -> bool:
    """Run a target in a process of its own; whether anything was found. What was stands in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as grown, tempfile.NamedTemporaryFile("w") as words:
        lines = ('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in target.words)
        words.writelines(lines)
        words.flush()
        options = [
            *(
                f"-max_total_time={max(1, round(seconds))}",
                f"-seed={seed % 2**32 or 1}",
                f"-dict={words.name}",
            ),
            *(f"-timeout={_HANG_SECONDS}", f"-rss_limit_mb={_MEGABYTES}", f"-max_len={MOST_BYTES}"),
            *(f"-artifact_prefix={folder}/{target.name}-", "-print_final_stats=1", "-verbosity=0"),
        ]
        command = [sys.executable, "-m", "tests.fuzz.guided", target.name, *options, grown]
        return subprocess.run([*command, str(CORPUS / target.name)], check=False).returncode != 0


def _main() -> None:
    name, *options = sys.argv[1:]
    target = TARGETS[name]
    atheris.Setup([sys.argv[0], *options], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    _main()
