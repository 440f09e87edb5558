"""Reasons in words, for people: they name no moment that moves with each look."""

from collections.abc import Sequence
from datetime import UTC, datetime

from keeper.core.hosts import HostStanding
from keeper.core.moments.due import Due

_FEW = 3


def hosts_text(count: int) -> str:
    """Return ``1 host`` or ``2 hosts``."""
    return f"{count} host" if count == 1 else f"{count} hosts"


def some(hosts: Sequence[HostStanding]) -> str:
    """Return the names of the first hosts, and how many more there are."""
    names = ", ".join(each.host.name for each in hosts[:_FEW])
    return f"{names} and {len(hosts) - _FEW} more" if len(hosts) > _FEW else names


def absent_text(hosts: Sequence[HostStanding]) -> str:
    """Return what is missing where: ``failed on db3; no answer from db7, db9``; ``""`` when nothing is."""
    parts = []
    for state, text in (
        ("failed", "failed on"),
        ("silent", "no answer from"),
        ("unsure", "perhaps purged on"),
        ("missing", "never asked on"),
    ):
        found = [each for each in hosts if each.state == state and each.host.up]
        if found:
            parts.append(f"{text} {some(found)}")
    down = [each for each in hosts if not each.has_it and not each.host.up]
    if down:
        parts.append(f"{some(down)} {'is' if len(down) == 1 else 'are'} down")
    return "; ".join(parts)


def _ordinal(number: int) -> str:
    suffix = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def due_text(due: Due, attempts: int) -> str:
    """Return what the next request is for."""
    return {
        "renew": "ask again before the purge",
        "new": "ask for hosts that were not asked yet",
        "retry": f"ask again, attempt {due.attempt} of {attempts}",
        "cycle": f"all {attempts} attempts failed; ask again with the next cycle",
        "refused": f"ask again, for the {_ordinal(due.failures)} time",
    }[due.why]


def moment_text(moment_s: float) -> str:
    """Return ``2026-12-01 05:00 UTC``."""
    return f"{datetime.fromtimestamp(moment_s, UTC):%Y-%m-%d %H:%M} UTC"


def requests_text(count: int) -> str:
    """Return ``1 request`` or ``2 requests``."""
    return f"{count} request" if count == 1 else f"{count} requests"
