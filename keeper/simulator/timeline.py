"""Virtual time: what is to happen, in order."""

import heapq
from collections.abc import Callable
from itertools import count


class Timeline:
    """Calls what is due, in the order of its moments; ``now_s`` is the virtual time, in seconds since the epoch."""

    def __init__(self, start_s: float) -> None:
        self.now_s = start_s
        self._number = count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def at(self, moment_s: float, call: Callable[[], None]) -> None:
        """Call something at a moment; at once, when that has passed, but not before what runs now is done."""
        heapq.heappush(self._due, (max(moment_s, self.now_s), next(self._number), call))

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Call something this many seconds from now."""
        self.at(self.now_s + seconds, call)

    def every(self, seconds: float, call: Callable[[], None], *, first_s: float) -> None:
        """Call something again and again."""

        def again() -> None:
            self.after(seconds, again)
            call()

        self.after(first_s, again)

    def run(self, until_s: float) -> None:
        """Let time pass."""
        while self._due and self._due[0][0] <= until_s:
            self.now_s, _, call = heapq.heappop(self._due)
            call()
        self.now_s = until_s
