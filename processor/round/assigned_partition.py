"""A partition that this processor holds: its state, and what the round has done to it."""

from math import inf
from typing import TYPE_CHECKING, Final

from processor.core.effects import Effects
from processor.core.operation import Operation
from processor.core.partition import Partition
from processor.group import commit_metadata as commits

if TYPE_CHECKING:
    from precache.contract.deadletters import DeadLetter


_MOST_TOLD: Final = 10_000


class Held:
    """One partition, ready to be read.

    Attributes:
        number: the partition's.
        state: its operations and its clock.
        frontier: the first offset that was not processed.
        out: what this round led to.
        partitions: how many the topic has.
        letters: dead letters beside those in ``out``.
        told: the identities of the dead letters of refused rows: the same row is written again and again.
        dirty: this round has something to commit: something was read, decided or restored.
        low_committed: the ``low`` of the last commit.
        ahead_logged_s: when records stamped ahead were last logged, on the monotonic clock.
        checked_s: when the broker was last asked for its end, on the monotonic clock.
    """

    __slots__ = (
        "ahead_logged_s",
        "checked_s",
        "dirty",
        "frontier",
        "letters",
        "low_committed",
        "number",
        "out",
        "partitions",
        "state",
        "told",
    )

    def __init__(self, number: int, state: Partition, frontier: int, partitions: int) -> None:
        self.number = number
        self.state = state
        self.frontier = frontier
        self.partitions = partitions
        self.out = Effects()
        self.letters: list[DeadLetter] = []
        self.told: set[str] = set()
        self.low_committed = -1
        self.dirty = False
        self.checked_s = 0.0
        self.ahead_logged_s = -inf

    def touch(self, *operations: Operation) -> None:
        """Have the rows of these operations written with the next round."""
        for operation in operations:
            self.out.changed[operation] = None
            self.dirty = True

    def tell(self, letter: "DeadLetter") -> bool:
        """Add a dead letter for the next commit, unless it was told; return whether it is a new one."""
        if letter.identity in self.told:
            return False
        if len(self.told) >= _MOST_TOLD:
            self.told.clear()  # what is told twice has the same ce_id twice
        self.told.add(letter.identity)
        self.letters.append(letter)
        return True

    def low(self) -> int:
        """Return the first offset that an operation in memory needs."""
        return self.state.low(self.frontier)

    def memo(self, transactional_id: str) -> commits.Memo:
        """Return what a commit of this processor tells beside the frontier."""
        state = self.state
        # Once it was due it was fired, and the next late event starts another.
        running = state.revise_at_ms is not None and state.revise_at_ms > state.clock_ms
        due_ms = state.revise_at_ms if running else None
        return commits.Memo(self.low(), self.partitions, state.clock_ms, due_ms, transactional_id)

    def next_round(self) -> None:
        """Begin a round: nothing happened yet; what could not be used in the last one's rows is still to be told."""
        self.out = Effects()
        # Once operations were closed, the commit's low is behind: told soon, a restart has less to replay.
        self.dirty = bool(self.letters) or self.low() != self.low_committed
