"""A bare member of a group: joins, says when its first record came, leaves.

``python join.py BROKERS TOPIC GROUP PROTOCOL``; a program of its own, because its start is measured too.
"""

from __future__ import annotations

import sys
import time

from confluent_kafka import Consumer


def main() -> None:
    """Write the time of the first record to standard output."""
    brokers, topic, group, protocol = sys.argv[1:]
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": group,
            "group.protocol": protocol,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    while (message := consumer.poll(1.0)) is None or message.error():
        pass
    sys.stdout.write(f"{time.time()}\n")
    sys.stdout.flush()
    consumer.close()


if __name__ == "__main__":
    main()
