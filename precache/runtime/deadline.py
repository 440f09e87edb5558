"""One moment that several waits share, so that bounded waits cannot add up."""

from dataclasses import dataclass
from time import monotonic
from typing import Self


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock. ``at`` is in that clock's seconds."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """Return the deadline that many seconds from now."""
        return cls(monotonic() + seconds)

    def left(self) -> float:
        """Return the seconds that are left; 0 once it has passed."""
        return max(0.0, self.at - monotonic())

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return monotonic() >= self.at
