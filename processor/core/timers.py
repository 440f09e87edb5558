"""The timers of a partition's operations: one each, looked at lazily.

An event moves its operation's due time to later, as a rule. So nothing is touched then: the entry in the heap stands
for "not before", and is set right when it comes up. Only a due time that moves to earlier needs a new entry.
"""

from heapq import heappop, heappush, heapreplace
from typing import Final

from processor.core.operation import OperationState
from processor.core.settings import Timers
from processor.core.transitions import due_ms

NEVER: Final = 2**63


class TimerQueue:
    """What is due when.

    Attributes:
        next_ms: never later than the first due time; :data:`NEVER` when there is none.
    """

    __slots__ = ("_heap", "_timers", "next_ms")

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        # The id makes the order of equal times the same in every process.
        self._heap: list[tuple[int, str, OperationState]] = []
        self.next_ms = NEVER

    def arm(self, operation: OperationState) -> None:
        """Note that the operation's due time may be earlier than it was."""
        due = self._due_ms(operation)
        if operation.armed_ms is None or due < operation.armed_ms:
            operation.armed_ms = due
            heappush(self._heap, (due, operation.id, operation))
            self.next_ms = self._heap[0][0]

    def due_ms(self) -> int | None:
        """Return the first due time; ``None`` when nothing is armed."""
        self._drop_outdated(NEVER)
        return self._heap[0][0] if self._heap else None

    def take(self, until_ms: int) -> tuple[int, OperationState] | None:
        """Return the first operation that is due by then, with its due time, and disarm it; ``None``: none is."""
        self._drop_outdated(until_ms)
        if self.next_ms > until_ms:
            return None
        due, _, operation = heappop(self._heap)
        operation.armed_ms = None
        self.next_ms = self._heap[0][0] if self._heap else NEVER
        return due, operation

    def _due_ms(self, operation: OperationState) -> int:
        return due_ms(operation.facts, operation.status, operation.final_at_ms, operation.revise_at_ms, self._timers)

    def _drop_outdated(self, until_ms: int) -> None:
        """Put true due times in the place of those that are out of date, until the first one is true or after then."""
        heap = self._heap
        while heap and heap[0][0] <= until_ms:
            armed, _, operation = heap[0]
            if operation.armed_ms != armed:
                heappop(heap)  # a newer entry stands for it
                continue
            due = self._due_ms(operation)
            if due <= armed:
                break
            operation.armed_ms = due
            heapreplace(heap, (due, operation.id, operation))
        self.next_ms = heap[0][0] if heap else NEVER
