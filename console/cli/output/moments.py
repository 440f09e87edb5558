"""Times and durations for people. Pure."""

from precache.contract.times import rfc3339_us


def at(ns: int) -> str:
    """Return a time as RFC 3339, to the microsecond; ``""`` for 0, which means unknown."""
    return rfc3339_us(ns) if ns else ""


def short(rfc3339: str) -> str:
    """Return ``2026-11-22 06:24:38`` for a time in RFC 3339, which is UTC."""
    return rfc3339[:19].replace("T", " ")


def seconds(value: float) -> str:
    """Return ``12.3`` for a number of seconds."""
    return f"{value:.1f}"
