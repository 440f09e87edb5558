"""Steps 3 to 6 of a round: what it led to is written, in the order that makes each of them safe to be cut short."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from time import monotonic, time

from confluent_kafka import Message, TopicPartition

from precache.config import TopicsBlock
from precache.contract.deadletters import DeadLetter
from precache.contract.progress import Progress
from precache.contract.tables.measurements import BY_RECORD, Row
from precache.runtime.logs import log
from processor import metrics
from processor.errors import StartOver
from processor.fault_points import FaultPoints
from processor.group import commit_metadata as commits
from processor.group.assigned_partition import AssignedPartition
from processor.group.membership import Membership
from processor.group.point_partitions import PointPartitions, PointRecord
from processor.output import dead_letters, rows
from processor.output import report as reporting
from processor.output.encode import Encoder, OutputRecord
from processor.output.store_writer import StoreWriter, nothing
from processor.output.transactions import Transactions
from processor.stores.api import RefusedRow, WriteReport


class Steps:
    """Carries out a round's effects, for the partitions that have any."""

    def __init__(
        self,
        topics: TopicsBlock,
        *,
        membership: Membership,
        points: PointPartitions,
        store: StoreWriter,
        transactions: Transactions,
        fault_points: FaultPoints,
    ) -> None:
        self._topics = topics
        self._membership = membership
        self._points = points
        self._store = store
        # Dead letters of this round's rows that are points of their own.
        self._point_letters: list[DeadLetter] = []
        self._transactions = transactions
        self._encoder = Encoder(topics)
        self._fault_points = fault_points

    def write_points(self, busy: Sequence[AssignedPartition], messages: Sequence[Message]) -> None:
        """Step 3: progress points and heartbeats; those that the store refuses become dead letters of step 4.

        While the store has them, the records of ``precache.progress`` go out, in the transaction that step 4 commits.
        It is not held open for a store that makes us wait; nor does it hold decisions or offsets until step 4: they
        would hold up a successor, should this process be killed.
        """
        self._fault_points.hit("step3:before")
        written: list[Row] = []
        for assigned in busy:
            written += assigned.out.points
            written += assigned.out.heartbeats
        written += self._points.rows
        report = self._write(
            written, lambda: self._transactions.begin(self._progress(busy)), self._transactions.give_up
        )
        self._point_letters = []
        if report.refused:
            self._refuse_points(busy, messages, report)
        refused = sum(isinstance(one.row.record, Progress) for one in report.refused)
        # What is too old is not named; a heartbeat among it is a rare thing.
        stored = sum(len(assigned.out.points) for assigned in busy) - refused - report.dropped_old
        metrics.POINTS.inc(max(0, stored))
        for assigned in busy:
            reporting.report_points(assigned.out.points, time())
        self._fault_points.hit("step3:after")

    def commit(self, busy: Sequence[AssignedPartition]) -> None:
        """Step 4: derived records, dead letters and offsets, in one transaction."""
        self._fault_points.hit("step4:before")
        if self._membership.any_lost():
            raise StartOver("a partition was taken away before the commit")
        if not self._transactions.begun:
            self._transactions.begin(self._progress(busy))
        outputs = [output for assigned in busy for output in chain(self._decisions(assigned), self._letters(assigned))]
        letters = self._letters_of_points()
        outputs += self._encoder.letters(letters)
        metadata_of_all = [assigned.metadata(self._transactions.transactional_id) for assigned in busy]
        offsets = [
            TopicPartition(
                self._topics.notifications,
                assigned.number,
                assigned.next_offset,
                metadata=commits.write(metadata),
            )
            for assigned, metadata in zip(busy, metadata_of_all, strict=True)
        ]
        offsets += self._points.offsets()
        self._transactions.commit(outputs, offsets, self._membership.metadata())
        for assigned, metadata in zip(busy, metadata_of_all, strict=True):
            reporting.log_outcome(assigned.out, assigned.letters)
            reporting.log_stamped_ahead(assigned, monotonic(), time())
            assigned.commit(metadata)
        reporting.log_letters(letters)
        self._points.end_round()
        metrics.ROUNDS.inc()
        self._fault_points.hit("step4:after")

    def write_rows(self, busy: Sequence[AssignedPartition]) -> None:
        """Step 5: the rows of the operations that changed.

        The same row is written again and again (more hosts reported, a restart, the closing): if it is refused, that is
        reported once for each record of the operation, in the next commit. Should there be none, the partition is
        rebuilt, and the row written, and refused, again.
        """
        self._fault_points.hit("step5:before")
        changed = [
            (row, assigned, operation)
            for assigned in busy
            for operation in assigned.out.changed
            for row in rows.operation_rows(operation)
        ]
        for one in self._write([row for row, _, _ in changed]).refused:
            _, assigned, operation = changed[one.index]
            self._refuse(assigned, one, operation.first_offset, sequence=operation.sequence)
        self._fault_points.hit("step5:after")

    def forget(self, busy: Sequence[AssignedPartition]) -> None:
        """Step 6: let go of what was closed, and begin the next round."""
        self._fault_points.hit("step6:before")
        for assigned in busy:
            assigned.state.forget()
            assigned.next_round()
        self._fault_points.hit("step6:after")

    def _write(
        self, written: Sequence[Row], meanwhile: Callable[[], None] = nothing, waiting: Callable[[], None] = nothing
    ) -> WriteReport:
        report = self._store.write(written, meanwhile, waiting)
        metrics.POINTS_TOO_OLD.inc(report.dropped_old)
        return report

    def _refuse_points(
        self, busy: Sequence[AssignedPartition], messages: Sequence[Message], report: WriteReport
    ) -> None:
        """Make dead letters of what the store refused of a round's points: all of them may be."""
        sources = [
            (assigned, offset)
            for assigned in busy
            for offset in (
                *(point.offset for point in assigned.out.points),
                *(row.offset for row in assigned.out.heartbeats),
            )
        ]
        places = {(each.partition(), each.offset()): each for each in messages}
        for one in report.refused:
            if one.index >= len(sources):
                self._refuse_point(one, self._points.sources[one.index - len(sources)])
                continue
            assigned, offset = sources[one.index]
            found = places.get((assigned.number, offset))
            self._refuse(assigned, one, offset, body=None if found is None else found.value())

    def _refuse(
        self,
        assigned: AssignedPartition,
        refused: RefusedRow,
        offset: int,
        *,
        body: bytes | None = None,
        sequence: int | None = None,
    ) -> None:
        """Make a dead letter, for the next commit, of a row that the store refused."""
        origin = f"{self._topics.notifications}/{assigned.number}/{offset}"
        letter = dead_letters.of_row(refused, origin, assigned.state.clock_ms, body=body, sequence=sequence)
        if assigned.note_letter(letter):
            log.error(
                "processor.row_refused", origin=origin, row=BY_RECORD[type(refused.row.record)].name, why=letter.detail
            )

    def _refuse_point(self, refused: RefusedRow, record: PointRecord) -> None:
        letter = dead_letters.of_row(refused, record.origin, record.ts_ms, body=record.value)
        self._point_letters.append(letter)
        name = BY_RECORD[type(refused.row.record)].name
        log.error("processor.row_refused", origin=record.origin, row=name, why=letter.detail)

    def _letters_of_points(self) -> list[DeadLetter]:
        unusable = [dead_letters.of_record(one, place.topic, place.number) for place, one in self._points.refused]
        return unusable + self._point_letters

    def _progress(self, busy: Sequence[AssignedPartition]) -> Iterator[OutputRecord]:
        for assigned in busy:
            yield from self._encoder.progress(assigned.out.points)

    def _decisions(self, assigned: AssignedPartition) -> Iterator[OutputRecord]:
        return self._encoder.decisions(assigned.number, assigned.out.decisions)

    def _letters(self, assigned: AssignedPartition) -> Iterator[OutputRecord]:
        topic = self._topics.notifications
        assigned.add_letters([dead_letters.of_record(one, topic, assigned.number) for one in assigned.out.refused])
        return self._encoder.letters(assigned.letters)
