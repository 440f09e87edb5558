"""Wall time that is not taken in by a system clock that is wrong for a moment."""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from precache.runtime.logs import log

# Clocks that are kept by NTP are slewed, or step by far less.
_MAX_STEP_MS: Final = 5 * 60_000
# A step that lasts for that long is no moment.
_BELIEVED_AFTER_MS: Final = 5 * 60_000
_NS_PER_MS: Final = 1_000_000
# Linux has a clock that goes on while the machine is suspended; elsewhere that is a step.
_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class WallTime(NamedTuple):
    """Wall time, in milliseconds since the epoch: no earlier and no later than these.

    The two differ only while the system's clock has stepped, and it is not known yet whether it was right before or is
    right now.
    """

    earliest_ms: int
    latest_ms: int


class SteadyWall:
    """Wall time; a step of more than five minutes is believed once it has lasted for five minutes.

    Until then time may have gone on from before the step, or be what the system's clock says. A machine that was
    suspended makes no step, but one that was wrong at the start can't be known.

    Args:
        wall_ms: returns milliseconds since the epoch.
        steady_ms: returns milliseconds that only ever grow, suspended or not.
    """

    def __init__(
        self,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // _NS_PER_MS,
        steady_ms: Callable[[], int] = lambda: time.clock_gettime_ns(_STEADY) // _NS_PER_MS,
    ) -> None:
        self._wall_ms = wall_ms
        self._steady_ms = steady_ms
        self._offset_ms = wall_ms() - steady_ms()
        self._stepped_at_ms: int | None = None

    def now(self) -> WallTime:
        """Return what the time may be."""
        wall_ms, steady_ms = self._wall_ms(), self._steady_ms()
        step_ms = wall_ms - steady_ms - self._offset_ms
        if abs(step_ms) > _MAX_STEP_MS and not self._lasted(step_ms, steady_ms):
            before_ms = steady_ms + self._offset_ms
            return WallTime(min(before_ms, wall_ms), max(before_ms, wall_ms))
        self._stepped_at_ms = None
        self._offset_ms += step_ms
        return WallTime(wall_ms, wall_ms)

    def _lasted(self, step_ms: int, steady_ms: int) -> bool:
        if self._stepped_at_ms is None:
            self._stepped_at_ms = steady_ms
            log.error(
                "processor.wall_clock_stepped",
                step_s=step_ms // 1_000,
                advice="this machine's clock has jumped; timers wait until that has lasted for five minutes: check NTP",
            )
        return steady_ms - self._stepped_at_ms >= _BELIEVED_AFTER_MS
