"""The running parts of one bridge, by name."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.decode import Schemas
from bridge.intake import Intake
from bridge.returns import Returns
from bridge.send.dispatcher import Dispatcher
from bridge.settle.budget import Budgets
from bridge.settle.undertaker import Undertaker


@dataclass(slots=True)
class Parts:
    """``app`` fills it before the first record; then nothing in it is exchanged.

    Pipeline, overseer and watch each see all parts through it, and the parts report to them.
    """

    intakes: dict[str, Intake] = field(default_factory=dict)
    dispatchers: dict[str, Dispatcher] = field(default_factory=dict)
    undertaker: Undertaker = field(init=False)
    budgets: Budgets = field(init=False)
    returns: Returns = field(init=False)
    schemas: Schemas | None = None
