"""What the topics hold of the operations that run now, on all clouds, and of those that ended lately."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from confluent_kafka import Message, TopicPartition

from console.cli.topic_reader import Span, TopicReader
from console.watch.feeds.api import OperationRecord, ProgressRecord, Record
from console.watch.feeds.past import CLOCKS_MS, operation_of, report_of
from precache.contract.operation import FINAL_STATUSES, Operation
from precache.contract.partitions import partition_of
from precache.runtime.deadline import Deadline

# An operation without events is abandoned after a day (operations.abandon_after): what is open was opened lately.
LOOK_BACK_S: Final = 3 * 86_400.0
# `precache.operations` keeps its records for 90 days.
WHOLE_S: Final = 90 * 86_400.0


class Topic(NamedTuple):
    """A topic and what its partitions hold."""

    name: str
    spans: list[Span]


class _Opened(NamedTuple):
    last: Operation
    opened_ms: int


class Recent:
    """Reads recent operations, and the reports of those that run.

    Args:
        reader: connected to Kafka.
        quiet_s: how long Kafka may send nothing.
        beat: called for each message that was read.
    """

    def __init__(self, reader: TopicReader, quiet_s: float, beat: Callable[[], None]) -> None:
        self._reader = reader
        self._quiet_s = quiet_s
        self._beat = beat

    def records(self, operations: Topic, progress: Topic, since_ms: int) -> list[Record]:
        """Return the last record of each operation since a time, and the reports of the open ones.

        Args:
            operations: the topic ``precache.operations``.
            progress: the topic ``precache.progress``.
            since_ms: milliseconds since the epoch; operations whose records are all older are not looked for.

        Raises:
            CannotReadError: Kafka refuses, or sends nothing.
        """
        known = self._operations(operations, since_ms)
        running = {name: each for name, each in known.items() if each.last.status not in FINAL_STATUSES}
        reports = self._reports(progress, running) if running else []
        return [*(OperationRecord(each.last) for each in known.values()), *reports]

    def _operations(self, topic: Topic, since_ms: int) -> dict[str, _Opened]:
        known: dict[str, _Opened] = {}
        for message in self._messages(topic.name, self._since(topic.name, topic.spans, since_ms)):
            record = operation_of(message)
            if record is None:
                continue
            before = known.get(record.operation)
            if before is None:
                known[record.operation] = _Opened(record, message.timestamp()[1])
            elif record.sequence > before.last.sequence:
                known[record.operation] = before._replace(last=record)
        return known

    def _reports(self, topic: Topic, running: dict[str, _Opened]) -> list[ProgressRecord]:
        keys = {name.encode() for name in running}
        partitions = {partition_of(key, len(topic.spans)) for key in keys}
        since_ms = min(each.opened_ms for each in running.values()) - CLOCKS_MS
        spans = self._since(topic.name, [span for span in topic.spans if span.partition in partitions], since_ms)
        found = (report_of(message) for message in self._messages(topic.name, spans) if message.key() in keys)
        return [report for report in found if report is not None]

    def _since(self, topic: str, spans: list[Span], since_ms: int) -> list[Span]:
        return self._reader.since(topic, spans, since_ms, Deadline.after(self._quiet_s))

    def _messages(self, topic: str, spans: Iterable[Span]) -> Iterator[Message]:
        places = [TopicPartition(topic, span.partition, span.low) for span in spans if span.low < span.high]
        if not places:
            return
        for message in self._reader.read(places, self._quiet_s):
            self._beat()
            yield message


def find_request(
    reader: TopicReader, operations: Topic, global_request_id: str, quiet_s: float, beat: Callable[[], None]
) -> list[str]:
    """Return the ids of the operations that have a global request id, the first that began first.

    There is one at most, unless somebody asked twice with one id.

    Raises:
        CannotReadError: Kafka refuses, or sends nothing.
    """
    needle = global_request_id.encode()
    found: dict[str, str] = {}
    places = [TopicPartition(operations.name, span.partition, span.low) for span in operations.spans]
    for message in reader.read(places, quiet_s):
        beat()
        # To decode each record of ninety days would take far longer than to look for the id.
        if needle in (message.value() or b""):
            record = operation_of(message)
            if record is not None and record.global_request_id == global_request_id:
                found.setdefault(record.operation, record.started_at)
    return sorted(found, key=lambda name: (found[name], name))
