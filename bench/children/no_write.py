"""Our processor with a store that only counts: all its work but the write. Prints how many points it was given.

The arguments are those of `precache`: `processor --config FILE --rebuild-store`.
"""

import sys
from collections.abc import Sequence
from typing import Any

from precache.contract.progress import Progress
from precache.contract.tables.measurements import Row
from processor.stores import opening
from processor.stores.api import WriteReport


class CountingStore:
    """Takes every row, keeps none."""

    def __init__(self) -> None:
        self._points = 0

    def check(self) -> None:
        """Say that all is well."""

    def write(self, rows: Sequence[Row]) -> WriteReport:
        """Count the points among the rows."""
        points = sum(1 for row in rows if type(row.record) is Progress)
        if points:
            self._points += points
            print(self._points, flush=True)
        return WriteReport()

    def close(self) -> None:
        """Do nothing."""


def _open_store(_: Any) -> CountingStore:
    return CountingStore()


if __name__ == "__main__":
    # Before anything that takes the name from there is loaded.
    opening.open_store = _open_store  # type: ignore[assignment]

    from console.cli.main import run

    sys.exit(run(sys.argv[1:]))
