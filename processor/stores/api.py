"""Where points and records are kept: InfluxDB, or SQLite without a server. One interface, one conformance suite.

A store makes one attempt and says what came of it; waiting and trying again is its user's, who has partitions to pause
and a consumer to keep alive.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from precache.contract.tables.measurements import Row

__all__ = [
    "Numbered",
    "RefusedRow",
    "RowStore",
    "StoreError",
    "StoreFatal",
    "StoreRetry",
    "WriteReport",
    "numbered",
]


class StoreError(Exception):
    """The store could not do what was asked; the text says what to do next, and never holds a secret."""


class StoreRetry(StoreError):
    """It may pass: nothing is known of the rows, write all of them again later.

    Attributes:
        actionable: somebody has to act (a wrong token, a missing bucket, a full disk); the text names the command.
        retry_after_s: what the server asked for, in seconds; ``None`` when it asked for nothing.
    """

    def __init__(self, text: str, *, actionable: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.actionable = actionable
        self.retry_after_s = retry_after_s


class StoreFatal(StoreError):
    """Waiting will not help: end the process and show the text (a second processor, a newer schema, a broken file)."""


class Numbered(NamedTuple):
    """A row, and its place among those that a write was given."""

    index: int  # type: ignore[assignment]  # nobody looks up a value's place in it
    row: Row


def numbered(rows: Iterable[Row]) -> list[Numbered]:
    """Return rows with their places, from 0."""
    return [Numbered(index, row) for index, row in enumerate(rows)]


class RefusedRow(NamedTuple):
    """A row that this store will never take.

    Attributes:
        index: its place among the rows that the write was given.
        row: the row itself.
        why: one sentence.
    """

    index: int  # type: ignore[assignment]  # nobody looks up a value's place in it
    row: Row
    why: str


@dataclass(frozen=True, slots=True)
class WriteReport:
    """What came of a write: every row is stored but for these.

    Attributes:
        refused: rows for the dead letters, each with its reason.
        dropped_old: how many points were older than the store keeps; left out, and to be counted.
    """

    refused: tuple[RefusedRow, ...] = ()
    dropped_old: int = 0


class RowStore(Protocol):
    """A place for rows. Not for several threads at once."""

    def check(self) -> None:
        """Say whether rows could be written now: reachable, allowed, the place there; learns how long it keeps points.

        Raises:
            StoreRetry: not now; ``actionable`` when somebody has to act.
            StoreFatal: not without a change.
        """
        ...

    def write(self, rows: Sequence[Row]) -> WriteReport:
        """Store rows: durable when it returns. A row replaces one with the same tags and time; the later one wins.

        Raises:
            StoreRetry: some or none are stored: write the same rows again later.
            StoreFatal: not without a change.
        """
        ...

    def interrupt(self) -> None:
        """Have the write that is under way, if there is one, end after its current request with ``StoreRetry``.

        May be called from any thread.
        """
        ...

    def close(self) -> None:
        """Give back connections, files and locks; more than once does no harm."""
        ...
