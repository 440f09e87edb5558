"""The partitions that are ours: which are ready, and which are still being rebuilt."""

from collections.abc import Iterable
from time import monotonic
from typing import TYPE_CHECKING, Final

from precache.kafka.errors import KafkaAbortable, KafkaFenced, KafkaRetry
from precache.runtime.backoff import backoff_s
from precache.runtime.health import Health
from precache.runtime.logs import log
from processor import metrics
from processor.group.membership import Membership
from processor.group.point_partitions import PointPartitions
from processor.group.recovery import PartitionPlace, Rebuilder, Steps

if TYPE_CHECKING:
    from processor.group.assigned_partition import AssignedPartition

PART: Final = "partitions"


class Assignment:
    """Follows the group: drops what was taken away, rebuilds what was given, one partition at a time.

    Attributes:
        assigned: the partitions that are ready, by number.
        points: those of the topics whose every record is a point.
    """

    def __init__(
        self,
        membership: Membership,
        rebuilder: Rebuilder,
        points: PointPartitions,
        health: Health,
        place: PartitionPlace,
    ) -> None:
        self.assigned: dict[int, AssignedPartition] = {}
        self.points = points
        self._membership = membership
        self._rebuilder = rebuilder
        self._health = health
        self._place = place
        self._current: tuple[int, Steps[AssignedPartition]] | None = None
        self._failed = 0
        self._not_before_s = 0.0
        self._shares_noted = 0

    @property
    def waiting(self) -> set[int]:
        """Return the partitions that are ours, but not ready."""
        return self._membership.owned - self.assigned.keys()

    def apply_changes(self) -> None:
        """Drop what the group took away since, and have the client read what is ready; before a poll only."""
        self.drop_lost()
        self.points.apply_changes()
        own = {self._membership.place(number): assigned.next_offset for number, assigned in self.assigned.items()}
        self._membership.read({**own, **self.points.next_offsets})
        self._publish_state()

    def drop_lost(self) -> None:
        """Drop what the group took away since this was last called."""
        self.drop(self._membership.take_lost())
        self.points.drop_lost()

    def drop(self, numbers: Iterable[int]) -> None:
        """Forget the state of partitions; those that are still ours will be rebuilt."""
        for number in numbers:
            self.assigned.pop(number, None)
            # It may be rebuilt, with another next offset, before the client is asked to read something else.
            self._membership.read_anew(self._membership.place(number))
            if self._current is not None and self._current[0] == number:
                self._current[1].close()
                self._current = None

    def drop_all(self) -> None:
        """Forget the state of all partitions, and read nothing until they are rebuilt."""
        self.drop([*self.assigned, *self._membership.owned])
        self.points.drop_all()
        self._publish_state()
        self._membership.read({})

    def rebuild_some(self) -> None:
        """Take one step of a rebuild, if there is one to be done."""
        if self._shares_noted != self._membership.shares:
            self._shares_noted = self._membership.shares
            self._rebuilder.note_members()
        if self._current is None:
            waiting = self.waiting
            if not waiting or monotonic() < self._not_before_s:
                return
            number = min(waiting)
            self._current = (number, self._rebuilder.rebuild(self._place._replace(number=number)))
        number, steps = self._current
        try:
            next(steps)
        except StopIteration as done:
            self.assigned[number] = done.value
            self._current = None
            self._failed = 0
        except (KafkaRetry, KafkaFenced, KafkaAbortable) as error:
            self._current = None
            self._not_before_s = monotonic() + backoff_s(self._failed, cap_s=5.0)
            self._failed += 1
            log.warning("processor.rebuild_failed", partition=number, attempt=self._failed, why=str(error))

    def _publish_state(self) -> None:
        waiting = self.waiting
        metrics.PARTITIONS.labels("ready").set(len(self.assigned))
        metrics.PARTITIONS.labels("rebuilding").set(len(waiting))
        if not self._membership.has_share:
            self._health.set(PART, False, "waiting for the group to give out its partitions")
        elif waiting:
            self._health.set(PART, False, f"rebuilding partitions {sorted(waiting)}")
        else:
            self._health.set(PART, True)
