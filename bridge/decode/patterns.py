"""Event type patterns: ``aggregate.cache_images.*``, ``instance.*.end``, ``*``."""

import re
from collections.abc import Iterable
from functools import lru_cache

_MEMO_SIZE = 4096  # distinct event types; Nova has some two hundred


class EventFilter:
    """Says whether an event type matches one of some patterns; ``*`` stands for any run of characters, dots too."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(patterns)
        parts = (".*".join(re.escape(piece) for piece in pattern.split("*")) for pattern in self.patterns)
        self._match = re.compile("|".join(f"(?:{part})" for part in parts) or r"(?!)").fullmatch
        # The same few types come a million times.
        self._memo = lru_cache(maxsize=_MEMO_SIZE)(self._matches)

    def __call__(self, event_type: str) -> bool:
        """Return whether the event type is wanted."""
        return self._memo(event_type)

    def _matches(self, event_type: str) -> bool:
        return self._match(event_type) is not None
