"""A partition that this processor reads: its state, and what the round has done to it."""

from typing import TYPE_CHECKING, Final

from precache.runtime.logs import log
from precache.runtime.throttle import Throttle
from processor import metrics
from processor.core.effects import Effects
from processor.core.operation import OperationState
from processor.core.partition import NOTHING_OWED, Partition
from processor.group import commit_metadata as commits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from precache.contract.deadletters import DeadLetter

_MOST_KNOWN_LETTERS: Final = 10_000
_MS_PER_S: Final = 1_000


class AssignedPartition:
    """One partition, ready to be read. Its methods alone change it; others read its attributes.

    Attributes:
        number: the partition's.
        state: its operations and its clock.
        next_offset: the first offset that was not processed.
        committed: the same, as of the last commit: whoever takes over goes on from there.
        out: what this round led to.
        partitions: how many the topic has.
        letters: dead letters beside those in ``out``, for the next commit.
        dirty: this round has something to commit: something was read, decided or restored.
        replay_from_committed: the ``replay_from`` of the last commit.
    """

    __slots__ = (
        "_asked_s",
        "_known_letters",
        "_throttle",
        "committed",
        "dirty",
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
        self.replay_from_committed = -1
        self.dirty = False
        # The identities of the dead letters of refused rows: the same row is written again and again.
        self._known_letters: set[str] = set()
        self._asked_s = 0.0
        self._throttle = Throttle()

    def apply(self, ts_ms: int, offset: int, key: bytes | None, value: bytes) -> None:
        """Process the record at this offset."""
        self.state.apply(ts_ms, offset, key, value, self.out)
        self.next_offset = offset + 1
        self.dirty = True

    def bound_clock(self, latest_ms: int) -> None:
        """Bound the clock by wall time, before the records that were read by now are applied."""
        ahead_ms = self.state.observe(latest_ms)
        if ahead_ms:
            # A replay must not take a clock from before for its bound.
            self.dirty = True
            log_taken_back(self.number, ahead_ms)

    def advance_clock(self, now_ms: int) -> None:
        """Move the clock to this time, and fire the timers that are due."""
        self.state.advance(now_ms, self.out)
        self.dirty = True

    def may_ask(self, now_s: float, every_s: float) -> bool:
        """Return whether the broker may be asked for the partition's end; not more often than ``every_s`` seconds."""
        return now_s - self._asked_s >= every_s

    def asked(self, now_s: float) -> None:
        """Note when the broker was asked for the partition's end, on the monotonic clock."""
        self._asked_s = now_s

    def may_log_ahead(self, now_s: float) -> bool:
        """Return whether to log now that records are stamped ahead: once a minute."""
        return self._throttle.take("ahead", now_s) is not None

    def owe_commit(self) -> None:
        """Have this round commit, whatever it reads."""
        self.dirty = True

    def add_letters(self, letters: "Sequence[DeadLetter]") -> None:
        """Have dead letters written with the next commit."""
        self.letters += letters

    def commit(self, metadata: commits.CommitMetadata) -> None:
        """Note that the next offset was committed with this metadata, and the dead letters with it."""
        self.replay_from_committed = metadata.replay_from
        self.committed = self.next_offset
        self.letters = []

    def touch(self, *operations: OperationState) -> None:
        """Have the rows of these operations written with the next round."""
        for operation in operations:
            self.out.changed[operation] = None
            self.dirty = True

    def note_letter(self, letter: "DeadLetter") -> bool:
        """Add a dead letter for the next commit, unless it is known; return whether it is new."""
        if letter.identity in self._known_letters:
            return False
        if len(self._known_letters) >= _MOST_KNOWN_LETTERS:
            self._known_letters.clear()  # a letter that is written twice has the same ce_id twice
        self._known_letters.add(letter.identity)
        self.letters.append(letter)
        return True

    def replay_from(self) -> int:
        """Return the first offset that an operation in memory needs."""
        return self.state.replay_from(self.next_offset)

    def metadata(self, transactional_id: str) -> commits.CommitMetadata:
        """Return what a commit of this processor says beside the next offset."""
        state = self.state
        # Once it was due it was fired, and the next late event starts another.
        running = state.revise_at_ms is not None and state.revise_at_ms > state.clock_ms
        due_ms = state.revise_at_ms if running else NOTHING_OWED
        return commits.CommitMetadata(self.replay_from(), self.partitions, state.clock_ms, due_ms, transactional_id)

    def next_round(self) -> None:
        """Begin a round: nothing happened yet; the dead letters of the last one's rows are still to be written."""
        self.out = Effects()
        # Once operations were closed, the committed replay_from is behind: commit soon, and a restart replays less.
        self.dirty = bool(self.letters) or self.replay_from() != self.replay_from_committed


def log_taken_back(partition: int, ahead_ms: int) -> None:
    """Count and log a clock that stood too far ahead of wall time."""
    metrics.CLOCK_TAKEN_BACK.inc()
    log.error(
        "processor.clock_taken_back",
        partition=partition,
        ahead_s=ahead_ms // _MS_PER_S,
        advice="a clock was ahead, or this machine's is behind: check NTP; operations may have been given up too early",
    )
