"""Reads the two derived topics for a watch."""

from collections.abc import Callable
from typing import Final

from confluent_kafka import Message, TopicPartition

from console.cli.configs import KafkaSettings
from console.cli.kafka_log import CannotReadError, LogReader, Span
from console.watch.feed import CannotWatchError, OperationRecord, ProgressRecord, Record
from console.watch.past import Past, operation_of, operations_span, progress_of, progress_span
from precache.runtime.deadline import Deadline

_CLIENT_ID: Final = "precache-watch"


class KafkaFeed:
    """The records of ``precache.operations`` and ``precache.progress``.

    Args:
        settings: how to reach Kafka, and what the topics are called.
        operation: read what is there of this operation, and follow it alone; ``""``: read what comes from now on.
        emit: tells a person about outages.
    """

    def __init__(self, settings: KafkaSettings, operation: str, emit: Callable[[str], None]) -> None:
        self._progress_topic = settings.topics.progress
        self._operations_topic = settings.topics.operations
        self._operation = operation
        self._past: list[Record] = []
        self._reader = LogReader(settings, _CLIENT_ID, emit)

    def open(self, limit_s: float, beat: Callable[[], None], /) -> None:
        """Connect; read what is there of the operation, or take place at the ends of the topics.

        Raises:
            CannotWatchError: Kafka can't be reached or refuses, or the topics are not there.
        """
        deadline = Deadline.after(limit_s)
        try:
            # Progress first: whatever begins after the second look is seen whole.
            progress = self._reader.spans(self._progress_topic, deadline)
            operations = self._reader.spans(self._operations_topic, deadline)
            if self._operation:
                progress = [progress_span(self._operation, progress)]
                operations = [operations_span(self._operation, operations)]
                self._past = self._read_past(progress[0], operations[0], limit_s, beat)
        except CannotReadError as error:
            raise CannotWatchError(str(error)) from error
        topics = ((self._progress_topic, progress), (self._operations_topic, operations))
        self._reader.start(
            [TopicPartition(topic, span.partition, span.high) for topic, spans in topics for span in spans]
        )

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

    def _read_past(self, progress: Span, operations: Span, quiet_s: float, beat: Callable[[], None]) -> list[Record]:
        past = Past(self._reader, self._operation, quiet_s, beat)
        found = past.find(self._operations_topic, operations)
        return [] if found is None else past.records(found, self._progress_topic, progress)

    def _record(self, message: Message) -> Record | None:
        if self._operation and message.key() != self._operation.encode():
            return None
        if message.topic() == self._operations_topic:
            operation = operation_of(message)
            return None if operation is None else OperationRecord(operation)
        progress = progress_of(message)
        return None if progress is None else ProgressRecord(progress)
