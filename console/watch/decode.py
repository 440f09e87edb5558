"""From the bytes of a record to what the watcher follows. What it does not know, it leaves alone."""

from functools import cache
from typing import Any, Final, get_type_hints

import orjson

from precache.contract.records import Operation, Progress

_KINDS: Final[dict[Any, tuple[type, ...]]] = {str: (str,), int: (int,), float: (float, int), bool: (bool,)}


def operation(value: bytes | None) -> Operation | None:
    """Return a record of ``precache.operations``; None for what is none (a later version's, say)."""
    found = _object(value, Operation)
    if found is None or not all(isinstance(found[key], list) for key in ("failed_hosts", "silent_hosts")):
        return None
    images = found["image_counts"]
    if not isinstance(images, dict):
        return None
    if not all(isinstance(counts, dict) and isinstance(counts.get("hosts_failed"), int) for counts in images.values()):
        return None
    made: Operation = found  # type: ignore[assignment]
    return made


def progress(value: bytes | None) -> Progress | None:
    """Return a record of ``precache.progress``; None for what is none."""
    made: Progress | None = _object(value, Progress)  # type: ignore[assignment]
    return made


@cache
def _keys_of(shape: Any) -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(shape)
    return tuple((key, hints[key]) for key in hints if key in shape.__required_keys__)


def _object(value: bytes | None, shape: type) -> dict[str, Any] | None:
    """Return the JSON object if what the shape requires is there, plain values with their types; more keys are fine."""
    if value is None:
        return None
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict):
        return None
    for key, kind in _keys_of(shape):
        if key not in found or not isinstance(found[key], _KINDS.get(kind, (object,))):
            return None
    return found
