"""Reads the two derived topics for a watch."""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from confluent_kafka import Message, TopicPartition

from console.cli.configs import KafkaSettings
from console.cli.topic_reader import CannotReadError, TopicReader
from console.watch.feeds.api import CannotWatchError, OperationRecord, Record
from console.watch.feeds.past import Past, operation_of, operations_span, progress_span, report_of
from console.watch.feeds.recent import Recent, Topic, find_request
from precache.contract.request_ids import is_global_request_id
from precache.runtime.deadline import Deadline

_CLIENT_ID: Final = "precache-watch"
_NS_PER_MS: Final = 1_000_000
_MS_PER_S: Final = 1_000


class Reach(NamedTuple):
    """What of the past is read, beside all that comes.

    Attributes:
        operation: one operation, by its id or its global request id, and nothing else is followed once it is found.
        look_back_s: the operations that sent something in that many seconds, with the reports of those that run.
    """

    operation: str = ""
    look_back_s: float = 0.0


class KafkaFeed:
    """The records of ``precache.operations`` and ``precache.progress``.

    Args:
        settings: how to reach Kafka, and what the topics are called.
        reach: what of the past is read.
        emit: reports outages to a person.
    """

    def __init__(self, settings: KafkaSettings, reach: Reach, emit: Callable[[str], None]) -> None:
        self._progress_topic = settings.topics.progress
        self._operations_topic = settings.topics.operations
        self._reach = reach
        self._key: bytes | None = None
        self._past: list[Record] = []
        self._emit = emit
        self._reader = TopicReader(settings, _CLIENT_ID, emit)

    @property
    def is_away(self) -> bool:
        """Whether Kafka is out of reach."""
        return self._reader.is_away

    def open(self, limit_s: float, beat: Callable[[], None], /) -> None:
        """Connect; read what is wanted of the past, or take place at the ends of the topics.

        Raises:
            CannotWatchError: Kafka can't be reached or refuses, or the topics are not there.
        """
        deadline = Deadline.after(limit_s)
        try:
            # Progress first: whatever begins after the second look is seen whole.
            progress = Topic(self._progress_topic, self._reader.spans(self._progress_topic, deadline))
            operations = Topic(self._operations_topic, self._reader.spans(self._operations_topic, deadline))
            if self._reach.look_back_s:
                since_ms = time.time_ns() // _NS_PER_MS - round(self._reach.look_back_s * _MS_PER_S)
                self._past = Recent(self._reader, limit_s, beat).records(operations, progress, since_ms)
            operation = self._operation(operations, limit_s, beat)
            if operation:
                self._key = operation.encode()
                progress = progress._replace(spans=[progress_span(operation, progress.spans)])
                operations = operations._replace(spans=[operations_span(operation, operations.spans)])
                self._past = self._read_past(operation, progress, operations, limit_s, beat)
        except CannotReadError as error:
            raise CannotWatchError(str(error)) from error
        self._reader.start([place for topic in (progress, operations) for place in _ends(topic)])

    def poll(self, timeout_s: float) -> list[Record]:
        """Return the records that came.

        Raises:
            CannotWatchError: Kafka refuses, or the topics are gone.
        """
        if self._past:
            past, self._past = self._past, []
            return past
        try:
            messages = self._reader.poll(timeout_s)
        except CannotReadError as error:
            raise CannotWatchError(str(error)) from error
        return [record for message in messages if (record := self._record(message)) is not None]

    def close(self) -> None:
        """Leave Kafka."""
        self._reader.close()

    def _operation(self, operations: Topic, quiet_s: float, beat: Callable[[], None]) -> str:
        """Return the id of the one operation to read; ``""`` when it is not known, or not one."""
        wanted = self._reach.operation
        if not is_global_request_id(wanted):
            return wanted
        first, *twins = find_request(self._reader, operations, wanted, quiet_s, beat) or [""]
        for twin in twins:
            self._emit(f"warning: {twin} has the same global request id, and is not followed")
        return first

    def _read_past(
        self, operation: str, progress: Topic, operations: Topic, quiet_s: float, beat: Callable[[], None]
    ) -> list[Record]:
        past = Past(self._reader, operation, quiet_s, beat)
        found = past.find(operations.name, operations.spans[0])
        return [] if found is None else past.records(found, progress.name, progress.spans[0])

    def _record(self, message: Message) -> Record | None:
        if self._key is not None and message.key() != self._key:
            return None
        if message.topic() == self._operations_topic:
            operation = operation_of(message)
            return None if operation is None else OperationRecord(operation)
        return report_of(message)


def _ends(topic: Topic) -> list[TopicPartition]:
    return [TopicPartition(topic.name, span.partition, span.high) for span in topic.spans]
