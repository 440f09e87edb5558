"""The time of a point: Nova's microseconds, with a hash of the operation in the three spare digits.

Two operations on one aggregate can stamp the same host at the same microsecond. In InfluxDB two points of one series at
one time are one point, so the digits that Nova leaves at zero keep them apart (but for one case in a thousand).
"""

from typing import Final
from zlib import crc32

from precache.contract.times import NS_PER_US

_SPARE: Final = NS_PER_US


def spare_digits(operation: str) -> int:
    """Return 0 to 999: the same for all points of one operation, in every process and for ever."""
    return crc32(operation.encode()) % _SPARE


def point_time_ns(notification_ns: int, spare: int) -> int:
    """Return the time of a point from its notification's time, to the microsecond, and its operation's spare digits."""
    return notification_ns - notification_ns % NS_PER_US + spare
