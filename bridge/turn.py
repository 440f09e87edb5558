"""The clouds of a process take turns at what Python alone does; none waits for a server in its turn.

Else librdkafka's binding would wait for the interpreter once for each message: with 50 clouds at work, a quarter of
all CPU. And a cloud that had to wait for its turn, and had few messages for it, rests before the next one: so it has
more of them then, and all clouds pay for fewer turns. Where no cloud has to wait, none rests, and nothing is delayed.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

# With so many messages, what a turn costs by itself no longer counts.
_MANY: Final = 256
# For how many times as long as it waited a cloud rests; and the most.
_RESTS_A_WAIT: Final = 5
_MOST_REST_S: Final = 0.1

_SHARED: Final = threading.Lock()


class Turn:
    """One cloud's turns: ``with turn: ...``.

    Args:
        lock: what the clouds share.
        clock: seconds that only go on.
        sleep: waits for seconds.
    """

    def __init__(
        self,
        lock: threading.Lock = _SHARED,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._lock = lock
        self._clock = clock
        self._sleep = sleep
        self._waited_s = 0.0
        self._rest_s = 0.0

    def __enter__(self) -> None:
        self._waited_s = 0.0
        if not self._lock.acquire(blocking=False):
            since_s = self._clock()
            self._lock.acquire()
            self._waited_s = self._clock() - since_s

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def had(self, messages: int) -> None:
        """Note how many messages the last turn was for: if they were few, and it was waited for, a rest is due."""
        if messages < _MANY:
            self._rest_s = min(_MOST_REST_S, _RESTS_A_WAIT * self._waited_s)

    def rest(self) -> None:
        """Take the rest that is due, if one is."""
        rest_s, self._rest_s = self._rest_s, 0.0
        if rest_s:
            self._sleep(rest_s)
