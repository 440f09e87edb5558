"""Lets the same log line through once in a while, and counts what it held back."""

from collections.abc import Hashable


class Throttle:
    """Decides whether to log again; the caller's clock is an argument. Not for several threads at once.

    Args:
        every_s: seconds between two of the same.
    """

    def __init__(self, every_s: float = 60.0) -> None:
        self._every_s = every_s
        self._seen: dict[Hashable, tuple[float, int]] = {}

    def take(self, key: Hashable, now_s: float) -> int | None:
        """Return how many were held back since the last one, when this one may be logged; else ``None``."""
        last_s, held_back = self._seen.get(key, (float("-inf"), 0))
        if now_s - last_s < self._every_s:
            self._seen[key] = (last_s, held_back + 1)
            return None
        self._seen[key] = (now_s, 0)
        return held_back

    def forget(self, key: Hashable) -> None:
        """Let the next one of this key through at once."""
        self._seen.pop(key, None)

    def clear(self) -> None:
        """Let the next one of each key through at once."""
        self._seen.clear()
