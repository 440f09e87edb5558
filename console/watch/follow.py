"""Which operation a watch follows, and in what order it reports it. Pure: records and the time are arguments.

The records of one operation come from two topics, in any order between the two. What is printed is in order:
the opening first; each host's report by its ``hosts_done``; the end last, after the reports that it counts. Nothing is
waited for longer than :data:`GRACE_S`: a record that was lost to retention must not silence those that are there.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from console.watch import exit_codes
from console.watch.events import Event, Finished, Progressed, Resumed, Stalled, Started, TimedOut, Twin
from precache.contract.operation import FINAL_STATUSES, Operation
from precache.contract.progress import Progress

# How long the end waits for reports that it counts, and a report for those before it.
GRACE_S: Final = 5.0

# Reports of operations whose opening has not come (yet): the oldest are dropped beyond this many.
MAX_EARLY_REPORTS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Want:
    """What to follow; an empty text matches everything.

    Attributes:
        cloud: the cloud's name.
        aggregate: the aggregate's name or uuid.
        operation: an operation's id: that one, begun or over, instead of the first that begins.
        global_request_id: the same, by the id that whoever asked has chosen.
        from_start: an operation whose START did not come began before the watch: here the watch receives everything.
    """

    cloud: str = ""
    aggregate: str = ""
    operation: str = ""
    global_request_id: str = ""
    from_start: bool = False

    @property
    def followed(self) -> str:
        """The one operation that is wanted, by its id or its global request id; ``""``: the first that begins."""
        return self.operation or self.global_request_id

    def begins_with(self, record: Operation) -> bool:
        """Return whether an operation is to be followed whose first record to come is this one."""
        if self.followed:
            return True
        return record.sequence == 1 and not (self.from_start and record.start_missing)

    def matches(self, record: Operation | Progress) -> bool:
        """Return whether a record belongs to what is wanted. Reports have no global request id: any of them may."""
        return (
            (not self.cloud or record.cloud == self.cloud)
            and (not self.aggregate or self.aggregate in (record.aggregate_name, record.aggregate_uuid))
            and (not self.operation or record.operation == self.operation)
            and (
                not self.global_request_id
                or isinstance(record, Progress)
                or record.global_request_id == self.global_request_id
            )
        )


class Follow:
    """Follows the first wanted operation that begins, to its end.

    Give it each record with the time at which it came, and the time alone whenever :meth:`due_at` has passed; show the
    events that it returns, in order; stop when ``exit_code`` is no longer None. Times are seconds on any one clock.

    Args:
        want: what to follow.
        deadline: the time at which to give up; None for never.
        fail_on_stall: a stall ends the watch.
    """

    def __init__(self, want: Want, *, deadline: float | None = None, fail_on_stall: bool = False) -> None:
        self.exit_code: int | None = None
        self._want = want
        self._deadline = deadline
        self._fail_on_stall = fail_on_stall
        self._last: Operation | None = None
        self._emitted = 0  # hosts_done of the last report that was emitted
        self._waiting: dict[int, tuple[float, Progress]] = {}  # by hosts_done: when to emit it at the latest
        self._early: deque[tuple[float, Progress]] = deque(maxlen=MAX_EARLY_REPORTS)
        self._ending: tuple[float, Operation] | None = None
        self._has_reports = False
        self._twins: set[str] = set()

    @property
    def begun(self) -> Operation | None:
        """The last record of the operation that is followed; None before it is known."""
        return self._last

    def operation(self, record: Operation, now: float) -> list[Event]:
        """Take a record of ``precache.operations``."""
        if self._over or not self._want.matches(record):
            return []
        events: list[Event] = []
        last = self._last
        if last is None:
            if not self._want.begins_with(record):
                return []
            events.append(Started(record))
            self._take_early(record.operation)
        elif record.operation != last.operation:
            return self._twin(record)
        elif record.sequence <= last.sequence:
            return []
        self._last = record
        events += self._stall_events(last, record)
        if record.status in FINAL_STATUSES or (self._fail_on_stall and record.status == "stalled"):
            self._ending = (now + GRACE_S, record)
        return events + self._emit(now)

    def progress(self, record: Progress, now: float) -> list[Event]:
        """Take a record of ``precache.progress``."""
        if self.exit_code is not None or not self._want.matches(record):
            return []
        if self._last is None:
            self._early.append((now + GRACE_S, record))
            return []
        if record.operation != self._last.operation:
            return []
        self._hold(now + GRACE_S, record)
        return self._emit(now)

    def advance(self, now: float) -> list[Event]:
        """Do what is due at a time."""
        if self.exit_code is not None:
            return []
        events = self._emit(now)
        if self._deadline is None or now < self._deadline:
            return events
        return events + self._time_out()

    def due_at(self) -> float | None:
        """Return when :meth:`advance` next has something to do; None for never."""
        times = [due for due, _ in self._waiting.values()]
        if self._ending is not None:
            times.append(self._ending[0])
        if self._deadline is not None:
            times.append(self._deadline)
        return min(times, default=None)

    @property
    def _over(self) -> bool:
        return self._ending is not None or self.exit_code is not None

    def _twin(self, record: Operation) -> list[Event]:
        if not self._want.global_request_id or record.operation in self._twins:
            return []
        self._twins.add(record.operation)
        return [Twin(record)]

    def _take_early(self, operation: str) -> None:
        for due, report in self._early:
            if report.operation == operation:
                self._hold(due, report)
        self._early.clear()

    def _hold(self, due: float, record: Progress) -> None:
        if record.hosts_done > self._emitted:
            self._waiting.setdefault(record.hosts_done, (due, record))

    def _stall_events(self, last: Operation | None, record: Operation) -> list[Event]:
        was = last is not None and last.status == "stalled"
        if record.status == "stalled":
            return [] if was else [Stalled(record)]
        return [Resumed(record)] if was and record.status not in FINAL_STATUSES else []

    def _emit(self, now: float) -> list[Event]:
        """Emit the reports whose turn it is, then the end if nothing is missing before it or its time is up."""
        if self._last is None:
            return []
        if self._ending is None:
            return self._reports(now)
        due, record = self._ending
        # A report beyond the end's count came after the operation was final: it is not part of what ended here.
        for count in [count for count in self._waiting if count > record.hosts_done]:
            del self._waiting[count]
        events = self._reports(now)
        if self._emitted >= record.hosts_done or now >= due:
            events += self._end(record)
        return events

    def _reports(self, now: float) -> list[Event]:
        overdue = max((count for count, (due, _) in self._waiting.items() if due <= now), default=0)
        events: list[Event] = []
        while self._waiting:
            count = min(self._waiting)
            if count != self._emitted + 1 and count > overdue:
                break
            events.append(self._report(self._waiting.pop(count)[1]))
            self._emitted = count
        return events

    def _report(self, report: Progress) -> Progressed:
        is_first, self._has_reports = not self._has_reports, True
        return Progressed(report, is_first)

    def _end(self, record: Operation) -> list[Event]:
        events: list[Event] = [self._report(self._waiting[count][1]) for count in sorted(self._waiting)]
        self._waiting.clear()
        self.exit_code = exit_codes.of(record)
        return [*events, Finished(record, self.exit_code)]

    def _time_out(self) -> list[Event]:
        if self.exit_code is not None:
            return []
        if self._ending is not None:
            return self._end(self._ending[1])
        self.exit_code = exit_codes.NOTHING_BEGAN if self._last is None else exit_codes.STILL_RUNNING
        return [TimedOut(self._last, self._emitted, self.exit_code)]
