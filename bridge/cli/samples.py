"""Where the sample configuration lies: in the wheel beside the package, in a checkout beside it."""

from __future__ import annotations

from pathlib import Path

import bridge
from bridge.errors import UsageError


def samples_folder() -> Path:
    """The folder that holds ``bridge.yaml`` and ``rules/``.

    Raises:
        UsageError: neither place has it: the installation is broken.
    """
    package = Path(bridge.__file__).parent
    for folder in (package / "_config", package.parent / "config"):
        if (folder / "bridge.yaml").is_file():
            return folder
    raise UsageError("the sample configuration is missing from this installation; install filum-bridge again")
