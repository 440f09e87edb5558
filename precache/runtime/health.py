"""Which parts of the process are ready, and why others are not."""

import threading
from dataclasses import dataclass
from typing import TypedDict

from precache.runtime.watchdog import Watchdog


class PartReport(TypedDict):
    """One part's state; ``why`` is ``""`` when there is nothing to say."""

    ready: bool
    why: str


class HealthReport(TypedDict):
    """The whole process's state: ready when every part is, and there is at least one."""

    ready: bool
    parts: dict[str, PartReport]


@dataclass(frozen=True, slots=True)
class _Part:
    ready: bool
    why: str


class Health:
    """The readiness of each part (a cloud, a partition, the store), set by the part itself. Safe in any thread.

    Args:
        watchdog: watches the loops; one that ends no round is not ready, whatever was last said of it.
    """

    def __init__(self, watchdog: Watchdog | None = None) -> None:
        self._watchdog = watchdog or Watchdog()
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
        return self.report()["ready"]

    def sick(self) -> str:
        """Return what hangs, for ``/healthz``; ``""`` while all goes on."""
        return self._watchdog.sick()

    def report(self) -> HealthReport:
        """Return the state of all parts at one moment, in the order of their names."""
        with self._lock:
            found = dict(self._parts)
        for name, why in self._watchdog.stale().items():
            before = found.get(name)
            found[name] = _Part(ready=False, why=f"{why}; before: {before.why}" if before and before.why else why)
        parts = sorted(found.items())
        return {
            "ready": bool(parts) and all(part.ready for _, part in parts),
            "parts": {name: {"ready": part.ready, "why": part.why} for name, part in parts},
        }
