"""Kafka's protocol without a server: librdkafka's mock cluster, in this process.

It is good for a demo alone: it keeps a few megabytes a partition, forgets offsets that a transaction commits, and shows
what a transaction rolled back.
"""

import logging
from collections.abc import Iterable
from typing import Final, Self

from confluent_kafka import Producer

_ANSWER_S: Final = 10.0


class MockKafka:
    """A broker at ``servers`` (host:port), until it is closed."""

    def __init__(self) -> None:
        silent = logging.getLogger("precache.demo.kafka")
        silent.setLevel(logging.CRITICAL)
        self._owner: Producer | None = Producer({"test.mock.num.brokers": 1, "logger": silent})
        found = self._owner.list_topics(timeout=_ANSWER_S).brokers.values()
        self.servers = ",".join(f"{broker.host}:{broker.port}" for broker in found)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        # The broker lives in the producer that it was asked for with.
        self._owner = None

    def make_topics(self, names: Iterable[str]) -> None:
        """Make topics, with four partitions each: the cluster makes those that a producer asks for."""
        if self._owner is None:
            raise ValueError("the mock cluster is closed")
        for name in names:
            self._owner.list_topics(name, timeout=_ANSWER_S)
