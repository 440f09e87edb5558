"""Which parts of the process are ready, and why others are not."""

import threading
from dataclasses import dataclass
from typing import TypedDict


class PartReport(TypedDict):
    """One part's state; ``why`` is ``""`` when there is nothing to say."""

    ready: bool
    why: str


class Report(TypedDict):
    """The whole process's state: ready when every part is, and there is at least one."""

    ready: bool
    parts: dict[str, PartReport]


@dataclass(frozen=True, slots=True)
class _Part:
    ready: bool
    why: str


class Health:
    """The readiness of each part (a cloud, a partition, the store), set by the part itself. Safe in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parts: dict[str, _Part] = {}

    def set(self, part: str, ready: bool, why: str = "") -> None:  # noqa: FBT001 - reads well: set("paris", True)
        """Say whether a part is ready, and if not, why: a sentence for whoever looks at ``/readyz``."""
        with self._lock:
            self._parts[part] = _Part(ready, why)

    def remove(self, part: str) -> None:
        """Forget a part that is no longer this process's; nothing happens when it is unknown."""
        with self._lock:
            self._parts.pop(part, None)

    def ready(self) -> bool:
        """Return whether there is a part, and every part is ready."""
        with self._lock:
            return bool(self._parts) and all(part.ready for part in self._parts.values())

    def report(self) -> Report:
        """Return the state of all parts at one moment, in the order of their names."""
        with self._lock:
            parts = sorted(self._parts.items())
        return {
            "ready": bool(parts) and all(part.ready for _, part in parts),
            "parts": {name: {"ready": part.ready, "why": part.why} for name, part in parts},
        }
