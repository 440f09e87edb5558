"""The table of states: what an operation becomes when an event brought something new, and when a timer is due.

What the facts say of an operation is one of four situations::

                        every host reported     a host is missing
    END came            over                    ended
    END did not come    whole                   partial

An operation has one timer at a time (:func:`due_ms`). ``final`` in the tables stands for ``completed`` or
``completed_with_errors``, which the counts decide. ``revise`` waits for a timer: what comes meanwhile is in the same
revision, so that ten thousand late hosts make a few of them.
"""

from typing import Final, Literal

from precache.contract.operation import Status
from processor.core.facts import Facts
from processor.core.settings import Timers

Situation = Literal["over", "ended", "whole", "partial"]
State = Status | Literal["opening"]
Next = Literal["same", "final", "revise", "running", "ending", "stalled", "abandon", "close"]

ON_EVENT: Final[dict[tuple[State, Situation], Next]] = {
    ("opening", "over"): "final",
    ("opening", "ended"): "ending",
    ("opening", "whole"): "running",
    ("opening", "partial"): "running",
    ("running", "over"): "final",
    ("running", "ended"): "ending",
    ("running", "whole"): "same",
    ("running", "partial"): "same",
    ("ending", "over"): "final",
    ("ending", "ended"): "same",
    ("stalled", "over"): "final",
    ("stalled", "ended"): "ending",
    ("stalled", "whole"): "running",
    ("stalled", "partial"): "running",
    ("abandoned", "over"): "final",
    ("abandoned", "ended"): "ending",
    ("abandoned", "whole"): "running",
    ("abandoned", "partial"): "running",
    # A late START can name hosts that nobody knew of, when all that were known had reported and END never came: the
    # operation was not over after all. Had START come first, it would be running, so it is.
    ("completed", "partial"): "running",
    ("completed_with_errors", "partial"): "running",
    ("completed", "over"): "revise",
    ("completed", "ended"): "revise",
    ("completed", "whole"): "revise",
    ("completed_with_errors", "over"): "revise",
    ("completed_with_errors", "ended"): "revise",
    ("completed_with_errors", "whole"): "revise",
}

ON_TIMER: Final[dict[State, Next]] = {
    "running": "stalled",  # but see on_timer
    "ending": "final",
    "stalled": "abandon",
    "completed": "close",
    "completed_with_errors": "close",
    "abandoned": "close",
}


def on_timer(status: State, facts: Facts, revise_at_ms: int | None) -> Next:
    """Return what the timer of an operation leads to."""
    if revise_at_ms is not None:
        return "revise"
    if status == "running" and facts.whole_ms is not None:
        return "final"
    return ON_TIMER[status]


def due_ms(facts: Facts, status: State, final_at_ms: int | None, revise_at_ms: int | None, timers: Timers) -> int:
    """Return when, on its partition's clock, the operation's timer is due."""
    if final_at_ms is not None:
        closes_ms = final_at_ms + timers.allowed_lateness_ms
        # Closing waits for no revision, and drops none.
        return closes_ms if revise_at_ms is None else min(revise_at_ms, closes_ms)
    if facts.end_ms is not None:
        return facts.end_ms + timers.grace_period_ms
    if facts.whole_ms is not None:
        return facts.whole_ms + timers.grace_period_ms
    grace = timers.abandon_after_ms if status == "stalled" else timers.stall_after_ms
    return facts.last_event_ms + grace


def situation(facts: Facts) -> Situation:
    """Return what the facts say."""
    if facts.end_ms is not None:
        return "over" if facts.whole_ms is not None else "ended"
    return "whole" if facts.whole_ms is not None else "partial"
