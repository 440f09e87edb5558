"""How long the bucket keeps points, read again now and then: somebody may change it while we run."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock
from typing import Final

from processor.stores.api import Numbered, StoreError

_NS_PER_S: Final = 1_000_000_000
_MAX_AGE_S: Final = 600.0
# The server has just said that a point is too old for it, and by what is known here it is not.
_MAX_AGE_IN_DOUBT_S: Final = 10.0


class Retention:
    """Says which rows are too old to be written; for several threads at once.

    ``read`` asks the server: seconds, or ``None`` forever or unknown.
    """

    def __init__(self, read: Callable[[], int | None]) -> None:
        self._read = read
        self._asking = Lock()
        self._read_at: float | None = None
        self._keeps_ns: int | None = None

    def read(self) -> None:
        """Ask the server now.

        Raises:
            StoreError: what asking raised.
        """
        self._read_at = time.monotonic()
        seconds = self._read()
        self._keeps_ns = None if seconds is None else seconds * _NS_PER_S

    def refresh(self, *, in_doubt: bool = False) -> None:
        """Ask the server if the last answer is old (sooner when in doubt)."""
        max_age_s = _MAX_AGE_IN_DOUBT_S if in_doubt else _MAX_AGE_S
        with self._asking:
            if self._read_at is not None and time.monotonic() - self._read_at < max_age_s:
                return
            # What was known serves on; if it is the connection, the write itself will say so.
            with suppress(StoreError):
                self.read()

    def kept(self, rows: Sequence[Numbered]) -> Sequence[Numbered]:
        """Return the rows that the server would keep, in their order."""
        if self._keeps_ns is None:
            return rows
        oldest = time.time_ns() - self._keeps_ns
        return [each for each in rows if each.row.time_ns >= oldest]
