"""Reads the two derived topics for a watch: without a group, committing nothing, so that it disturbs nobody."""

import time
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from console.configs import KafkaSettings
from console.watch import decode
from console.watch.feed import CannotWatchError, OperationRecord, ProgressRecord, Record
from precache.service.deadline import Deadline
from precache.service.kafka import clients
from precache.service.kafka.errors import KafkaFault, translate

# How long the first connection may take; a broker that restarts is back in that time.
CONNECT_S: Final = 12.0
_ATTEMPT_S: Final = 3.0
_PROBE_EVERY_S: Final = 5.0
_PAUSE_S: Final = 0.2
_BATCH: Final = 1_000

# A watch has no group: what a broker says about groups is not for it.
_OF_GROUPS: Final = frozenset({"GROUP_AUTHORIZATION_FAILED"})


class KafkaFeed:
    """The records of ``precache.operations`` and ``precache.progress``.

    Args:
        settings: how to reach Kafka, and what the topics are called.
        operation: read both topics from their beginning for this operation alone; ``""``: read what comes from now on.
        say: tells a person about outages.
    """

    def __init__(self, settings: KafkaSettings, operation: str, say: Callable[[str], None]) -> None:
        self._servers = settings.kafka.servers
        self._progress_topic = settings.topics.progress
        self._operations_topic = settings.topics.operations
        self._operation = operation
        self._say = say
        self._refused = ""
        self._away_since: float | None = None
        self._probe_at = 0.0
        self._catch_up: _CatchUp | None = None
        self._consumer = clients.consumer(
            settings.kafka,
            "precache-watch",
            **{
                # librdkafka wants a name; partitions are assigned by hand, so nobody ever meets it.
                "group.id": f"precache-watch-{uuid4()}",
                # Nothing is lost by a jump here: a watch has no place that it has to go on from.
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "error_cb": self._on_error,
            },
        )

    def open(self) -> None:
        """Connect, and take the place to read from: the ends of the topics, or their beginnings.

        Raises:
            CannotWatchError: Kafka can't be reached or refuses, or the topics are not there.
        """
        deadline = Deadline.after(CONNECT_S)
        # Progress first: whatever begins after the second look is seen whole.
        places = [
            place
            for topic in (self._progress_topic, self._operations_topic)
            for place in self._places(topic, self._partitions(topic, deadline), deadline)
        ]
        if self._operation:
            self._catch_up = _CatchUp({(place.topic, place.partition) for place in places})
        self._consumer.assign(places)

    def poll(self, timeout_s: float) -> list[Record]:
        """Return the records that came.

        Raises:
            CannotWatchError: Kafka refuses, or the topics are gone.
        """
        first = self._consumer.poll(timeout_s)
        messages = [] if first is None else [first, *self._consumer.consume(_BATCH, 0)]
        if self._refused:
            raise CannotWatchError(self._refused)
        if self._away_since is not None:
            self._probe()
        records = [record for message in messages for record in self._take(message)]
        if self._catch_up is None:
            return records
        whole = self._catch_up.add(records)
        if whole is None:
            return []
        self._catch_up = None
        return whole

    def close(self) -> None:
        """Leave Kafka."""
        self._consumer.close()

    def _partitions(self, topic: str, deadline: Deadline) -> list[int]:
        metadata = self._attempt(lambda left: self._consumer.list_topics(topic, timeout=left), deadline)
        found = metadata.topics[topic]
        if found.error is not None:
            raise CannotWatchError(self._why(translate(found.error), topic))
        return sorted(found.partitions)

    def _places(self, topic: str, partitions: list[int], deadline: Deadline) -> list[TopicPartition]:
        return [self._place(TopicPartition(topic, partition), deadline) for partition in partitions]

    def _place(self, place: TopicPartition, deadline: Deadline) -> TopicPartition:
        low, high = self._attempt(lambda left: self._consumer.get_watermark_offsets(place, timeout=left), deadline)
        place.offset = low if self._operation else high
        return place

    def _attempt(self, ask: Callable[[float], Any], deadline: Deadline) -> Any:
        """Ask until there is an answer or the time is up."""
        while True:
            try:
                return ask(min(_ATTEMPT_S, max(0.1, deadline.left())))
            except KafkaException as error:
                self._consumer.poll(0)  # the callbacks tell more than the exception does
                fault = translate(error)
                if fault.loud:
                    raise CannotWatchError(self._why(fault)) from error
                if self._refused:
                    raise CannotWatchError(self._refused) from error
                if deadline.passed:
                    raise CannotWatchError(
                        f"Kafka at {self._servers} cannot be reached within {CONNECT_S:.0f} s ({fault.text}). Check "
                        "address and network, and that the broker advertises an address that is reachable from here"
                    ) from error
                time.sleep(_PAUSE_S)

    def _take(self, message: Message) -> list[Record]:
        error = message.error()
        if error is not None:
            self._take_error(message, error)
            return []
        if self._operation and message.key() != self._operation.encode():
            return []
        if message.topic() == self._operations_topic:
            operation = decode.operation(message.value())
            return [] if operation is None else [OperationRecord(operation)]
        progress = decode.progress(message.value())
        return [] if progress is None else [ProgressRecord(progress)]

    def _take_error(self, message: Message, error: KafkaError) -> None:
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
            if self._catch_up is not None:
                self._catch_up.reached(message)
            return
        fault = translate(error)
        if fault.loud and fault.name not in _OF_GROUPS:
            raise CannotWatchError(self._why(fault, message.topic() or ""))
        if not fault.retry:
            self._say(f"warning: Kafka: {fault}; still watching")

    def _on_error(self, error: KafkaError) -> None:
        fault = translate(error)
        if fault.loud and fault.name not in _OF_GROUPS:
            self._refused = self._why(fault)
        elif fault.name == "_ALL_BROKERS_DOWN" and self._away_since is None:
            self._away_since = time.monotonic()
            self._say(f"warning: Kafka at {self._servers} cannot be reached; trying again")

    def _probe(self) -> None:
        """Ask whether Kafka is back: on a quiet topic nothing else would tell."""
        now = time.monotonic()
        if now < self._probe_at:
            return
        self._probe_at = now + _PROBE_EVERY_S
        try:
            self._consumer.list_topics(self._operations_topic, timeout=1.0)
        except KafkaException:
            return
        self._away_since = None
        self._say("Kafka answers again")

    def _why(self, fault: KafkaFault, topic: str = "") -> str:
        place = f"Kafka at {self._servers}" + (f", topic {topic}" if topic else "")
        return f"{place}: {fault.text} ({fault.name})"


class _CatchUp:
    """Collects what is there of one operation, until every partition was read to the end that it has."""

    def __init__(self, waiting: set[tuple[str, int]]) -> None:
        self._waiting = waiting
        self._operation: OperationRecord | None = None
        self._progress: list[Record] = []

    def reached(self, message: Message) -> None:
        """Note that a partition was read to its end."""
        self._waiting.discard((message.topic() or "", message.partition() or 0))

    def add(self, records: list[Record]) -> list[Record] | None:
        """Take records; once all is read, return the operation's last one and its progress."""
        for record in records:
            if record.kind == "operation":
                self._operation = record
            else:
                self._progress.append(record)
        if self._waiting:
            return None
        return self._progress if self._operation is None else [self._operation, *self._progress]
