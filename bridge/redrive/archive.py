"""What a store of dead letters must be able to do for those who look into it. Blocking: used off the loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from bridge.model import Record
from bridge.redrive.found import FoundLetter


class Entry(NamedTuple):
    """One thing that lies in a store: a letter, a mark, or something foreign.

    ``record`` has key, body, headers and properties as they lie there; None where they cannot be read.
    """

    place: str
    record: Record | None


class Archive(Protocol):
    """A store, from its beginning to its end as that was when it was opened."""

    note: str
    """What an operator should know of it, one line; empty when all is well."""

    def read(self) -> Iterator[Entry]:
        """All entries, in the order of each partition; may be asked again, and gives the same ones.

        Raises:
            BridgeError: they cannot be read on.
        """
        ...

    def mark(self, letters: Sequence[FoundLetter]) -> None:
        """Remember that these were accepted; returns when that is confirmed.

        Raises:
            BridgeError: it is not known to be remembered.
        """
        ...

    def close(self) -> None:
        """Leave; what was not marked lies where it lay."""
        ...
