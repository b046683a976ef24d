"""How the local API misbehaves when told to. Pure: clock and randomness are passed in."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from bridge.errors import UsageError

_MAX_SECONDS = 3600.0


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be told by flags, or at run time by ``PUT /control``.

    ``latency_seconds`` is a number or ``[least, most]``. ``keys`` restricts the write keys; empty takes
    any. ``users`` and ``event_names`` map a name to the status its events get. ``drop_ratio`` of the
    requests lose their connection after the body, without an answer; with ``drop_accepts`` their events
    were accepted all the same, which is what makes duplicates. ``fail_for_seconds`` counts from the
    moment it is told.
    """

    latency_seconds: float | list[float] = 0.0
    failure_ratio: float = 0.0
    failure_status: int = 503
    fail_for_seconds: float = 0.0
    rate_limited_ratio: float = 0.0
    retry_after_seconds: float | None = None
    unauthorized: bool = False
    keys: tuple[str, ...] = ()
    users: dict[str, int] = {}
    event_names: dict[str, int] = {}
    drop_ratio: float = 0.0
    drop_accepts: bool = False


def control_of(told: Any) -> Control:
    """Check and convert.

    Raises:
        UsageError: an unknown key or a wrong value.
    """
    # Bounds are checked by hand: msgspec 0.22 corrupts memory on a union of a float with msgspec.Meta
    # bounds and a tuple of such floats.
    try:
        control = msgspec.convert(told, Control)
    except msgspec.ValidationError as error:
        raise UsageError(str(error)) from error
    for problem in _out_of_bounds(control):
        raise UsageError(problem)
    return control


def _out_of_bounds(control: Control) -> Iterator[str]:
    for name in ("failure_ratio", "rate_limited_ratio", "drop_ratio"):
        if not 0 <= getattr(control, name) <= 1:
            yield f"{name}: from 0 to 1"
    latency = control.latency_seconds
    if isinstance(latency, list) and len(latency) != 2:  # noqa: PLR2004 - least and most
        yield "latency_seconds: a number, or [least, most]"
    latencies = latency if isinstance(latency, list) else [latency]
    for seconds in (*latencies, control.fail_for_seconds, control.retry_after_seconds or 0):
        if not 0 <= seconds <= _MAX_SECONDS:
            yield f"seconds: from 0 to {_MAX_SECONDS:.0f}"
    for status in (control.failure_status, *control.users.values(), *control.event_names.values()):
        if not 200 <= status <= 599:  # noqa: PLR2004 - HTTP's own numbers
            yield "a status is from 200 to 599"


class Fault(NamedTuple):
    """A status to answer with instead of accepting; ``drop`` closes the connection without one."""

    status: int
    message: str = ""
    retry_after_seconds: float | None = None
    drop: bool = False


_DROP = Fault(0, drop=True)


class Faults:
    """The control in force, and what it means for a request. Owned by the server's thread."""

    def __init__(self, control: Control, *, chance: random.Random, now_seconds: float) -> None:
        self._chance = chance
        self._failing_until_seconds = 0.0
        self.control = Control()
        self._set(control, now_seconds)

    def change(self, told: Any, now_seconds: float) -> Control:
        """Take over the keys that ``told`` names; the others stay as they are.

        Raises:
            UsageError: an unknown key or a wrong value; nothing is changed then.
        """
        if not isinstance(told, dict):
            raise UsageError("the control must be an object")
        control = control_of({**msgspec.to_builtins(self.control), "fail_for_seconds": 0.0, **told})
        if "fail_for_seconds" in told:
            self._failing_until_seconds = 0.0
        return self._set(control, now_seconds)

    def reset(self) -> Control:
        """Behave again."""
        self._failing_until_seconds = 0.0
        return self._set(Control(), 0.0)

    def _set(self, control: Control, now_seconds: float) -> Control:
        if control.fail_for_seconds:
            self._failing_until_seconds = now_seconds + control.fail_for_seconds
        self.control = control
        return control

    def latency_seconds(self) -> float:
        """How long this request takes."""
        latency = self.control.latency_seconds
        return self._chance.uniform(*latency) if isinstance(latency, list) else latency

    def allows(self, key: str) -> bool:
        """Whether a write key is one of ours."""
        control = self.control
        return bool(key) and not control.unauthorized and (not control.keys or key in control.keys)

    def before_reading(self, now_seconds: float) -> Fault | None:
        """Outages and rate limits: a server in trouble does not look at the payload."""
        control = self.control
        is_failing = now_seconds < self._failing_until_seconds
        if is_failing or self._happens(control.failure_ratio):
            return Fault(control.failure_status, "a failure was asked for", control.retry_after_seconds)
        if self._happens(control.rate_limited_ratio):
            return Fault(429, "too many requests", control.retry_after_seconds)
        return None

    def for_events(self, events: Sequence[dict[str, Any]]) -> Fault | None:
        """What one user or one event name was told to get; an array is refused whole."""
        users, names = self.control.users, self.control.event_names
        for event in events if users or names else ():
            user = event.get("user_id") or event.get("anonymous_id") or ""
            status = users.get(user) or names.get(event["event_name"])
            if status is not None and status != 200:  # noqa: PLR2004 - HTTP's own number
                return Fault(status, "this answer was asked for", self.control.retry_after_seconds)
        return None

    def loses_connection(self) -> Fault | None:
        """Whether the connection goes after the body."""
        return _DROP if self._happens(self.control.drop_ratio) else None

    def _happens(self, ratio: float) -> bool:
        return bool(ratio) and self._chance.random() < ratio
