"""How a request to cache images stands, and when it has ended: a pure function of what is known of it."""

from dataclasses import dataclass
from typing import Final

from console.watch import exit_codes
from precache.openstack.api import CloudConfigError, NoResponseError, OpenStackError, RefusedError

REFUSED: Final = 8
UNKNOWN: Final = 9

# How long Nova's first notification may take to come through RabbitMQ, bridge, Kafka and processor.
START_WITHIN_S: Final = 60.0

# Of several requests, the first of these that one of them ended with is the command's.
_WORST_FIRST: Final = (
    exit_codes.INTERRUPTED,
    exit_codes.USAGE,
    UNKNOWN,
    REFUSED,
    exit_codes.CANNOT_WATCH,
    exit_codes.NOTHING_BEGAN,
    exit_codes.ABANDONED_OR_STALLED,
    exit_codes.STILL_RUNNING,
    exit_codes.IMAGES_FAILED,
    exit_codes.HOSTS_SILENT,
    exit_codes.CACHED,
)


@dataclass(frozen=True, slots=True)
class RequestState:
    """What is known of one request. Times are seconds on one clock.

    Attributes:
        answered_at: when the response came, or was given up; None before.
        error: what came instead of a 202; None before, and after a 202.
        began: a notification with its global request id came.
        ended: the exit code of the operation, once it has ended or is no longer followed.
        received_since: since when notifications could be received without a break.
        wait: the operation is to be followed to its end.
        receives: notifications reach this process; else a response that was lost leaves it unknown what Nova has.
    """

    answered_at: float | None = None
    error: OpenStackError | None = None
    began: bool = False
    ended: int | None = None
    received_since: float = 0.0
    wait: bool = True
    receives: bool = True


def exit_code(standing: RequestState, now: float) -> int | None:
    """Return the exit code of a request, or None while it is open.

    Nova's notification shows that it has the request, whatever became of the response. Without one, the request is
    open until Nova had the time to send it, and we to receive it.
    """
    if standing.ended is not None:
        return _of_unfollowed(standing) if standing.ended == exit_codes.NOTHING_BEGAN else standing.ended
    if standing.began:
        return None if standing.wait else exit_codes.CACHED
    if standing.answered_at is None:
        return None
    if standing.error is None and not standing.wait:
        return exit_codes.CACHED
    if standing.error is not None and not isinstance(standing.error, NoResponseError):
        return of_error(standing.error)
    due = due_at(standing)
    return _of_unfollowed(standing) if due is not None and now >= due else None


def due_at(standing: RequestState) -> float | None:
    """Return when a request is given up that shows no sign of having begun; None when nothing is waited for."""
    if standing.answered_at is None or standing.began or standing.ended is not None:
        return None
    if not standing.receives:
        return standing.answered_at
    return max(standing.answered_at, standing.received_since) + START_WITHIN_S


def of_error(error: OpenStackError) -> int:
    """Return the exit code of an error that leaves nothing open."""
    if isinstance(error, RefusedError):
        return REFUSED
    if isinstance(error, CloudConfigError):
        return exit_codes.USAGE
    return UNKNOWN if isinstance(error, NoResponseError) else exit_codes.CANNOT_WATCH


def of_all(codes: list[int]) -> int:
    """Return the exit code of several requests."""
    return min(codes, key=_WORST_FIRST.index, default=exit_codes.CACHED)


def is_worth_a_retry(code: int) -> bool:
    """Return whether to ask again may help: images failed, or hosts gave no answer, and Nova is done with it."""
    return code in {exit_codes.IMAGES_FAILED, exit_codes.HOSTS_SILENT}


def _of_unfollowed(standing: RequestState) -> int:
    """Return the exit code of a request without any notification."""
    accepted = standing.answered_at is not None and standing.error is None
    return exit_codes.NOTHING_BEGAN if accepted else UNKNOWN
