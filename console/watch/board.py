"""Which operations are open, from the records of both topics. Pure: records and their times are arguments."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from console.watch.follow import MAX_EARLY_REPORTS
from console.watch.pace import Pace
from precache.contract.operation import FINAL_STATUSES, Operation
from precache.contract.progress import Progress


@dataclass(slots=True)
class BoardEntry:
    """One operation as far as it is known.

    Attributes:
        operation: its last record.
        hosts_done, errors: of the record, or of a later report.
        images: that hosts reported on; empty before the first report.
        pace: how fast hosts report.
    """

    operation: Operation
    hosts_done: int = 0
    errors: int = 0
    images: frozenset[str] = frozenset()
    pace: Pace = field(default_factory=Pace)

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.operation.status in FINAL_STATUSES

    def take_operation(self, record: Operation) -> None:
        """Take a newer record of the operation."""
        self.operation = record
        self._so_far(record.hosts_done, record.errors, record.images)

    def take_report(self, report: Progress, at_s: float, now: float) -> None:
        """Take a host's report, which Nova sent at a time (seconds since the epoch) and which came now."""
        self._so_far(report.hosts_done, report.errors, (*report.images_cached, *report.images_failed))
        self.pace.report(report.hosts_done, at_s, now)

    def _so_far(self, done: int, errors: int, images: Iterable[str]) -> None:
        self.hosts_done = max(self.hosts_done, done)
        self.errors = max(self.errors, errors)
        self.images = self.images.union(images)


class Board:
    """The operations whose records were given, by id.

    Args:
        keep_final: those that have ended stay; else they go with their last record.
    """

    def __init__(self, *, keep_final: bool = False) -> None:
        self._keep_final = keep_final
        self._entries: dict[str, BoardEntry] = {}
        # Reports of operations whose record has not come yet, as it comes from another topic: the oldest are dropped.
        self._early: deque[tuple[Progress, float, float]] = deque(maxlen=MAX_EARLY_REPORTS)

    def operation(self, record: Operation) -> None:
        """Take a record of ``precache.operations``."""
        if record.status in FINAL_STATUSES and not self._keep_final:
            self._entries.pop(record.operation, None)
            return
        entry = self._entries.get(record.operation)
        if entry is None:
            self._add(record)
        elif record.sequence > entry.operation.sequence:
            entry.take_operation(record)

    def progress(self, report: Progress, at_s: float, now: float) -> None:
        """Take a record of ``precache.progress``; its time is seconds since the epoch."""
        entry = self._entries.get(report.operation)
        if entry is None:
            self._early.append((report, at_s, now))
        else:
            entry.take_report(report, at_s, now)

    def entry(self, operation: str) -> BoardEntry | None:
        """Return an operation by its id; None when it is not known."""
        return self._entries.get(operation)

    def entries(self, cloud: str = "", aggregate: str = "") -> list[BoardEntry]:
        """Return the operations of a cloud and an aggregate (name or uuid), the first that began first."""
        found = [
            entry
            for entry in self._entries.values()
            if (not cloud or entry.operation.cloud == cloud)
            and (not aggregate or aggregate in {entry.operation.aggregate_name, entry.operation.aggregate_uuid})
        ]
        return sorted(found, key=lambda entry: (entry.operation.started_at, entry.operation.operation))

    def running(self, cloud: str = "", aggregate: str = "") -> list[BoardEntry]:
        """Return those of :meth:`entries` that are not over."""
        return [entry for entry in self.entries(cloud, aggregate) if not entry.is_final]

    def _add(self, record: Operation) -> None:
        entry = self._entries[record.operation] = BoardEntry(record)
        entry.take_operation(record)
        for report, at_s, now in self._early:
            if report.operation == record.operation:
                entry.take_report(report, at_s, now)
