"""On which partition a key stands: Java's partitioner, which every client of precache uses (``murmur2_random``)."""

from typing import Final

_MASK: Final = 0xFFFFFFFF
_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key in a topic of that many partitions.

    Source: ``org.apache.kafka.common.utils.Utils.murmur2``, its sign bit dropped.
    """
    return (_murmur2(key) & 0x7FFFFFFF) % partitions


def _murmur2(data: bytes) -> int:
    h = (_SEED ^ len(data)) & _MASK
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        h = (h * _M ^ ((k ^ k >> 24) * _M & _MASK)) & _MASK
    if len(data) > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15
