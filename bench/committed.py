"""How far a consumer group has got, asked from outside."""

import time
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from bench.servers import Servers

_ASK_TIMEOUT_S: Final = 30.0
_COORDINATOR_WAITS_S: Final = (0.2, 0.5, 1.0, 2.0, 4.0)


class Committed:
    """How many records a group has committed. It takes no part in the group."""

    def __init__(self, servers: Servers, group: str, topic: str) -> None:
        # Uncommitted reads: with the default, the broker would have us wait for transactions that are under way.
        settings = {"bootstrap.servers": servers.bootstrap, "group.id": group, "isolation.level": "read_uncommitted"}
        self._consumer = Consumer(settings)
        self._places = [TopicPartition(topic, partition) for partition in range(servers.partitions(topic))]

    def __call__(self) -> int:
        """Ask the broker now."""
        for wait_s in _COORDINATOR_WAITS_S:
            try:
                return self._count()
            except KafkaException:
                # A group that is new has no coordinator yet.
                time.sleep(wait_s)
        return self._count()

    def _count(self) -> int:
        return sum(max(0, place.offset) for place in self._consumer.committed(self._places, timeout=_ASK_TIMEOUT_S))

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()
