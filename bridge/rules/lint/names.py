"""Names that Filum gives a meaning of its own, and names that look like one another."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.rules.lint.finding import Finding, Severity
from bridge.rules.lint.view import EmitView, RuleView

SYSTEM_EVENTS = (
    "Survey Answered",
    "Call Created",
    "Comment Created",
    "Email Received",
    "Conversation Created",
    "Conversation Closed",
    "Conversation Assignee Changed",
)
"""Events that the platform itself makes. Source: Filum's public connector library (event names)."""

PROFILE_KEYS = ("Name", "Email", "Phone")
"""Parameters of identify that become the profile's own, in this case exactly. Source: the API document."""

_SYSTEM = {name.lower(): name for name in SYSTEM_EVENTS}
_PROFILE = {name.lower(): name for name in PROFILE_KEYS}


def check(view: RuleView) -> Iterator[Finding]:
    """Event names and parameter keys of every emit."""
    for emit in view.emits:
        yield from _event_name(view, emit)
        yield from _alike(view, emit)
        yield from _profile(view, emit)


def _event_name(view: RuleView, emit: EmitView) -> Iterator[Finding]:
    name = " ".join(emit.emit.event_name.split())
    if emit.emit.event_type == "track" and name.lower() in _SYSTEM:
        message = f"`{_SYSTEM[name.lower()]}` is an event that Filum itself makes"
        keypath = (*emit.keypath, "event_name")
        yield view.key("system-event-name", Severity.WARNING, keypath, message, "name yours otherwise")


def _alike(view: RuleView, emit: EmitView) -> Iterator[Finding]:
    """YAML refuses one key twice; it does not see ``Total Value`` and ``total value ``."""
    seen: dict[str, str] = {}
    for parameter in emit.emit.params:
        first = seen.setdefault(" ".join(parameter.key.lower().split()), parameter.key)
        if first != parameter.key:
            message = f"`{parameter.key}` and `{first}` differ only in case or blanks"
            keypath = (*emit.keypath, "event_params", parameter.key)
            yield view.key("similar-parameters", Severity.WARNING, keypath, message)


def _profile(view: RuleView, emit: EmitView) -> Iterator[Finding]:
    if emit.emit.event_type != "identify":
        return
    for parameter in emit.emit.params:
        wanted = _PROFILE.get(parameter.key.strip().lower(), parameter.key)
        if wanted != parameter.key:
            message = f"`{parameter.key}` does not set the profile's {wanted.lower()}"
            keypath = (*emit.keypath, "event_params", parameter.key)
            yield view.key("profile-key", Severity.WARNING, keypath, message, f"write `{wanted}`")
