"""Reads the two derived topics for a watch."""

from collections.abc import Callable
from typing import Final

from confluent_kafka import Message, TopicPartition

from console.configs import KafkaSettings
from console.kafka_log import CONNECT_S, CannotReadError, LogReader
from console.watch.feed import CannotWatchError, OperationRecord, ProgressRecord, Record
from precache.contract.operation import read_operation
from precache.contract.progress import read_progress
from precache.contract.topics import OPERATION_TYPE, PROGRESS_TYPE
from precache.service.deadline import Deadline

_CLIENT_ID: Final = "precache-watch"
# A later version of a record has another type: it is not for this one.
_OPERATION: Final = OPERATION_TYPE.encode()
_PROGRESS: Final = PROGRESS_TYPE.encode()


class KafkaFeed:
    """The records of ``precache.operations`` and ``precache.progress``.

    Args:
        settings: how to reach Kafka, and what the topics are called.
        operation: read both topics from their beginning for this operation alone; ``""``: read what comes from now on.
        say: tells a person about outages.
    """

    def __init__(self, settings: KafkaSettings, operation: str, say: Callable[[str], None]) -> None:
        self._progress_topic = settings.topics.progress
        self._operations_topic = settings.topics.operations
        self._operation = operation
        self._catch_up = _CatchUp() if operation else None
        self._reader = LogReader(settings, _CLIENT_ID, say)

    def open(self) -> None:
        """Connect, and take the place to read from: the ends of the topics, or their beginnings.

        Raises:
            CannotWatchError: Kafka can't be reached or refuses, or the topics are not there.
        """
        deadline = Deadline.after(CONNECT_S)
        try:
            # Progress first: whatever begins after the second look is seen whole.
            places = [
                TopicPartition(topic, span.partition, span.low if self._operation else span.high)
                for topic in (self._progress_topic, self._operations_topic)
                for span in self._reader.spans(topic, deadline)
            ]
        except CannotReadError as error:
            raise CannotWatchError(str(error)) from error
        self._reader.start(places)

    def poll(self, timeout_s: float) -> list[Record]:
        """Return the records that came.

        Raises:
            CannotWatchError: Kafka refuses, or the topics are gone.
        """
        try:
            messages = self._reader.poll(timeout_s)
        except CannotReadError as error:
            raise CannotWatchError(str(error)) from error
        records = [record for message in messages if (record := self._record(message)) is not None]
        if self._catch_up is None:
            return records
        self._catch_up.add(records)
        if not self._reader.at_the_end:
            return []
        found, self._catch_up = self._catch_up.found(), None
        return found

    def close(self) -> None:
        """Leave Kafka."""
        self._reader.close()

    def _record(self, message: Message) -> Record | None:
        if self._operation and message.key() != self._operation.encode():
            return None
        kind = dict(message.headers() or []).get("ce_type")
        if message.topic() == self._operations_topic:
            if kind != _OPERATION:
                return None
            operation = read_operation(message.value())
            return None if operation is None else OperationRecord(operation)
        progress = read_progress(message.value()) if kind == _PROGRESS else None
        return None if progress is None else ProgressRecord(progress)


class _CatchUp:
    """Collects what is there of one operation before any of it is told: the last record alone says how it stands."""

    def __init__(self) -> None:
        self._operation: OperationRecord | None = None
        self._progress: list[Record] = []

    def add(self, records: list[Record]) -> None:
        """Take records, in the order of their topic."""
        for record in records:
            if record.kind == "operation":
                self._operation = record
            else:
                self._progress.append(record)

    def found(self) -> list[Record]:
        """Return the operation's last record and its progress."""
        return self._progress if self._operation is None else [self._operation, *self._progress]
