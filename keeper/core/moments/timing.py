"""When to ask again for an image that is resident, so that it stays."""

from typing import Final

from keeper.core.declaration import Declaration
from keeper.core.moments.windows import opening_at

# However often it failed, it is tried again after this time.
MAX_BACKOFF_S: Final = 6 * 3_600.0
_MAX_EXPONENT: Final = 20


def backoff_s(first_s: float, attempt: int) -> float:
    """Return how long to wait after attempt number ``attempt`` (from 1) failed: twice as long after each one."""
    return min(first_s * 2.0 ** min(max(attempt - 1, 0), _MAX_EXPONENT), max(first_s, MAX_BACKOFF_S))


def renewal_s(expires_s: float, declaration: Declaration, purge_after_s: float, now_s: float) -> float:
    """Return when to ask again for what Nova may purge at ``expires_s``: ``margin`` before that, within the window.

    When that moment falls between two openings, the one before must do: as early in it as carries the image over to
    the next opening with the margin left, and if none does, as late in it as leaves time for the request.
    """
    window, margin_s = declaration.window, declaration.margin_s
    due_s = expires_s - margin_s
    opening = opening_at(window, now_s)
    while due_s >= opening.end_s:
        following = opening_at(window, opening.end_s)
        if due_s < following.start_s:
            lead_s = min(margin_s, (opening.end_s - opening.start_s) / 2)
            enough_s = max(following.start_s + margin_s - purge_after_s, opening.start_s)
            at_s = min(enough_s, opening.end_s - lead_s)
            if expires_s - purge_after_s < at_s:
                return at_s
            # Asked for as late as could be.
            return following.start_s
        opening = following
    return max(due_s, opening.start_s)


def within_window_s(moment_s: float, declaration: Declaration, now_s: float) -> float:
    """Return when what is ready at ``moment_s`` may begin: then, or when the window opens next."""
    opening = opening_at(declaration.window, max(moment_s, now_s))
    return max(moment_s, opening.start_s) if opening.start_s > now_s else moment_s
