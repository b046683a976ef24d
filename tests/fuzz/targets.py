"""All targets, by name."""

from __future__ import annotations

from tests.fuzz.bodies import BODIES
from tests.fuzz.files import FILES
from tests.fuzz.harness import Target
from tests.fuzz.stores import STORES
from tests.fuzz.wire import WIRE

TARGETS: dict[str, Target] = {one.name: one for one in (*BODIES, *FILES, *STORES, *WIRE)}
