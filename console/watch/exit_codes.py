"""The exit codes of `precache watch`."""

from typing import Final

from precache.contract.operation import FINAL_STATUSES, Operation

CACHED: Final = 0
IMAGES_FAILED: Final = 1
USAGE: Final = 2
HOSTS_SILENT: Final = 3
ABANDONED_OR_STALLED: Final = 4
NOTHING_BEGAN: Final = 5
CANNOT_WATCH: Final = 6
STILL_RUNNING: Final = 7
INTERRUPTED: Final = 130


def of(operation: Operation) -> int:
    """Return the exit code that a final record asks for, or a stalled one when a stall is to fail.

    Failed images weigh more than silent hosts, and having given up weighs more than both.
    """
    if operation.status not in FINAL_STATUSES or operation.status == "abandoned":
        return ABANDONED_OR_STALLED
    if operation.errors > 0:
        return IMAGES_FAILED
    return HOSTS_SILENT if operation.hosts_silent > 0 else CACHED
