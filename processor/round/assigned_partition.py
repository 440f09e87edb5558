"""A partition that this processor holds: its state, and what the round has done to it."""

from math import inf
from typing import TYPE_CHECKING, Final

from processor.core.effects import Effects
from processor.core.operation import Operation
from processor.core.partition import NOTHING_OWED, Partition
from processor.group import commit_metadata as commits

if TYPE_CHECKING:
    from precache.contract.deadletters import DeadLetter


_MOST_KNOWN_LETTERS: Final = 10_000


class AssignedPartition:
    """One partition, ready to be read.

    Attributes:
        number: the partition's.
        state: its operations and its clock.
        next_offset: the first offset that was not processed.
        committed: the same, as of the last commit: whoever takes over goes on from there.
        out: what this round led to.
        partitions: how many the topic has.
        letters: dead letters beside those in ``out``.
        known_letters: the identities of the dead letters of refused rows: the same row is written again and again.
        dirty: this round has something to commit: something was read, decided or restored.
        replay_from_committed: the ``replay_from`` of the last commit.
        ahead_logged_s: when records stamped ahead were last logged, on the monotonic clock.
        checked_s: when the broker was last asked for its end, on the monotonic clock.
    """

    __slots__ = (
        "ahead_logged_s",
        "checked_s",
        "committed",
        "dirty",
        "known_letters",
        "letters",
        "next_offset",
        "number",
        "out",
        "partitions",
        "replay_from_committed",
        "state",
    )

    def __init__(self, number: int, state: Partition, next_offset: int, partitions: int) -> None:
        self.number = number
        self.state = state
        self.next_offset = self.committed = next_offset
        self.partitions = partitions
        self.out = Effects()
        self.letters: list[DeadLetter] = []
        self.known_letters: set[str] = set()
        self.replay_from_committed = -1
        self.dirty = False
        self.checked_s = 0.0
        self.ahead_logged_s = -inf

    def touch(self, *operations: Operation) -> None:
        """Have the rows of these operations written with the next round."""
        for operation in operations:
            self.out.changed[operation] = None
            self.dirty = True

    def note_letter(self, letter: "DeadLetter") -> bool:
        """Add a dead letter for the next commit, unless it was told; return whether it is a new one."""
        if letter.identity in self.known_letters:
            return False
        if len(self.known_letters) >= _MOST_KNOWN_LETTERS:
            self.known_letters.clear()  # what is told twice has the same ce_id twice
        self.known_letters.add(letter.identity)
        self.letters.append(letter)
        return True

    def replay_from(self) -> int:
        """Return the first offset that an operation in memory needs."""
        return self.state.replay_from(self.next_offset)

    def metadata(self, transactional_id: str) -> commits.CommitMetadata:
        """Return what a commit of this processor tells beside the next offset."""
        state = self.state
        # Once it was due it was fired, and the next late event starts another.
        running = state.revise_at_ms is not None and state.revise_at_ms > state.clock_ms
        due_ms = state.revise_at_ms if running else NOTHING_OWED
        return commits.CommitMetadata(self.replay_from(), self.partitions, state.clock_ms, due_ms, transactional_id)

    def next_round(self) -> None:
        """Begin a round: nothing happened yet; what could not be used in the last one's rows is still to be told."""
        self.out = Effects()
        # Once operations were closed, the commit's low is behind: told soon, a restart has less to replay.
        self.dirty = bool(self.letters) or self.replay_from() != self.replay_from_committed
