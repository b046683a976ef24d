"""Which letters are meant: by what their headers say, and by a CEL expression over their content."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from bridge.config import Limits
from bridge.errors import UsageError
from bridge.redrive.found import FoundLetter
from bridge.rules import cel
from bridge.rules.cel.unit import single_function
from bridge.rules.meta import meta_of

_VARIABLES = ("event", "meta", "letter")


class Filter(NamedTuple):
    """What was asked for; empty or None: all. Times are ms since 1970, the first included, the last not."""

    reasons: Collection[str] = ()
    rules: Collection[str] = ()
    sources: Collection[str] = ()
    since_ms: int | None = None
    until_ms: int | None = None
    place: str = ""

    def takes(self, letter: FoundLetter) -> bool:
        """A letter of unknown age is neither before nor after any time."""
        return (
            self.place in ("", letter.place)
            and _among(letter.reason, self.reasons)
            and _among(letter.rule, self.rules)
            and _among(letter.record.stream.source, self.sources)
            and self._is_of_the_time(letter.failed_ms)
        )

    def _is_of_the_time(self, time_ms: int | None) -> bool:
        if self.since_ms is None and self.until_ms is None:
            return True
        if time_ms is None:
            return False
        return (self.since_ms or 0) <= time_ms and (self.until_ms is None or time_ms < self.until_ms)


def _among(value: str, wanted: Collection[str]) -> bool:
    return not wanted or value in wanted


class Where:
    """``--where``: a CEL expression over ``event``, ``meta`` and ``letter``.

    ``event`` is null where the body cannot be decoded. ``letter`` has what the headers say, by their names
    without ``bridge-`` and with ``_`` for ``-``.

    Raises:
        UsageError: it does not compile.
    """

    def __init__(self, text: str, limits: Limits) -> None:
        bounds = cel.Limits(limits.loop_steps, limits.string, limits.expression, limits.expression_depth)
        self._unit = cel.Unit(cel.Environment(_VARIABLES), filename="<where>", limits=bounds)
        try:
            compiled = self._unit.expression(text)
        except cel.CompileFault as fault:
            raise UsageError(f"--where, character {fault.offset + 1}: {fault}") from fault
        function = single_function(
            [cel.python_name(name) for name in _VARIABLES], self._unit.shaped(compiled)
        )
        self._run: Callable[..., Any] = self._unit.build(function)

    def takes(self, letter: FoundLetter, event: Any) -> bool | None:
        """Whether it is true; None where it has no answer for this letter."""
        said = {name.replace("-", "_"): value for name, value in letter.said.items()}
        try:
            answer = self._run(event, meta_of(letter.record), said, cel.Budget(self._unit.limits.steps))
        except Exception as error:
            if self._unit.fault(error) is None:
                raise
            return None
        return answer if isinstance(answer, bool) else None
