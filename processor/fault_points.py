"""A hook for tests: end, stop or delay this process at a named point of the loop.

The sides of a step are ``before`` and ``after``; step 4 has an ``inside``, too: offsets are sent, and not committed.
``PRECACHE_FAULT=step4:after:kill`` kills the process the first time that it passes the point ``step4:after``; ``:stop``
sends SIGSTOP, ``:fail`` raises. ``PRECACHE_FAULT=step4:after:kill:3`` does it the third time. Read once, at start;
without it a point costs one comparison.
"""

import os
import signal
import threading
from typing import Final

from processor.errors import StartOver

VARIABLE: Final = "PRECACHE_FAULT"
_SIGNALS: Final = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class FaultPoints:
    """The points of one process."""

    def __init__(self, text: str | None = None) -> None:
        place, _, action = (os.environ.get(VARIABLE, "") if text is None else text).rpartition(":")
        count = 1
        if action.isdecimal():
            count = int(action)
            place, _, action = place.rpartition(":")
        self._place = place
        self._action = action
        self._left = count

    def hit(self, place: str) -> None:
        """Pass a point, such as ``step4:after``."""
        if place != self._place:
            return
        self._left -= 1
        if self._left == 0:
            self._act()

    def _act(self) -> None:
        if self._action == "fail":
            raise StartOver(f"fault point {self._place}")
        # To this thread: a stop of the process waits for another thread to notice it, and this one goes on meanwhile.
        signal.pthread_kill(threading.get_ident(), _SIGNALS[self._action])
