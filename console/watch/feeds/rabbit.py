"""A cloud's notifications straight from its RabbitMQ, made into records here by the processor's own core: no Kafka.

The clock is wall time, and the timers have their defaults. The queue is this watch's own and goes with it, so nobody's
messages are taken; what Nova sends while the connection is lost is not seen.
"""

import time
from collections.abc import Callable, Iterator

import orjson

from bridge.listener import Received, listen
from bridge.source.api import SourceError
from bridge.source.transport_url import TransportError
from console.cli.exits import USAGE, CommandError
from console.watch.feeds.api import CannotWatchError, OperationRecord, ProgressRecord, Record
from precache.contract.identity import aggregate_key
from precache.runtime.deadline import Deadline
from precache.runtime.shutdown import Stop
from processor.core.effects import Effects
from processor.core.partition import Partition
from processor.core.settings import Timers


class TransportFeed:
    """The records that the processor would make of one cloud's notifications.

    Args:
        transport_url: as in nova.conf.
        cloud: what to call the cloud.
        exchange: Nova's control exchange.
        topic: one of Nova's ``versioned_notifications_topics``.
        emit: reports outages to a person.
    """

    def __init__(
        self, transport_url: str, *, cloud: str, exchange: str, topic: str, emit: Callable[[str], None]
    ) -> None:
        self._cloud = cloud
        self._say = emit
        self._stop = Stop()
        self._error: SourceError | None = None
        self._listening = False
        self._offset = 0
        self._partition = Partition(Timers())
        self._events: Iterator[Received | None] = listen(
            transport_url, cloud=cloud, stop=self._stop, exchange=exchange, topic=topic, on_state=self._on_state
        )
        self._ready: list[Record] = []

    @property
    def is_away(self) -> bool:
        """Whether RabbitMQ is out of reach."""
        return self._error is not None

    def open(self, limit_s: float, _beat: Callable[[], None], /) -> None:
        """Connect and bind the queue.

        Raises:
            CannotWatchError: RabbitMQ can't be reached or refuses, or Nova's exchange is not there.
        """
        deadline = Deadline.after(limit_s)
        while not self._listening:
            if deadline.passed:
                raise CannotWatchError(f"{self._error or 'RabbitMQ does not answer'} (waited {limit_s:g} s)")
            self._ready += self._next()

    def poll(self, timeout_s: float) -> list[Record]:  # noqa: ARG002 - it never waits longer than its tick
        """Return the records that one notification, or the passing of time, led to.

        Raises:
            CannotWatchError: RabbitMQ refuses.
        """
        ready, self._ready = self._ready, []
        return ready or self._next()

    def close(self) -> None:
        """Leave RabbitMQ; the queue goes with the connection."""
        self._stop.request("the watch has ended")
        for _ in self._events:
            pass

    def _next(self) -> list[Record]:
        try:
            received = next(self._events, None)
        except TransportError as error:
            raise CommandError(f"--transport-url {error}", USAGE) from error
        if self._error is not None and self._error.actionable:
            raise CannotWatchError(str(self._error)) from self._error
        out = Effects()
        if received is None:
            # Nothing is left to be applied: the clock may go on to the present.
            self._partition.advance(time.time_ns() // 1_000_000, out)
        else:
            self._offset += 1
            self._partition.apply(received.received_ms, self._offset, self._key(received.value), received.value, out)
        self._partition.forget()
        return [
            *(OperationRecord(decision.record) for decision in out.decisions),
            *(ProgressRecord(point.record, point.moment.timestamp()) for point in out.points),
        ]

    def _key(self, value: bytes) -> bytes:
        payload = orjson.loads(value)["payload"]
        data = payload.get("nova_object.data", {}) if isinstance(payload, dict) else {}
        return aggregate_key(self._cloud, str(data.get("uuid"))).encode()

    def _on_state(self, error: SourceError | None) -> None:
        if self._listening and error is not None:
            self._say(f"warning: {error}; trying again. What Nova sends meanwhile is not seen")
        elif error is None and self._error is not None and self._listening:
            self._say("RabbitMQ answers again")
        self._error = error
        self._listening = self._listening or error is None
