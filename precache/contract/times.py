"""Times as they stand on the wire, and as integers inside.

Nova's notifications carry naive UTC with microseconds (``2026-11-22 06:24:38.695481``, oslo.utils' ``str(utcnow())``,
which drops the fraction when it is zero). Inside, a time is an integer: nanoseconds since the epoch for Nova's times,
milliseconds for Kafka's record timestamps. On the way out it is RFC 3339 in UTC with ``Z``.
"""

from datetime import UTC, datetime, timedelta
from typing import Final
from zlib import crc32

NS_PER_US: Final = 1_000
NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_NAIVE: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - subtracted from naive times that are UTC by contract
_US: Final = timedelta(microseconds=1)


def parse_ns(text: str) -> int:
    """Return the nanoseconds since the epoch that an ISO 8601 or RFC 3339 time says; a time without offset is UTC.

    Raises:
        ValueError: the text is no time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        return (moment - _EPOCH_NAIVE) // _US * NS_PER_US
    return (moment - _EPOCH) // _US * NS_PER_US


def rfc3339_from_nova(text: str) -> str:
    """Return Nova's timestamp as RFC 3339 in UTC, microseconds kept: ``2026-11-22T06:24:38.695481Z``.

    Raises:
        ValueError: the text is no time.
    """
    return rfc3339_us(parse_ns(text))


def rfc3339_us(ns: int) -> str:
    """Return a time as RFC 3339 with six digits: ``2026-11-22T06:24:38.695481Z``."""
    seconds, rest = divmod(ns, NS_PER_S)
    return f"{_seconds(seconds)}.{rest // NS_PER_US:06d}Z"


def rfc3339_ns(ns: int) -> str:
    """Return a time as RFC 3339 with nine digits: ``2026-11-22T06:24:38.695481123Z``."""
    seconds, rest = divmod(ns, NS_PER_S)
    return f"{_seconds(seconds)}.{rest:09d}Z"


def rfc3339_ms(ms: int) -> str:
    """Return a record's timestamp as RFC 3339 with three digits: ``2026-11-22T06:24:38.695Z``."""
    seconds, rest = divmod(ms, 1_000)
    return f"{_seconds(seconds)}.{rest:03d}Z"


def ms_from_rfc3339(text: str) -> int:
    """Return the milliseconds that :func:`rfc3339_ms` wrote.

    Raises:
        ValueError: the text is no time.
    """
    return parse_ns(text) // NS_PER_MS


def ns_from_rfc3339(text: str) -> int:
    """Return the nanoseconds that :func:`rfc3339_ns` wrote, all nine digits (``datetime`` holds six).

    Raises:
        ValueError: the text is no time in that form.
    """
    whole, dot, fraction = text.removesuffix("Z").partition(".")
    if not dot or not fraction.isdecimal():
        raise ValueError(f"not a time with nine digits of a second: {text!r}")
    return parse_ns(whole) + int(fraction.ljust(9, "0")[:9])


def _seconds(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


# The time of a point: Nova's microseconds, with a hash of the operation in the three spare digits.
#
# Two operations on one aggregate can stamp the same host at the same microsecond. In InfluxDB two points of one series
# at one time are one point, so the digits that Nova leaves at zero keep them apart (but for one case in a thousand).
_SPARE: Final = NS_PER_US


def spare_digits(operation: str) -> int:
    """Return 0 to 999: the same for all points of one operation, in every process and forever."""
    return crc32(operation.encode()) % _SPARE


def point_time_ns(notification_ns: int, spare: int) -> int:
    """Return the time of a point from its notification's time, to the microsecond, and its operation's spare digits."""
    return notification_ns - notification_ns % NS_PER_US + spare
