"""Figures that are looked up now and then, and whether Kafka answers: also while nothing is read or written."""

from collections.abc import Callable, Collection, Iterable
from time import monotonic
from typing import Final

from precache.kafka.errors import KafkaCallError
from precache.runtime.health import Health
from processor import metrics
from processor.group.assigned_partition import AssignedPartition
from processor.group.membership import Membership

PART: Final = "kafka"
_EVERY_S: Final = 1.0
# A client that has lost Kafka returns no record and no error, as one that has read all: so it is asked something.
_ASK_EVERY_S: Final = 5.0
_ANSWER_S: Final = 1.0
_STATUSES: Final = ("running", "ending", "stalled", "completed", "completed_with_errors", "abandoned")


class Gauges:
    """Lag, and operations by status.

    Args:
        membership: asks the broker for the ends of partitions.
        assigned: returns the partitions that are ready.
        health: takes whether Kafka answers.
        clock: seconds that only ever grow.
    """

    def __init__(
        self,
        membership: Membership,
        assigned: Callable[[], Collection[AssignedPartition]],
        health: Health,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._membership = membership
        self._assigned = assigned
        self._health = health
        self._clock = clock
        self._next_s = 0.0
        self._next_ask_s = 0.0
        self._ends: dict[int, int] = {}
        self._lagging: set[int] = set()

    def update(self) -> None:
        """Set all, at most once a second."""
        now_s = self._clock()
        if now_s < self._next_s:
            return
        self._next_s = now_s + _EVERY_S
        assigned = self._assigned()
        # Also of those that are still to be rebuilt: Kafka may be why they are not.
        if self._membership.owned and now_s >= self._next_ask_s:
            self._next_ask_s = now_s + _ASK_EVERY_S
            self._ask(sorted(self._membership.owned))
        self._count(assigned)
        self._set_lag(assigned)

    def _ask(self, numbers: Iterable[int]) -> None:
        try:
            for number in numbers:
                self._ends[number] = self._membership.end_offset(number, _ANSWER_S)
        except KafkaCallError as error:
            self._health.set(PART, False, f"Kafka does not answer: {error}")
        else:
            self._health.set(PART, True)

    def _count(self, assigned: Collection[AssignedPartition]) -> None:
        counts = dict.fromkeys(_STATUSES, 0)
        for partition in assigned:
            for operation in partition.state.operations():
                counts[operation.status] += 1
        for status, count in counts.items():
            metrics.OPEN.labels(status).set(count)

    def _set_lag(self, assigned: Collection[AssignedPartition]) -> None:
        numbers = set()
        for partition in assigned:
            # What a fetch has returned since is newer; before the first one it is negative.
            end = max(self._ends.get(partition.number, -1), self._membership.known_end_offset(partition.number))
            if end >= 0:
                numbers.add(partition.number)
                metrics.LAG.labels(str(partition.number)).set(max(0, end - partition.committed))
        for number in self._lagging - numbers:
            metrics.LAG.remove(str(number))
            self._ends.pop(number, None)
        self._lagging = numbers
