"""What is known of the connection to the brokers, said on change only. Owned by the consumer thread.

librdkafka reports each failed attempt, several times a second, and reports all brokers down for a moment
when an idle connection is closed. So a report only raises a suspicion; a probe confirms it.
"""

from __future__ import annotations

from bridge.consumers.base import Inbox, Link
from bridge.consumers.kafka_faults import Fault, Kind

_CAUSES = {Kind.BROKER_GONE, Kind.UNREACHABLE, Kind.REFUSED}


class LinkState:
    """The one that calls ``inbox.link``."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._state: Link | None = None
        self._told: set[str] = set()
        self._cause: Fault | None = None
        self.is_suspect = True

    def __repr__(self) -> str:
        return f"<LinkState {self._state} suspect={self.is_suspect}>"

    def suspect(self, fault: Fault) -> None:
        """Something failed; a cause that names itself is worth more than "all brokers are down"."""
        if fault.kind not in _CAUSES:
            return
        self.is_suspect = self.is_suspect or fault.kind is not Kind.BROKER_GONE
        if self._cause is None or fault.kind is Kind.REFUSED or self._cause.kind is Kind.UNREACHABLE:
            self._cause = fault

    def down(self, brokers: str, probe: str) -> None:
        """The probe failed as well."""
        cause = self._cause
        text = f"{cause.text} ({cause.remedy})" if cause is not None and cause.remedy else probe
        kind = "" if cause is None else cause.kind.name
        self._say(Link.CONNECTING, f"no connection to {brokers}: {text}", f"down {kind}")

    def outside(self, group: str) -> None:
        """The brokers answer, and the group does not take us in."""
        cause = self._cause
        known = cause is not None and cause.kind is Kind.REFUSED
        text = f"{cause.text} ({cause.remedy})" if cause and known else "its coordinator does not answer"
        self._say(Link.CONNECTING, f"not a member of group {group}: {text}", "outside")

    def up(self, state: Link) -> None:
        """The brokers answer."""
        self.is_suspect, self._cause = False, None
        if state is not self._state:
            self._say(state, "", "")

    def tell(self, detail: str) -> None:
        """Something an operator must know; once in each state of the connection."""
        self._say(self._state or Link.CONNECTING, detail, detail)

    def _say(self, state: Link, detail: str, what: str) -> None:
        if state is not self._state:
            self._state = state
            self._told.clear()
        if what not in self._told:
            self._told.add(what)
            self._inbox.link(state, detail)
