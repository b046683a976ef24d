"""A queue of letters: places are numbers in the queue's order, the mark of a letter is its ack.

All letters are held while they are looked into, and go back to where they were when that ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from bridge.consumers.rabbitmq_hold import HeldQueue
from bridge.consumers.rabbitmq_settings import Address
from bridge.redrive.archive import Entry
from bridge.redrive.found import FoundLetter, in_letter_order

_MANY_DELIVERIES = 10
"""A quorum queue of RabbitMQ 4 throws a message away after 20, unless it says otherwise."""


class RabbitArchive:
    """See ``archive.Archive``.

    Args:
        read_address: where and as whom.
        queue: where the letters lie.

    Raises:
        ConsumerError: no such queue, another consumer has it, or no broker answers.
    """

    def __init__(self, read_address: Callable[[], Address], queue: str) -> None:
        self._held = HeldQueue(read_address, queue)
        self.note = ""
        if (most := self._held.most_deliveries) >= _MANY_DELIVERIES:
            self.note = (
                f"queue {queue} counts deliveries, and a letter was delivered {most} times: beyond the "
                "queue's delivery limit it would be lost; redrive them, or raise the limit by a policy"
            )

    def read(self) -> Iterator[Entry]:
        """In the queue's order."""
        for number, message in enumerate(self._held.messages, 1):
            headers = in_letter_order(message.headers)
            yield Entry(str(number), msgspec.structs.replace(message, headers=headers))

    def mark(self, letters: Sequence[FoundLetter]) -> None:
        """Ack them."""
        messages = self._held.messages
        self._held.ack([messages[int(letter.place) - 1].offset for letter in letters])

    def close(self) -> None:
        """Give back what was not acked."""
        self._held.close()
