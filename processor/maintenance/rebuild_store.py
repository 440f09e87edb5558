"""``--rebuild-store``: the store written anew from Kafka.

Decisions and final rows come from ``precache.operations``, points from the log of notifications, from its start on.
Operations that began before the log's start get their record's row. Those without a record were never processed: they
are decided by the partition's clock, which is moved to wall time once, at the end. Nothing is written to Kafka.

What the group has processed is judged by the clock that it committed, as by a processor that restarts: whether a
timestamp was believed, and which events came late. What comes after that is judged by wall time.

While the store writes some thousand rows, the next ones are read and decoded. One write at a time: rows keep their
order.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Final

from confluent_kafka import Message

from precache.contract.tables.measurements import BY_RECORD, Row
from precache.contract.topics import Role
from precache.kafka.errors import KafkaRetry
from precache.kafka.groups import GroupCommits
from precache.kafka.log_reader import LogReader
from precache.runtime.logs import log
from precache.runtime.shutdown import Stop
from precache.runtime.watchdog import Watched
from processor.config import ProcessorConfig
from processor.core.effects import Effects
from processor.core.explain import Unreadable
from processor.core.partition import Partition, believed_ms
from processor.core.points import READERS, point_row
from processor.errors import Fatal
from processor.group import commit_metadata as commits
from processor.group.recovery import Decisions, log_unreadable
from processor.output import rows
from processor.output.store_retry import StoreRetries
from processor.round.tuning import Tuning
from processor.stores.api import RowStore, StoreRetry, WriteReport

_CALL_S: Final = 15.0
_EMIT_EVERY_S: Final = 2.0
_LOOK_S: Final = 1.0
# Fewer at a time cost the store more for each; more at a time are only more memory.
_ROWS_AT_ONCE: Final = 40_000
# The log's retention may remove its start while it is read: then it is read anew from its new start.
_ATTEMPTS: Final = 3


class StoreRebuild:
    """One run.

    Args:
        config: ``processor.yaml``.
        reader: reads outside of any group.
        committed: what the group has committed.
        store: where to.
        stop: ends it early, between batches.
        emit: is given lines for a person.
        watched: has a beat with each batch, and while the store is waited for.
    """

    def __init__(  # noqa: PLR0917 - each is another thing
        self,
        config: ProcessorConfig,
        reader: LogReader,
        committed: GroupCommits,
        store: RowStore,
        stop: Stop,
        emit: Callable[[str], None],
        watched: Watched,
    ) -> None:
        self._config = config
        self._topics = config.topics
        self._reader = reader
        self._committed = committed
        self._watched = watched
        self._store = store
        self._stop = stop
        self._emit = emit
        self._points = self._refused = self._too_old = 0
        self._emitted_s = 0.0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._gathered: list[Row] = []
        # What the store has, and what comes of it.
        self._writing: tuple[list[Row], Future[WriteReport]] | None = None

    def run(self, wall_ms: Callable[[], int]) -> None:
        """Write everything.

        Raises:
            Fatal: there is no such topic, or it was stopped early.
            KafkaCallError: Kafka can't be read.
            StoreFatal: the store can't be written.
        """
        count = self._reader.partitions(self._topics.notifications, _CALL_S)
        if not count:
            raise Fatal(f"there is no topic {self._topics.notifications}: check topics in the configuration")
        began = monotonic()
        with self._thread:
            for number in range(count):
                self._patiently(partial(self._partition, number, wall_ms), number)
            for role in READERS:
                topic = self._topics.name(role)
                for number in range(self._reader.partitions(topic, _CALL_S)):
                    self._patiently(partial(self._point_partition, topic, role, number), number)
        self._emit(
            f"done in {monotonic() - began:.1f} s: {self._points} points and rows of {count} partitions written, "
            f"{self._too_old} older than the store keeps, {self._refused} refused"
        )

    def _patiently(self, write: Callable[[], None], number: int) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                write()
            except KafkaRetry as error:
                if attempt == _ATTEMPTS - 1:
                    raise
                log.warning("processor.rebuild_store_again", partition=number, why=str(error))
            else:
                return

    def _partition(self, number: int, wall_ms: Callable[[], int]) -> None:
        topic = self._topics.notifications
        start, end = self._reader.bounds(topic, number, _CALL_S)
        decisions = self._decisions(number, start)
        processed, metadata = self._commit(number, start)
        decided, undecided = (self._begin(metadata, wall_ms()) for _ in range(2))
        decided.restore(decisions.records.values(), start, decisions.closed)
        self._take(number, start, min(processed, end), decided, undecided)
        for partition in (decided, undecided):
            partition.observe(wall_ms())
        self._take(number, min(processed, end), end, decided, undecided)
        out = Effects()
        undecided.advance(wall_ms() - Tuning().margin_ms, out)
        self._write(_rows_of(out))
        self._write(row for operation in decided.operations() for row in rows.operation_rows(operation))
        self._hand_over()
        self._finish()
        self._emit_progress(f"{topic}/{number}: all of {end - start} records, {len(decisions)} operations", always=True)

    def _point_partition(self, topic: str, role: Role, number: int) -> None:
        """Write the rows of a topic whose every record is one."""
        for batch in self._reader.read(topic, number, *self._reader.bounds(topic, number, _CALL_S)):
            self._go_on()
            for message in batch:
                # What can't be read is a dead letter already.
                with suppress(Unreadable):
                    row = point_row(role, message.key(), message.value())
                    self._write([] if row is None else [row])
        self._hand_over()
        self._finish()

    def _commit(self, number: int, start: int) -> tuple[int, commits.CommitMetadata | None]:
        """Return up to where the group has processed a partition, and what it noted there; else the log's start."""
        (place,) = self._committed.read(self._topics.notifications, [number], _CALL_S)
        metadata = commits.read(place.metadata)
        return start if metadata is None else max(start, place.offset), metadata

    def _begin(self, metadata: commits.CommitMetadata | None, wall_ms: int) -> Partition:
        timers = self._config.operations.timers
        if metadata is None:
            return Partition(timers)
        return Partition(timers, believed_ms(metadata.clock_ms, wall_ms), metadata.revise_at_ms, wall_ms)

    def _take(self, number: int, start: int, end: int, decided: Partition, undecided: Partition) -> None:
        """Read a part of the log, and write what comes of it."""
        topic = self._topics.notifications
        for batch in self._reader.read(topic, number, start, end):
            self._write(self._batch(batch, decided, undecided))
            self._emit_progress(f"{topic}/{number}: at offset {_place(batch, start)} of {end}", always=False)

    def _decisions(self, number: int, start: int) -> Decisions:
        """Read the partition's decisions; of operations that began before ``start``, write the rows at once."""
        topic = self._topics.operations
        decisions = Decisions(start)
        for batch in self._reader.read(topic, number, *self._reader.bounds(topic, number, _CALL_S)):
            self._go_on()
            for message in batch:
                began_before = decisions.take(message)
                if began_before is not None:
                    self._write(rows.record_rows(began_before))
        log_unreadable(decisions, topic, number)
        return decisions

    def _batch(self, batch: Iterable[Message], decided: Partition, undecided: Partition) -> Iterator[Row]:
        self._go_on()
        out = Effects()
        for message in batch:
            ts_ms, key, value = message.timestamp()[1], message.key(), message.value() or b""
            if not decided.replay(ts_ms, key, value, out):
                undecided.apply(ts_ms, message.offset() or 0, key, value, out)
        return _rows_of(out)

    def _write(self, some: Iterable[Row]) -> None:
        """Have rows written after those before them, once there are enough of them."""
        self._gathered += some
        if len(self._gathered) >= _ROWS_AT_ONCE:
            self._hand_over()

    def _hand_over(self) -> None:
        """Give the store what was gathered, once it is done with what it has; return while it writes."""
        self._finish()
        if self._gathered:
            self._writing = self._gathered, self._thread.submit(self._store.write, self._gathered)
            self._gathered = []

    def _finish(self) -> None:
        """Wait until the store has what it was given, however long that takes."""
        retries = StoreRetries()
        while self._writing is not None:
            self._go_on()
            written, writing = self._writing
            if not wait([writing], _LOOK_S).done:
                continue
            try:
                report = writing.result()
            except StoreRetry as error:
                self._stop.wait(retries.add(error))
                self._writing = written, self._thread.submit(self._store.write, written)
            else:
                retries.end()
                self._writing = None
                self._count(written, report)

    def _count(self, written: list[Row], report: WriteReport) -> None:
        self._points += len(written) - len(report.refused) - report.dropped_old
        self._refused += len(report.refused)
        self._too_old += report.dropped_old
        for refused in report.refused:
            log.error("processor.row_refused", row=BY_RECORD[type(refused.row.record)].name, why=refused.why)

    def _go_on(self) -> None:
        self._watched.beat()
        if self._stop.requested:
            raise Fatal("stopped before the end: the store is incomplete; run --rebuild-store again")

    def _emit_progress(self, text: str, *, always: bool) -> None:
        if always or monotonic() - self._emitted_s > _EMIT_EVERY_S:
            self._emitted_s = monotonic()
            self._emit(text)


def _rows_of(out: Effects) -> Iterator[Row]:
    yield from out.points
    yield from out.heartbeats
    for operation in out.changed:
        yield from rows.operation_rows(operation)


def _place(batch: list[Message], start: int) -> int:
    return (batch[-1].offset() or 0) + 1 if batch else start
