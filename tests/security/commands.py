"""A command of the bridge, beside one that runs."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.e2e.bridge import Bridge


def command(bridge: Bridge, *words: str) -> str:
    """What it prints, on both streams, in the environment of the bridge."""
    env = {**os.environ, **bridge.process.env}
    done = subprocess.run(
        [sys.executable, "-m", "bridge", *words],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr
