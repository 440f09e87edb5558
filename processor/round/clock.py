"""Partitions' clocks and wall time: a bound while there is something to be read, their measure once nothing is left."""

from collections.abc import Callable, Iterable
from time import monotonic
from typing import Final

from precache.kafka.errors import KafkaRetry
from processor.group.assigned_partition import AssignedPartition
from processor.group.membership import Membership
from processor.wall_time import WallTime

# A timer is late by this much at most; and a lagging partition with a due timer costs one question in that time.
_ASK_AGAIN_S: Final = 0.25


class WallClock:
    """Bounds the clocks of partitions, and advances those of idle ones.

    Args:
        membership: asks the broker.
        wall: returns wall time.
        margin_ms: how far apart the broker's clock and ours may be.
        call_s: how long the broker may take to answer.
    """

    def __init__(self, membership: Membership, wall: Callable[[], WallTime], margin_ms: int, call_s: float) -> None:
        self._membership = membership
        self._wall = wall
        self._margin_ms = margin_ms
        self._call_s = call_s

    def observe(self, partitions: Iterable[AssignedPartition]) -> None:
        """Have the records that were read by now bounded by wall time, before they are applied."""
        # While this machine's clock is in doubt, the later time bounds them: records are stamped by another clock.
        latest_ms = self._wall().latest_ms
        for assigned in partitions:
            assigned.bound_clock(latest_ms)

    def advance(self, assigned: AssignedPartition) -> None:
        """Fire the partition's timers that are due, unless a record is left that comes first.

        The wall clock is read before the broker is asked, and the broker is asked each time: a process that was stopped
        in between, for however long, takes an old time with it, never a new one past records that it did not see. While
        this machine's clock is in doubt, the earlier time counts: a timer may be late, and never early.
        """
        due = assigned.state.due_at()
        if due is None or not assigned.may_ask(monotonic(), _ASK_AGAIN_S):
            return
        now_ms = self._wall().earliest_ms - self._margin_ms
        if due > now_ms:
            return
        assigned.asked(monotonic())
        try:
            end = self._membership.end_offset(assigned.number, self._call_s)
        except KafkaRetry:
            return
        if end <= assigned.next_offset:
            assigned.advance_clock(now_ms)
