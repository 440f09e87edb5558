"""What a commit of the frontier carries beside it: a few words in the offset's metadata.

``v1;low=123;parts=4;clock=1790000000000``: the first offset that an operation in memory needs, the number of
partitions, and where the partition's clock stood (milliseconds), so that it never goes back.
"""

from typing import Final, NamedTuple

VERSION: Final = "v1"
_KEYS: Final = ("low", "parts", "clock")


class Memo(NamedTuple):
    """A commit's metadata."""

    low: int
    partitions: int
    clock_ms: int


def write(memo: Memo) -> str:
    """Return the metadata of a commit."""
    return ";".join((VERSION, *(f"{key}={value}" for key, value in zip(_KEYS, memo, strict=True))))


def read(text: str | None) -> Memo | None:
    """Return what a commit's metadata says; ``None`` when it has none of ours, or one of a version unknown here."""
    version, *pairs = (text or "").split(";")
    values = dict(pair.partition("=")[::2] for pair in pairs)
    if version != VERSION or not all(values.get(key, "").isdecimal() for key in _KEYS):
        return None
    return Memo(*(int(values[key]) for key in _KEYS))
