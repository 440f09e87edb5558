"""When a window is open."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import inf
from typing import Final

from keeper.core.declaration import Window

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Opening:
    """From ``start_s`` on, before ``end_s``: seconds since the epoch."""

    start_s: float
    end_s: float


ALWAYS: Final = Opening(-inf, inf)


def opening_at(window: Window | None, moment_s: float) -> Opening:
    """Return the opening that holds the moment, else the next one."""
    if window is None:
        return ALWAYS
    today = datetime.fromtimestamp(moment_s, UTC).astimezone(window.zone).date().toordinal()
    for day in range(today - 1, today + 3):
        opening = _opening(window, day)
        if opening.end_s > moment_s:
            return opening
    raise AssertionError("a window opens every day")


def is_open(window: Window | None, moment_s: float) -> bool:
    """Return whether a request may begin now."""
    return opening_at(window, moment_s).start_s <= moment_s


@lru_cache(maxsize=4_096)
def _opening(window: Window, day: int) -> Opening:
    begins = datetime.fromordinal(day)
    ends = begins if window.opens < window.closes else begins + _DAY
    start = datetime.combine(begins, window.opens, window.zone)
    end = datetime.combine(ends, window.closes, window.zone)
    return Opening(start.timestamp(), max(start, end).timestamp())
