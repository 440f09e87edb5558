"""The derived topics: one transaction a round, with the offsets that it stands for."""

from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from time import monotonic
from typing import Any, Final, NamedTuple

from confluent_kafka import Producer, TopicPartition

from precache.config import TopicsBlock
from precache.contract import cloudevents
from precache.contract.deadletters import DeadLetter
from precache.contract.identity import operation_event_id, operation_namespace, progress_event_id
from precache.contract.times import rfc3339_ms
from precache.contract.topics import OPERATION_TYPE, PROGRESS_TYPE
from precache.kafka.bounded import within
from precache.kafka.errors import KafkaCallError, KafkaRetry, kafka_errors
from precache.runtime.watchdog import Watched
from processor.core import records
from processor.core.effects import Decision, Point
from processor.shutdown import ShutdownGrace

# librdkafka's local queue is full: give its thread a moment.
_QUEUE_FULL_S: Final = 0.05
_SPEC_VERSION: Final = ("ce_specversion", cloudevents.SPEC_VERSION)
_CONTENT_TYPE: Final = ("content-type", cloudevents.CONTENT_TYPE)
_PROGRESS: Final = ("ce_type", PROGRESS_TYPE.encode())


class OutputRecord(NamedTuple):
    """One record to be written; ``partition`` -1 lets the key decide."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: cloudevents.Headers


class Publisher:
    """Writes transactions. For one thread.

    Args:
        producer: with a transactional id; its transactions are initialised.
        call_s: how long one call may take; calls that may be repeated are, until ``limit_s``.
        limit_s: the transaction's timeout: past that Kafka aborts it.
        grace: once it ended, no call is repeated.
        watched: has a beat with each call.
    """

    def __init__(
        self, producer: Producer, call_s: float, limit_s: float, grace: ShutdownGrace, watched: Watched
    ) -> None:
        self._producer = producer
        self._call_s = call_s
        self._limit_s = limit_s
        self._grace = grace
        self._watched = watched

    def begin(self) -> None:
        """Begin a transaction.

        Raises:
            KafkaCallError: rebuild from what is committed.
        """
        with kafka_errors("begin a transaction"):
            self._producer.begin_transaction()

    def add_offsets(self, offsets: list[TopicPartition], group: Any) -> None:
        """Add the offsets that the transaction stands for.

        Raises:
            KafkaCallError: why these, or records before them, were not taken; rebuild from what is committed.
        """
        self._insist("add the offsets to the transaction", self._send_offsets, offsets, group)

    def commit(self) -> None:
        """Make all that was written since :meth:`begin` readable at once.

        Raises:
            KafkaCallError: it is not known to be written; rebuild from what is committed.
        """
        self._insist("commit the transaction", self._producer.commit_transaction)

    def abort(self) -> bool:
        """Give up what was begun; return whether the producer can be used further."""
        try:
            self._insist("abort the transaction", self._producer.abort_transaction)
        except KafkaCallError:
            return False
        return True

    def write(self, outputs: Iterable[OutputRecord]) -> None:
        """Write records into the open transaction.

        Raises:
            KafkaCallError: one was not taken; the reason may be that of an earlier one, and is not given here.
        """
        produce: Any = self._producer.produce  # its stubs want other headers than it takes
        with kafka_errors("write to the derived topics"):
            for topic, partition, key, value, headers in outputs:
                while True:
                    try:
                        produce(topic, value, key, partition, headers=headers)
                    except BufferError:
                        self._producer.poll(_QUEUE_FULL_S)
                    else:
                        break

    def _send_offsets(self, offsets: list[TopicPartition], group: Any, timeout_s: float) -> None:
        """Add the offsets, within a time: librdkafka ignores it while it waits for a coordinator that it dropped.

        Raises:
            KafkaHanging: the call did not return.
        """
        call = partial(self._producer.send_offsets_to_transaction, offsets, group, timeout_s)
        within("add the offsets to the transaction: the group's coordinator is away", timeout_s, call)

    def _insist(self, doing: str, call: Any, *arguments: Any) -> None:
        """Make a call until it succeeds, fails for good, or takes that long that the transaction has ended anyway."""
        end = monotonic() + self._limit_s
        while True:
            self._watched.beat()
            try:
                with kafka_errors(doing):
                    call(*arguments, self._call_s)
            except KafkaRetry:
                if monotonic() > end or self._grace.ended:
                    raise
            else:
                return


class _Origin(NamedTuple):
    """What the progress records of one operation have in common."""

    namespace: bytes
    key: bytes
    source: tuple[str, bytes]
    subject: tuple[str, bytes]


@lru_cache(maxsize=4_096)
def _origin(operation_id: str, cloud: str) -> _Origin:
    key = operation_id.encode()
    source = cloudevents.source("precache", cloud).encode()
    return _Origin(operation_namespace(operation_id), key, ("ce_source", source), ("ce_subject", key))


class Encoder:
    """From what the core says to records of the derived topics."""

    def __init__(self, topics: TopicsBlock) -> None:
        self._topics = topics
        self._origin = topics.notifications

    def progress(self, points: Iterable[Point]) -> Iterator[OutputRecord]:
        """Return the records of ``precache.progress``: one for each host, so what does not change is made once."""
        topic = self._topics.progress
        for point in points:
            record = point.record
            origin = _origin(record.operation, record.cloud)
            headers = [
                _SPEC_VERSION,
                ("ce_id", progress_event_id(origin.namespace, record.message_id).encode()),
                origin.source,
                _PROGRESS,
                origin.subject,
                ("ce_time", records.rfc3339(point.moment).encode()),
                _CONTENT_TYPE,
            ]
            yield OutputRecord(topic, -1, origin.key, records.progress_value(record), headers)

    def decisions(self, partition: int, decisions: Iterable[Decision]) -> Iterator[OutputRecord]:
        """Return the records of ``precache.operations``, on the partition of their input."""
        for decision in decisions:
            record = decision.record
            headers = cloudevents.headers(
                event_id=operation_event_id(operation_namespace(record.operation), record.sequence),
                source_path=cloudevents.source("precache", record.cloud),
                event_type=OPERATION_TYPE,
                subject=record.operation,
                time=rfc3339_ms(decision.at_ms),
            )
            yield OutputRecord(self._topics.operations, partition, record.operation.encode(), decision.value, headers)

    def letters(self, letters: Iterable[DeadLetter]) -> Iterator[OutputRecord]:
        """Return the records of ``precache.deadletters``."""
        for letter in letters:
            yield OutputRecord(self._topics.deadletters, -1, letter.key(), letter.value(), letter.headers())
