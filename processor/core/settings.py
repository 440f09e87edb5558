"""The durations that decide what becomes of an operation."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timers:
    """How long things may take on a partition's clock, in milliseconds.

    Attributes:
        grace_period_ms: how long a result waits for what is missing: hosts after END, END after the last host; not
            longer than ``stall_after_ms``.
        stall_after_ms: without an event for that long, a running operation is reported as stalled.
        abandon_after_ms: without an event for that long, it is given up; longer than ``stall_after_ms``.
        allowed_lateness_ms: how long a final operation stays open to late events.
        revise_after_ms: how long late events are gathered for one revision; not the user's to set.
    """

    grace_period_ms: int = 5_000
    stall_after_ms: int = 35 * 60_000
    abandon_after_ms: int = 24 * 3_600_000
    allowed_lateness_ms: int = 3_600_000
    revise_after_ms: int = 2_000

    def __post_init__(self) -> None:
        """Refuse what would make the timers fire in another order than the states follow each other."""
        if min(self.grace_period_ms, self.stall_after_ms, self.abandon_after_ms, self.allowed_lateness_ms) <= 0:
            raise ValueError(
                "grace_period, stall_after, abandon_after and allowed_lateness must all be longer than zero"
            )
        if self.grace_period_ms > self.stall_after_ms:
            # A report may then bring a due time forward, and the timer queue does not see most reports.
            raise ValueError("grace_period must not be longer than stall_after")
        if self.abandon_after_ms <= self.stall_after_ms:
            raise ValueError("abandon_after must be longer than stall_after")
