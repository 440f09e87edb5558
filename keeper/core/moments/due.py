"""When the next request for an image on an aggregate is due, and for what reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from keeper.core.declaration import Declaration
from keeper.core.hosts import HostStanding
from keeper.core.moments.timing import backoff_s, renewal_s, within_window_s
from keeper.core.requests import KeeperRequest

# renew: what is resident expires. new: hosts that were not asked yet. retry: hosts that failed. cycle: the same, once
# all attempts were in vain. refused: Nova never began the last request.
Why = Literal["renew", "new", "retry", "cycle", "refused"]


@dataclass(frozen=True, slots=True)
class Due:
    """The next request.

    Attributes:
        at_s: when, within the window.
        why: the reason that comes first.
        attempt: which one in a row for hosts that failed it will be, from 1.
        failures: requests in a row before it that Nova never carried out.
        expires_s: when the first host may lose the image; ``None``: no host has it.
    """

    at_s: float
    why: Why
    attempt: int
    failures: int
    expires_s: float | None


def next_due(
    hosts: Sequence[HostStanding],
    last: KeeperRequest | None,
    declaration: Declaration,
    purge_after_s: float,
    now_s: float,
) -> Due | None:
    """Return the next request; ``None`` when nothing is to be asked: no host is up, or each that is up is done with.

    A last request that is still open must not be given.
    """
    up = [each for each in hosts if each.host.up]
    new = [each for each in up if _is_new(each, last)]
    tried = [each for each in up if not each.has_it and each.expires_s is None and each not in new]
    expires_s = min((each.expires_s for each in up if each.expires_s is not None), default=None)
    reasons: list[tuple[float, Why]] = []
    if expires_s is not None:
        reasons.append((renewal_s(expires_s, declaration, purge_after_s, now_s), "renew"))
    if new:
        reasons.append((_new_s(new, declaration, now_s), "new"))
    if tried:
        reasons.append(_retry_s(last, declaration, purge_after_s, now_s))
    if not reasons:
        return None
    at_s, why = min(reasons)
    at_s = within_window_s(max(at_s, _not_before_s(last, declaration, tried=bool(tried))), declaration, now_s)
    if last is not None and last.whole_failure:
        return Due(at_s, "refused", last.attempt, last.failures + 1, expires_s)
    attempt = last.attempt + 1 if last is not None and why == "retry" else 1
    return Due(at_s, why, attempt, 0, expires_s)


def _is_new(each: HostStanding, last: KeeperRequest | None) -> bool:
    """Return whether a host that lacks the image was not asked since it joined, or since it came back up."""
    if each.state not in {"missing", "failed", "silent"}:
        return False
    if each.host.since_s is not None:
        return last is None or each.host.since_s > last.asked_s
    # One that Nova was asked for, and that no operation covered, counts as tried: else there would be no end of it.
    return each.state == "missing" and (last is None or last.whole_failure)


def _new_s(new: Sequence[HostStanding], declaration: Declaration, now_s: float) -> float:
    return min(now_s if each.host.since_s is None else each.host.since_s + declaration.joined_after_s for each in new)


def _retry_s(
    last: KeeperRequest | None, declaration: Declaration, purge_after_s: float, now_s: float
) -> tuple[float, Why]:
    """Return when hosts that failed are asked again: after the backoff, or once in a cycle when all attempts failed."""
    if last is None or last.whole_failure:
        return now_s, "retry"
    if last.attempt >= declaration.retry.attempts:
        return last.asked_s + max(purge_after_s - declaration.margin_s, declaration.retry.backoff_s), "cycle"
    return last.ended_s + backoff_s(declaration.retry.backoff_s, last.attempt), "retry"


def _not_before_s(last: KeeperRequest | None, declaration: Declaration, *, tried: bool) -> float:
    """Return the moment before which no reason whatever leads to a request."""
    if last is None:
        return 0.0
    first_s = declaration.retry.backoff_s
    if last.whole_failure:
        return last.asked_s + backoff_s(first_s, last.failures + 1)
    if tried:
        return last.ended_s + first_s
    return last.asked_s + first_s
