"""When heartbeats are sent, and what Kafka said to the last one."""

import time
from collections.abc import Callable
from typing import Final

from bridge.delivery.heartbeat_record import Record
from bridge.delivery.producer import CloudProducer, ProbeResult
from precache.contract.heartbeat import State
from precache.kafka.errors import KafkaCallError

_EVERY_S: Final = 60.0
# How soon another one is sent after one that Kafka did not take.
_AGAIN_S: Final = 5.0


class HeartbeatSender:
    """The heartbeats of one cloud's bridge. While nothing flows, they alone show whether Kafka takes records.

    Args:
        producer: the way to Kafka.
        make: makes a heartbeat of a state and of the number of messages in flight.
        clock: seconds that only ever grow.

    Attributes:
        state: the bridge's, for the next heartbeat.
    """

    def __init__(
        self, producer: CloudProducer, make: Callable[[State, int], Record], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._producer = producer
        self._make = make
        self._clock = clock
        self._last = ProbeResult()
        self._before: KafkaCallError | None = None  # what was wrong with the heartbeat before the last one
        self._last_at_s = float("-inf")
        self._generation = producer.generation  # of the producer that the last heartbeat was given to
        self.state: State = "starting"

    def send(self, in_flight: int = 0) -> None:
        """Send a heartbeat."""
        before, self._last_at_s, self._generation = self.error, self._clock(), self._producer.generation
        self._last, self._before = self._producer.probe(self._make(self.state, in_flight)), before

    def send_if_due(self, in_flight: int = 0) -> None:
        """Send a heartbeat when it is time, unless the last one still waits for Kafka."""
        is_lost = self._last.waiting > 0 and not self.waiting
        pause_s = _AGAIN_S if is_lost or self.error is not None else _EVERY_S
        if not self.waiting and self._clock() - self._last_at_s >= pause_s:
            self.send(in_flight)

    @property
    def delivered(self) -> bool:
        """Whether Kafka has confirmed the last heartbeat, by the producer of now."""
        return self._last.delivered and self._generation == self._producer.generation

    @property
    def waiting(self) -> bool:
        """Whether the last heartbeat waits for Kafka's report, and one can still come."""
        return self._last.waiting > 0 and self._generation == self._producer.generation

    @property
    def error(self) -> KafkaCallError | None:
        """Why Kafka did not take the last heartbeat that it reported on; ``None`` if it did."""
        return self._last.error or (self._before if self.waiting else None)

    @property
    def waiting_s(self) -> float:
        """For how long the last heartbeat has been waiting for Kafka's report; 0 if it is not."""
        return self._clock() - self._last_at_s if self.waiting else 0.0
