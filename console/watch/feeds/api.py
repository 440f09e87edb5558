"""Where the records to follow come from: one interface, whatever stands behind it."""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple, Protocol

from precache.contract.operation import Operation
from precache.contract.progress import Progress

# How long the first connection may take; a broker that restarts is back in that time.
CONNECT_S: Final = 12.0


class CannotWatchError(Exception):
    """Watching is not possible, or no longer: exit code 6. The text says why, and what to do."""


class OperationRecord(NamedTuple):
    """A record of ``precache.operations``."""

    value: Operation
    kind: Literal["operation"] = "operation"


class ProgressRecord(NamedTuple):
    """A record of ``precache.progress``; ``at_s``: when Nova sent the report, in seconds since the epoch."""

    value: Progress
    at_s: float = 0.0
    kind: Literal["progress"] = "progress"


Record = OperationRecord | ProgressRecord


class Feed(Protocol):
    """A source of records."""

    @property
    def is_away(self) -> bool:
        """Whether the server is out of reach at this moment, so that silence means nothing."""
        ...

    def open(self, limit_s: float, beat: Callable[[], None], /) -> None:
        """Connect, and read what is there already of an operation that has ended or runs; what begins later is seen.

        Args:
            limit_s: how long connecting may take, and how long nothing may come while the past is read, in seconds.
            beat: called as the past is read: that may take long, and is no hang.

        Raises:
            CannotWatchError: no connection, no permission, or nothing to read there.
        """
        ...

    def poll(self, timeout_s: float) -> list[Record]:
        """Return what came, after at most that many seconds.

        Raises:
            CannotWatchError: it is not possible any longer.
        """
        ...

    def close(self) -> None:
        """Give back connections."""
        ...
