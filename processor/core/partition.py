"""The operations of one input partition, and its clock.

Live, :meth:`Partition.apply` and :meth:`Partition.advance` decide, and gather effects. After a start,
:meth:`Partition.restore` takes the decisions from the records of ``precache.operations``, :meth:`Partition.replay`
takes in the facts again, silently, and :meth:`Partition.resume` arms the timers.

The clock follows the records' timestamps, and what :meth:`Partition.advance` is given. A timestamp far ahead of wall
time does not move it; a clock that stands there already goes back (:meth:`Partition.observe`).
"""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Final

from precache.contract.identity import SEPARATOR, aggregate_key, operation_id
from precache.contract.operation import Operation, Status
from precache.contract.progress import Progress
from precache.contract.times import point_time_ns
from processor.core.decode import Boundary, HeartbeatEvent, ProgressReport, read
from processor.core.effects import Decision, Effects, HeartbeatRow, Point, Refused
from processor.core.explain import MAX_NAME_BYTES, Unreadable, shown
from processor.core.index import OperationIndex
from processor.core.operation import OperationState
from processor.core.records import fitted, operation_record, percent, to_ns
from processor.core.settings import Timers
from processor.core.timers import NEVER, TimerQueue
from processor.core.transitions import ON_EVENT, on_timer, situation

# Of a point that was replayed: where it came from is not asked then.
NO_OFFSET: Final = -1
# In place of the time at which revisions are due.
NOTHING_OWED: Final = 0
# Timestamps and clocks may be so far ahead of wall time; clocks that NTP keeps differ by less.
MAX_AHEAD_MS: Final = 5 * 60_000


class Partition:
    """One partition's state. All its times are milliseconds on its own clock.

    Args:
        timers: how long things may take.
        clock_ms: where the clock stood at the last commit; ``None``: there was none.
        revise_at_ms: when the revisions that were owed then are due; :data:`NOTHING_OWED`, or ``None``: not known.
        wall_ms: wall time, for a replay.

    Attributes:
        clock_ms: where the clock stands.
        revise_at_ms: when late events become revisions; in the past, or ``None``: the next one starts the timer.
    """

    def __init__(
        self, timers: Timers, clock_ms: int | None = None, revise_at_ms: int | None = None, wall_ms: int = 0
    ) -> None:
        self.clock_ms = clock_ms or 0
        self.revise_at_ms = revise_at_ms
        self._timers = timers
        self._queue = TimerQueue(timers)
        self._index = OperationIndex()
        # A timestamp beyond this is distrusted. Had one been trusted before the commit, the clock would stand there: so
        # a replay decides as the first run did.
        self._latest_ms = NEVER if clock_ms is None else clock_ms
        # At that commit no event was owed a revision: what the last records don't count were dead letters, `late`.
        self._owes_nothing = revise_at_ms == NOTHING_OWED
        self._wall_ms = wall_ms
        self._ensure_revisions_come()

    def apply(self, ts_ms: int, offset: int, key: bytes | None, value: bytes, out: Effects) -> None:
        """Fire the timers that are due at or before a record's timestamp, then apply the record."""
        if ts_ms > self.clock_ms:
            if ts_ms > self._latest_ms:
                ts_ms = self._distrust(out, ts_ms)
            else:
                self.clock_ms = ts_ms
        if self._queue.next_ms <= self.clock_ms:
            self._fire(out)
        try:
            event = read(value)
            if type(event) is ProgressReport:
                self._on_report(ts_ms, offset, key, event, out)
            elif type(event) is Boundary:
                self._on_boundary(ts_ms, offset, key, event, out)
            elif type(event) is HeartbeatEvent:
                out.heartbeats.append(HeartbeatRow(to_ns(event.moment), event.heartbeat, offset))
            else:
                out.ignored += 1
        except Unreadable as error:
            out.refused.append(Refused(ts_ms, offset, key, value, error.reason, error.detail))

    def advance(self, clock_ms: int, out: Effects) -> None:
        """Move the clock and fire the timers due by then: only to a time at which nothing was left to be applied."""
        self.clock_ms = max(self.clock_ms, clock_ms)
        self._fire(out)

    def observe(self, wall_ms: int) -> int:
        """Take note of wall time, before the records that were read by then are applied.

        A record that is stamped more than :data:`MAX_AHEAD_MS` later is distrusted: it does not move the clock, and
        counts as stamped with wall time. A clock that stands there is taken back to wall time.

        Returns:
            How far the clock was taken back, in milliseconds; 0, as a rule.
        """
        self._wall_ms = wall_ms
        self._latest_ms = wall_ms + MAX_AHEAD_MS
        ahead_ms = self.clock_ms - believed_ms(self.clock_ms, wall_ms)
        if ahead_ms:
            self.clock_ms = wall_ms
            self._ensure_revisions_come()
        return ahead_ms

    def due_at(self) -> int | None:
        """Return when the first timer is due; ``None`` when there is none."""
        return self._queue.due_ms()

    def replay_from(self, next_offset: int) -> int:
        """Return the first offset that an operation needs, those just closed included; the next offset if none does."""
        return self._index.replay_from(next_offset)

    def forget(self) -> None:
        """Let those that were closed no longer hold :meth:`replay_from` back."""
        self._index.forget()

    def operations(self) -> Iterator[OperationState]:
        """Return the operations in memory, in the order in which they began."""
        return iter(self._index)

    def restore(self, records: Iterable[Operation], replay_from: int, closed: AbstractSet[bytes] = frozenset()) -> None:
        """Take the last record of each operation: closed if it began before ``replay_from``; others await facts.

        Args:
            records: of each operation, the last one.
            replay_from: where the first operation in memory begins.
            closed: the digests of others that are closed.
        """
        self._index.take_closed(closed)
        for record in sorted(records, key=lambda record: record.first_offset):
            if record.first_offset < replay_from:
                self._index.mark_closed(record.operation)
            else:
                self._index.admit(OperationState.from_record(record))

    def replay(self, ts_ms: int, key: bytes | None, value: bytes, out: Effects | None = None) -> bool:
        """Take in the facts of one record again and decide nothing.

        Args:
            ts_ms: the record's timestamp.
            key: the record's key.
            value: the record's value.
            out: gathers the points and the heartbeats again, when given.

        Returns:
            Whether the record is of no operation, or of a known one; ``False``: a decision is missing.
        """
        if ts_ms > self.clock_ms:
            if ts_ms > self._latest_ms:
                ts_ms = self._instead_ms()
            else:
                self.clock_ms = ts_ms
        try:
            event = read(value)
            if event is None or isinstance(event, HeartbeatEvent):
                if out is not None and event is not None:
                    out.heartbeats.append(HeartbeatRow(to_ns(event.moment), event.heartbeat, NO_OFFSET))
                return True
            operation = self._find(key, event)
            if operation is None:
                return self._index.is_closed(identity_of(key, event))
        except Unreadable:
            return True
        if not self._was_closed(operation):
            if isinstance(event, Boundary):
                operation.facts.boundary(ts_ms, event)
            elif operation.facts.report(ts_ms, event) and out is not None:
                out.points.append(_point(operation, event, NO_OFFSET))
        return True

    def _was_closed(self, operation: OperationState) -> bool:
        """Return whether the next event of an operation came when it had been closed, and became a dead letter.

        The events that its last record counts came before that, whatever their stamps. The next one is either in a
        revision that was owed at the commit, or it came late. Where one was owed, the clock decides which.
        """
        if operation.final_at_ms is None or operation.unreported < 0:
            return False
        return self._owes_nothing or self.clock_ms >= operation.final_at_ms + self._timers.allowed_lateness_ms

    def resume(self) -> None:
        """Arm the timers of what was restored, once its facts are there.

        An operation whose facts have more than its last record still owes a revision, due when it was before.
        """
        for operation in self._index:
            if operation.unreported > 0:
                self._owe_revision(operation)
            self._queue.arm(operation)

    def _on_report(self, ts_ms: int, offset: int, key: bytes | None, event: ProgressReport, out: Effects) -> None:
        operation = self._find(key, event) or self._open(offset, key, event)
        facts = operation.facts
        if not facts.report(ts_ms, event):
            out.repeated += 1
            return
        out.points.append(_point(operation, event, offset))
        if operation.record is None:  # a final one's row is its record's
            out.changed[operation] = None
        # By far the most reports change nothing else.
        if operation.status != "running" or facts.whole_ms is not None:
            self._decide(operation, ts_ms, out)

    def _on_boundary(self, ts_ms: int, offset: int, key: bytes | None, event: Boundary, out: Effects) -> None:
        operation = self._find(key, event) or self._open(offset, key, event)
        if not operation.facts.boundary(ts_ms, event):
            out.repeated += 1
            return
        if operation.record is None:
            out.changed[operation] = None
        self._decide(operation, ts_ms, out)

    def _find(self, key: bytes | None, event: ProgressReport | Boundary) -> OperationState | None:
        operation = self._index.find(key, event.request_id) if key is not None else None
        if operation is not None and operation.aggregate_uuid != event.aggregate_uuid:
            raise _disagreement(key, event)
        return operation

    def _open(self, offset: int, key: bytes | None, event: ProgressReport | Boundary) -> OperationState:
        identity = identity_of(key, event)
        if self._index.is_closed(identity):
            raise Unreadable("late", f"operation {identity} was closed before this came; its last state stands")
        operation = OperationState(
            cloud=_cloud(key, event),
            aggregate_uuid=event.aggregate_uuid,
            aggregate_name=event.aggregate_name,
            request_id=event.request_id,
            first_offset=offset,
            at_ns=to_ns(event.moment),
        )
        self._index.admit(operation)
        return operation

    def _decide(self, operation: OperationState, ts_ms: int, out: Effects) -> None:
        """Take the step that the table of states names for an event that brought something new."""
        step = ON_EVENT[operation.status, situation(operation.facts)]
        if step == "final":
            self._finalize(operation, ts_ms, ts_ms, out)
        elif step == "revise":
            self._owe_revision(operation)
        elif step in ("running", "ending"):
            self._decided(operation, step, None, ts_ms, out)
        self._queue.arm(operation)

    def _owe_revision(self, operation: OperationState) -> None:
        """Have the partition's timer for revisions, started if it does not run, make one of what came late."""
        if operation.revise_at_ms is None:
            if self.revise_at_ms is None or self.revise_at_ms <= self.clock_ms:
                self.revise_at_ms = self.clock_ms + self._timers.revise_after_ms
            operation.revise_at_ms = self.revise_at_ms

    def _ensure_revisions_come(self) -> None:
        """See to it that no revision is due later than one that would be owed from now on: the clock was taken back."""
        latest_ms = self.clock_ms + self._timers.revise_after_ms
        if self.revise_at_ms is not None and self.revise_at_ms > latest_ms:
            self.revise_at_ms = latest_ms
            for operation in self._index:
                if operation.revise_at_ms is not None:
                    operation.revise_at_ms = latest_ms
                    self._queue.arm(operation)

    def _distrust(self, out: Effects, ts_ms: int) -> int:
        """Note a timestamp that lies too far ahead; return the one to count with."""
        out.ahead += 1
        out.ahead_ms = max(out.ahead_ms, ts_ms)
        return self._instead_ms()

    def _instead_ms(self) -> int:
        """Return what counts in place of a timestamp that lies too far ahead; in a replay, no earlier than before."""
        return max(self.clock_ms, self._wall_ms)

    def _fire(self, out: Effects) -> None:
        """Fire every timer due by now, each at its own due time, in order."""
        while (due := self._queue.take(self.clock_ms)) is not None:
            due_ms, operation = due
            out.changed[operation] = None
            step = on_timer(operation.status, operation.facts, operation.revise_at_ms)
            if step == "close":
                self._index.close(operation)
                continue
            if step == "final":
                self._finalize(operation, due_ms, due_ms, out)
            elif step == "revise":
                self._revise(operation, due_ms, out)
            elif step == "abandon":
                self._decided(operation, "abandoned", due_ms, due_ms, out)
            elif step == "stalled":
                self._decided(operation, "stalled", None, due_ms, out)
            self._queue.arm(operation)

    def _revise(self, operation: OperationState, at_ms: int, out: Effects) -> None:
        """Decide what late events make of a final operation."""
        if operation.final_at_ms is not None and ON_EVENT[operation.status, situation(operation.facts)] == "revise":
            self._finalize(operation, operation.final_at_ms, at_ms, out)
        else:  # only after a restart that could read more than the process before it: the table has the step
            self._decide(operation, at_ms, out)

    def _finalize(self, operation: OperationState, final_at_ms: int, at_ms: int, out: Effects) -> None:
        facts = operation.facts
        flawed = facts.errors or facts.total > facts.done
        self._decided(operation, "completed_with_errors" if flawed else "completed", final_at_ms, at_ms, out)

    def _decided(
        self, operation: OperationState, status: Status, final_at_ms: int | None, at_ms: int, out: Effects
    ) -> None:
        operation.become(status, final_at_ms)
        record, value = fitted(operation_record(operation))
        if final_at_ms is not None:
            operation.record = record
        out.changed[operation] = None
        out.decisions.append(Decision(at_ms, record, value))


def believed_ms(clock_ms: int, wall_ms: int) -> int:
    """Return where a clock stands: where it says, but for one too far ahead of wall time, which is not believed."""
    return clock_ms if clock_ms <= wall_ms + MAX_AHEAD_MS else wall_ms


def _point(operation: OperationState, report: ProgressReport, offset: int) -> Point:
    facts = operation.facts
    cached, failed = report.images
    record = Progress(
        cloud=operation.cloud,
        aggregate_uuid=operation.aggregate_uuid,
        aggregate_name=operation.aggregate_name,
        host=report.host,
        operation=operation.id,
        index=report.nth,
        hosts_total=facts.total,
        hosts_done=facts.done,
        hosts_failed=facts.failed,
        percent=percent(facts.done, facts.total),
        images_cached=cached,
        images_failed=failed,
        images_cached_count=len(cached),
        images_failed_count=len(failed),
        errors=facts.errors,
        message_id=report.message_id,
        conductor=report.conductor,
    )
    return Point(point_time_ns(to_ns(report.moment), operation.spare), record, report.moment, offset)


def _cloud(key: bytes | None, event: ProgressReport | Boundary) -> str:
    """Return the cloud that a record's key names.

    Raises:
        Unreadable: there is no such key, or it names another aggregate than the payload.
    """
    try:
        text = (key or b"").decode()
    except UnicodeDecodeError:
        raise _disagreement(key, event) from None
    cloud = text.removesuffix(f"{SEPARATOR}{event.aggregate_uuid}")
    if not cloud or SEPARATOR in cloud or aggregate_key(cloud, event.aggregate_uuid) != text:
        raise _disagreement(key, event)
    if len(cloud.encode()) > MAX_NAME_BYTES:
        raise Unreadable(
            "undecodable", f"the record's key names a cloud of {len(cloud.encode())} bytes: {shown(cloud)}"
        )
    return cloud


def identity_of(key: bytes | None, event: ProgressReport | Boundary) -> str:
    """Return the id of the operation that a record of ``nova.notifications`` belongs to.

    Raises:
        Unreadable: its key names no cloud, or another aggregate than its payload.
    """
    return operation_id(_cloud(key, event), event.aggregate_uuid, event.request_id)


def _disagreement(key: bytes | None, event: ProgressReport | Boundary) -> Unreadable:
    return Unreadable(
        "undecodable", f"the record's key is {shown(key)}, the payload's uuid {shown(event.aggregate_uuid)}"
    )
