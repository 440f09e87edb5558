"""From what Kafka has to a partition's state: on assign, and after anything went wrong.

Facts come from the log, decisions from ``precache.operations``. Each function is a generator: every ``yield`` lets the
loop serve its group and its other partitions.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, NamedTuple, TypeVar

from confluent_kafka import Message

from precache.contract.identity import operation_id
from precache.contract.operation import FINAL_STATUSES, Operation, read_operation
from precache.contract.tables.fields import INT64_MAX
from precache.contract.times import ms_from_rfc3339, ns_from_rfc3339
from precache.kafka.errors import KafkaRetry
from precache.kafka.log_reader import LogReader
from precache.runtime.logs import log
from processor.core.index import digest
from processor.core.partition import Partition, believed_ms
from processor.core.settings import Timers
from processor.errors import Fatal, StartOver
from processor.group import commit_metadata as commits
from processor.group.assigned_partition import AssignedPartition, log_taken_back
from processor.group.membership import Membership
from processor.group.predecessors import Predecessors
from processor.wall_time import WallTime

T = TypeVar("T")
Steps = Generator[None, None, T]

_LOG_AGAIN_S: Final = 10.0
# A predecessor of which Kafka says nothing in that many attempts does not hold up the rebuild.
_ATTEMPTS: Final = 3
_NOWHERE: Final = 2**63  # after every offset
_NEW_START: Final = (
    "name new topics in the topics block and a new kafka: group.id, create them (precache topics create), and let the "
    "bridges write there"
)


class PartitionPlace(NamedTuple):
    """Which partition of which topics, in which group."""

    notifications: str
    operations: str
    number: int
    group: str

    def __str__(self) -> str:
        return f"{self.notifications}/{self.number}"


@dataclass(slots=True)
class Decisions:
    """What ``precache.operations`` holds of a partition: 90 days of it, so finished operations must cost little.

    Attributes:
        replay_from: where the first operation in memory begins.
        end: where the log of notifications ends: no operation begins there or later.
        records: the last record of each operation that began there or later, by its id.
        closed: the digests of those that began before.
        unreadable: records that are not ours.
    """

    replay_from: int
    end: int = _NOWHERE
    records: dict[str, Operation] = field(default_factory=dict)
    closed: set[bytes] = field(default_factory=set)
    unreadable: int = 0

    def take(self, message: Message) -> Operation | None:
        """Take in one record; a later one replaces an earlier one. Return it if it is not kept."""
        record = read_record(message)
        if record is None or record.first_offset >= self.end:
            self.unreadable += 1
        elif record.first_offset >= self.replay_from:
            self.records[record.operation] = record
        else:
            self.closed.add(digest(record.operation))
            return record
        return None

    def open_ones(self) -> list[Operation]:
        """Return the records of those that are not final."""
        return [record for record in self.records.values() if record.status not in FINAL_STATUSES]

    def __len__(self) -> int:
        return len(self.records) + len(self.closed)


def read_record(message: Message) -> Operation | None:
    """Return the value of a record of ``precache.operations``; ``None`` if it is not one of precache's."""
    try:
        record = read_operation(message.value())
        return record if record is not None and _is_ours(record) else None
    # ValueError: no such time; RecursionError: nested too deep.
    except (ValueError, OverflowError, RecursionError):
        return None


def _is_ours(record: Operation) -> bool:
    """Return whether identity, numbers and times are as ours have them; a time that is none raises ``ValueError``."""
    is_final = record.status in FINAL_STATUSES
    if is_final:
        ms_from_rfc3339(record.final_at)
    counts = [record.revision, record.sequence, record.first_offset, record.errors]
    counts += record.hosts_total, record.hosts_done, record.hosts_failed, record.hosts_silent
    for image in record.image_counts.values():
        counts += image.hosts_cached, image.hosts_failed
    return (
        record.operation == operation_id(record.cloud, record.aggregate_uuid, record.request_id)
        and is_final == bool(record.final_at)
        and min(counts) >= 0
        and max(counts) <= INT64_MAX
        and abs(ns_from_rfc3339(record.time)) <= INT64_MAX
    )


def log_unreadable(decisions: Decisions, topic: str, partition: int) -> None:
    """Log the records that were passed over, if there are any."""
    if decisions.unreadable:
        log.error(
            "processor.records_unreadable",
            topic=topic,
            partition=partition,
            records=decisions.unreadable,
            advice="somebody else writes to this topic: take away that right",
        )


class Rebuilder:
    """Rebuilds partitions, one at a time."""

    def __init__(
        self,
        reader: LogReader,
        membership: Membership,
        predecessors: Predecessors,
        timers: Timers,
        *,
        call_s: float,
        on_replay: Callable[[int, float], None],
        wall: Callable[[], WallTime],
    ) -> None:
        self._reader = reader
        self._membership = membership
        self._predecessors = predecessors
        self._timers = timers
        self._call_s = call_s
        self._on_replay = on_replay
        self._wall = wall

    def note_members(self) -> None:
        """Take note of the group's members, whenever it has given out its partitions."""
        self._predecessors.note_members()

    def rebuild(self, place: PartitionPlace) -> Steps[AssignedPartition]:
        """Return a partition as it stood at the last commit.

        Raises:
            KafkaRetry, StartOver: to be begun anew.
            Fatal: it can't be, and somebody must decide.
        """
        began = monotonic()
        commit = yield from self._committed(place)
        metadata = commits.read(commit.metadata)
        partitions = yield from self._check_partitions(place, metadata)
        start, end = self._reader.bounds(place.notifications, place.number, self._call_s)
        first = metadata.replay_from if metadata else (yield from self._first(place, commit.offset))
        decisions = yield from self._decisions(place, first, end if commit.offset >= 0 else _NOWHERE)
        try:
            next_offset = self._next_offset(place, commit.offset, start, end, decisions)
        except Fatal:
            # Whoever lost its place in the group meanwhile, and does not know it yet, sees another one's work.
            if (yield from self._committed(place)) != commit:
                raise StartOver(f"another processor committed {place} while it was rebuilt here") from None
            raise
        replay_from = self._replay_from(place, metadata, commit.offset, start, decisions)
        state, taken_back = self._begin(place, metadata)
        state.restore(decisions.records.values(), replay_from, decisions.closed)
        replayed = yield from self._replay(place, state, replay_from, next_offset)
        state.resume()
        assigned = AssignedPartition(place.number, state, next_offset, partitions)
        assigned.touch(*state.operations())
        # Committed soon, whoever comes after us knows whose transaction to end.
        if taken_back or (metadata is not None and metadata.transactional_id != self._predecessors.own):
            assigned.owe_commit()
        took_s = monotonic() - began
        self._on_replay(replayed, took_s)
        log.info(
            "processor.rebuilt",
            partition=place.number,
            next_offset=next_offset,
            replay_from=replay_from,
            replayed=replayed,
            operations=len(assigned.out.changed),
            seconds=round(took_s, 3),
        )
        return assigned

    def _begin(self, place: PartitionPlace, metadata: commits.CommitMetadata | None) -> tuple[Partition, bool]:
        """Return a partition whose clock stands where it was committed, and whether that was too far ahead.

        Records that were stamped too far ahead when they were processed lie beyond the committed clock, and only they.
        """
        wall_ms = self._wall().latest_ms
        if metadata is None:
            state = Partition(self._timers)
            state.observe(wall_ms)
            return state, False
        clock_ms = believed_ms(metadata.clock_ms, wall_ms)
        if clock_ms != metadata.clock_ms:
            log_taken_back(place.number, metadata.clock_ms - clock_ms)
        return Partition(self._timers, clock_ms, metadata.revise_at_ms, wall_ms), clock_ms != metadata.clock_ms

    def _committed(self, place: PartitionPlace) -> Steps["_Commit"]:
        """Return the committed offset; it ends, or waits out, the open transaction of a processor that was killed."""
        logged_s = monotonic()
        attempts = 0
        while True:
            if not self._predecessors.end_transactions(place.number) and attempts < _ATTEMPTS:
                attempts += 1
                yield
                continue
            try:
                found = self._membership.committed(self._membership.place(place.number), self._call_s)
            except KafkaRetry as error:
                if error.actionable or monotonic() - logged_s > _LOG_AGAIN_S:
                    logged_s = monotonic()
                    log.warning("processor.waiting_for_commit", partition=place.number, why=str(error))
                yield
            else:
                return _Commit(found.offset, found.metadata)

    def _check_partitions(self, place: PartitionPlace, metadata: commits.CommitMetadata | None) -> Steps[int]:
        """Return how many partitions there are; refuse another number than there was: keys would lie elsewhere."""
        now = self._reader.partitions(place.notifications, self._call_s)
        others = self._reader.partitions(place.operations, self._call_s)
        before = {metadata.partitions} if metadata else (yield from self._partitions_by_others(now))
        if before - {now} or others != now:
            raise Fatal(
                f"{place.notifications} has {now} partitions, {place.operations} has {others}, and "
                f"{min(before, default=now)} were there when the group {place.group} last committed: their number is "
                f"fixed for life, since events of one aggregate now lie on two partitions; to go on, {_NEW_START}"
            )
        return now

    def _partitions_by_others(self, now: int) -> Steps[set[int]]:
        """Return how many partitions the commits of the other partitions speak of: this one has none, or no word."""
        counts = set()
        for number in range(now):
            yield
            try:
                metadata = commits.read(
                    self._membership.committed(self._membership.place(number), self._call_s).metadata
                )
            except KafkaRetry:
                continue  # another processor is about to commit: what it knows, it checks itself
            if metadata is not None:
                counts.add(metadata.partitions)
        return counts

    def _first(self, place: PartitionPlace, committed: int) -> Steps[int]:
        """Return where the first operation begins that is open or uncommitted, when no commit metadata says so."""
        if committed < 0:
            return _NOWHERE
        begins: dict[bytes, int] = {}
        start, end = self._reader.bounds(place.operations, place.number, self._call_s)
        for batch in self._reader.read(place.operations, place.number, start, end):
            for record in filter(None, map(read_record, batch)):
                if record.status in FINAL_STATUSES:
                    begins.pop(digest(record.operation), None)
                else:
                    begins[digest(record.operation)] = record.first_offset
            yield
        return min([committed, *begins.values()])

    def _decisions(self, place: PartitionPlace, replay_from: int, end_of_log: int) -> Steps[Decisions]:
        """Read the partition's records, up to where the log ended after the commit was read."""
        decisions = Decisions(replay_from, end_of_log)
        start, end = self._reader.bounds(place.operations, place.number, self._call_s)
        for batch in self._reader.read(place.operations, place.number, start, end):
            for message in batch:
                decisions.take(message)
            yield
        log_unreadable(decisions, place.operations, place.number)
        return decisions

    def _next_offset(self, place: PartitionPlace, committed: int, start: int, end: int, decisions: Decisions) -> int:
        """Return where to go on; without a commit, only a partition without a past has a place to start from."""
        if committed < 0:
            if decisions:
                raise Fatal(
                    f"the group {place.group} has no committed offset for {place}, but {place.operations} holds "
                    f"{len(decisions)} operations of it: to process them again would write them twice. Either "
                    f"the group.id was changed: put it back. Or Kafka forgot the offsets of a group that was away for "
                    f"longer than its offsets.retention.minutes: then {_NEW_START}"
                )
            return start
        if committed > end:
            raise Fatal(
                f"the group {place.group} has committed offset {committed} of {place}, which ends at {end}: the topic "
                f"was made anew, or its log was cut; {_NEW_START}"
            )
        ahead = [record.operation for record in decisions.records.values() if record.first_offset >= committed]
        if ahead:
            raise Fatal(
                f"the committed offset {committed} of {place} lies before operations that were decided already, such "
                f"as {ahead[0]}: it was set back by hand; set it forward again (kafka-consumer-groups.sh "
                f"--reset-offsets), or {_NEW_START}"
            )
        return max(committed, start)

    def _replay_from(
        self,
        place: PartitionPlace,
        metadata: commits.CommitMetadata | None,
        committed: int,
        start: int,
        decisions: Decisions,
    ) -> int:
        """Return the first offset that an operation needs, and log what can no longer be known."""
        open_ones = decisions.open_ones()
        if metadata is not None:
            replay_from = metadata.replay_from
        else:
            replay_from = min((record.first_offset for record in open_ones), default=max(committed, start))
        if metadata is None and committed >= 0:
            log.warning(
                "processor.commit_without_metadata",
                partition=place.number,
                replay_from=replay_from,
                why="the commit has no metadata, or of a version unknown here: final operations are taken for closed",
            )
        if replay_from >= start and not 0 <= committed < start:
            return replay_from
        lost = sorted(record.operation for record in open_ones if record.first_offset < start)
        skipped = max(0, start - committed)
        emit = log.error if lost or skipped else log.warning
        emit(
            "processor.history_missing",
            partition=place.number,
            replay_from=replay_from,
            log_start=start,
            open_operations=lost,
            skipped=skipped,
            advice=f"the retention of {place.notifications} removed what was still needed: operations that began "
            "before keep their last record, skipped events were never processed; raise retention.ms",
        )
        return max(replay_from, start)

    def _replay(self, place: PartitionPlace, state: Partition, replay_from: int, next_offset: int) -> Steps[int]:
        """Take in the facts from ``replay_from`` to the next offset again, silently."""
        replayed = undecided = 0
        replay = state.replay
        for batch in self._reader.read(place.notifications, place.number, replay_from, next_offset):
            for message in batch:
                # No headers() here: reading them takes twice as long as all the rest.
                if not replay(message.timestamp()[1], message.key(), message.value() or b""):
                    undecided += 1
            replayed += len(batch)
            yield
        if undecided:
            log.error(
                "processor.decisions_missing",
                partition=place.number,
                events=undecided,
                advice=f"{place.operations} has no record of the operations of these events, which were processed "
                "before; they are passed over. Was the topic emptied?",
            )
        return replayed


@dataclass(frozen=True, slots=True)
class _Commit:
    """A committed offset (negative: none) and its metadata."""

    offset: int
    metadata: str | None
