"""A copy of one event that asks a destination whether it takes events again, when no event is there to ask.

What waited for the destination was given back to its broker, all of it. The copy belongs to no record: its
acceptance settles nothing, its refusal writes no letter, and its event comes again with its message.
"""

from __future__ import annotations

from bridge.send.parcel import Parcel


class _Nobody:
    """Owns copies; nobody gives them back."""

    fenced = False


class Spare:
    """The copy, and how far it is.

    Args:
        original: whose event it is; the head of its lane, so that the copy overtakes nothing.
        accepted: the destination's count of acceptances by now.
        now_seconds: monotonic.
    """

    __slots__ = ("accepted", "due_seconds", "is_out", "parcel")

    def __init__(self, original: Parcel, accepted: int, now_seconds: float) -> None:
        self.parcel = Parcel(
            original.event, _Nobody(), original.key, original.share, original.part, now_seconds
        )
        self.accepted = accepted
        self.due_seconds = now_seconds
        self.is_out = False


def lane_from(head: Parcel) -> list[Parcel]:
    """This one and all behind it."""
    lane = []
    following: Parcel | None = head
    while following is not None:
        lane.append(following)
        following = following.behind
    return lane
