"""Opens a feed and reads it under a watchdog: no call of a client may hold a person up forever."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from console.watch import exit_codes
from console.watch.feeds.api import CONNECT_S, Feed, Record
from precache.runtime.watchdog import Hang, Watchdog, WatchdogLimits

# No call of a client takes that long; a watch that is stopped by Ctrl-Z may be for hours.
_LIMITS: Final = WatchdogLimits(end_s=60.0, frozen_s=None)

Poll = Callable[[float], list[Record]]


@contextmanager
def reading(feed: Feed, timeout_s: float | None) -> Iterator[Poll]:
    """Open a feed, give the call that polls it, and close it.

    Args:
        feed: where records come from.
        timeout_s: connecting may take that long, and no longer than :data:`CONNECT_S`.

    Raises:
        CannotWatchError: it can't be opened.
    """
    watchdog = Watchdog(_LIMITS, _end)

    def poll(wait_s: float) -> list[Record]:
        with watchdog.call("reading"):
            return feed.poll(wait_s)

    with watchdog.running():
        try:
            with watchdog.call("connecting, or reading what is there") as watched:
                feed.open(CONNECT_S if timeout_s is None else min(CONNECT_S, timeout_s), watched.beat)
            yield poll
        finally:
            with watchdog.call("closing"):
                feed.close()


def _end(hang: Hang) -> None:
    """End a process that hangs in a client's call; the screen may take its time, and is not watched."""
    os.write(2, f"precache: cannot watch: {hang}\n".encode())
    os._exit(exit_codes.CANNOT_WATCH)
