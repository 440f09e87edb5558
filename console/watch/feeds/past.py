"""What the topics hold of one operation already, found without reading them whole.

The operation's id gives its partition in both topics. Its records in ``precache.operations`` are looked for from the
end backwards. Their timestamps bound its reports in ``precache.progress``: a processor writes the opening before or
with the first report, and a final record after or with the last one that it counts.

Clocks of processors may differ by more than that rests on. Where reports are missing between these bounds, the whole
partition is read.
"""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from typing import Final, NamedTuple

from confluent_kafka import Message

from console.cli.topic_reader import Span, TopicReader, backwards
from console.watch.feeds.api import OperationRecord, ProgressRecord, Record
from precache.contract.identity import SEPARATOR
from precache.contract.operation import FINAL_STATUSES, Operation, read_operation
from precache.contract.partitions import partition_of
from precache.contract.progress import Progress, read_progress
from precache.contract.times import NS_PER_S, parse_ns
from precache.contract.topics import OPERATION_TYPE, PROGRESS_TYPE
from precache.runtime.deadline import Deadline

# Processors take over from each other within an operation: their clocks may differ by this much.
CLOCKS_MS: Final = 5 * 60_000
_MS_PER_S: Final = 1_000
# A later version of a record has another type: it is not for this one.
_OPERATION: Final = OPERATION_TYPE.encode()
_PROGRESS: Final = PROGRESS_TYPE.encode()


class PastOperation(NamedTuple):
    """The last record of an operation, and when its first and its last were written (milliseconds since the epoch).

    ``opened_ms`` is None when compaction has taken the opening.
    """

    last: Operation
    opened_ms: int | None
    last_ms: int


def operation_of(message: Message) -> Operation | None:
    """Return a message's record of ``precache.operations``; None for what is none, or of another version."""
    return read_operation(message.value()) if _type_of(message) == _OPERATION else None


def progress_of(message: Message) -> Progress | None:
    """Return a message's record of ``precache.progress``; None for what is none, or of another version."""
    return read_progress(message.value()) if _type_of(message) == _PROGRESS else None


def report_of(message: Message) -> ProgressRecord | None:
    """Return a message's report with the time at which Nova sent it; None for what :func:`progress_of` passes over."""
    report = progress_of(message)
    return None if report is None else ProgressRecord(report, _sent_at_s(message))


def _type_of(message: Message) -> object:
    return dict(message.headers() or []).get("ce_type")


def _sent_at_s(message: Message) -> float:
    """Return a record's ``ce_time`` as seconds since the epoch; where there is none, when Kafka took it."""
    sent = dict(message.headers() or []).get("ce_time")
    if isinstance(sent, bytes):
        with suppress(ValueError):
            return parse_ns(sent.decode(errors="replace")) / NS_PER_S
    return message.timestamp()[1] / _MS_PER_S


def is_missing(last: Operation, reports: Collection[ProgressRecord]) -> bool:
    """Return whether there are more reports: each of them, and the record, says how many hosts had reported by then."""
    hosts = {report.value.host for report in reports}
    return len(hosts) < max([last.hosts_done, *(report.value.hosts_done for report in reports)])


def progress_span(operation: str, spans: list[Span]) -> Span:
    """Return the partition of ``precache.progress`` on which an operation's reports stand."""
    return spans[partition_of(operation.encode(), len(spans))]


def operations_span(operation: str, spans: list[Span]) -> Span:
    """Return the partition of ``precache.operations`` with an operation's records: the one of its notifications."""
    aggregate_key, _, _ = operation.rpartition(SEPARATOR)
    return spans[partition_of(aggregate_key.encode(), len(spans))]


class Past:
    """Reads what is there of one operation.

    Args:
        reader: connected to Kafka.
        operation: its id.
        quiet_s: how long Kafka may send nothing.
        beat: called for each message that was read.
        now_ms: returns milliseconds since the epoch.
    """

    def __init__(
        self,
        reader: TopicReader,
        operation: str,
        quiet_s: float,
        beat: Callable[[], None],
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._reader = reader
        self._operation = operation
        self._key = operation.encode()
        self._quiet_s = quiet_s
        self._beat = beat
        self._now_ms = now_ms

    def find(self, topic: str, span: Span) -> PastOperation | None:
        """Return what ``precache.operations`` holds of the operation; None when it has not begun.

        Raises:
            CannotReadError: Kafka refuses, or sends nothing.
        """
        last: tuple[Operation, int] | None = None
        for part in backwards(span):
            decided = [
                (record, message.timestamp()[1])
                for message in self._messages(topic, part)
                if (record := operation_of(message)) is not None
            ]
            if not decided:
                continue
            last = last or decided[-1]
            first, opened_ms = decided[0]
            if first.sequence == 1:
                return PastOperation(last[0], opened_ms, last[1])
        return None if last is None else PastOperation(last[0], None, last[1])

    def records(self, found: PastOperation, topic: str, span: Span) -> list[Record]:
        """Return the operation's last record, which alone says how it stands, and its reports.

        Raises:
            CannotReadError: Kafka refuses, or sends nothing.
        """
        reports = self._reports(topic, self._reports_span(found, topic, span))
        if is_missing(found.last, reports):
            reports = self._reports(topic, span)
        return [OperationRecord(found.last), *reports]

    def _reports(self, topic: str, span: Span) -> list[ProgressRecord]:
        return [report for message in self._messages(topic, span) if (report := report_of(message)) is not None]

    def _reports_span(self, found: PastOperation, topic: str, span: Span) -> Span:
        deadline = Deadline.after(self._quiet_s)
        # Nobody can have opened it later than now: such a stamp says nothing.
        if found.opened_ms is not None and found.opened_ms <= self._now_ms():
            [span] = self._reader.since(topic, [span], found.opened_ms - CLOCKS_MS, deadline)
        if found.last.status in FINAL_STATUSES:
            [after] = self._reader.since(topic, [span], found.last_ms + CLOCKS_MS, deadline)
            span = span._replace(high=after.low)
        return span

    def _messages(self, topic: str, span: Span) -> Iterator[Message]:
        """Yield the operation's messages within a span."""
        for message in self._reader.read_span(topic, span, self._quiet_s):
            self._beat()
            if message.key() == self._key:
                yield message
