"""What is said of a source that is lost, and for how long to wait until it is tried again."""

from collections.abc import Callable
from typing import Final

from bridge.metrics import CloudMetrics
from bridge.source.api import SourceError, SourceWaiting
from precache.runtime.backoff import backoff_s
from precache.runtime.logs import log
from precache.runtime.throttle import Throttle

# How soon to look again for a queue that Nova has not declared yet.
_WAITING_S: Final = 3.0
# After consuming for this time, the next loss counts as the first.
_STEADY_S: Final = 10.0


class Reconnect:
    """The losses of one cloud's source.

    Args:
        cloud: its name.
        base_s: the most to wait before connecting a second time.
        cap_s: the most to wait before connecting ever.
        metrics: where losses are counted.
        clock: seconds that only ever grow.
    """

    def __init__(
        self, cloud: str, base_s: float, cap_s: float, metrics: CloudMetrics, *, clock: Callable[[], float]
    ) -> None:
        self._cloud = cloud
        self._base_s = base_s
        self._cap_s = cap_s
        self._metrics = metrics
        self._clock = clock
        self._count = 0
        self._opened_at_s = float("inf")
        self._why = ""
        self._throttle = Throttle()
        self._trouble = ""

    def opened(self) -> None:
        """Note that the source is consumed."""
        self._opened_at_s = self._clock()
        self._why = self._trouble = ""
        self._metrics.consuming.set(1)

    def closed(self) -> None:
        """Note that it is not any more, whatever the reason."""
        if self._clock() - self._opened_at_s > _STEADY_S:
            self._count = 0
        self._opened_at_s = float("inf")
        self._metrics.consuming.set(0)

    def troubled(self, trouble: str) -> None:
        """Note what is wrong with an open source, or ``""``; log each change."""
        if trouble == self._trouble:
            return
        self._trouble = trouble
        self._metrics.consuming.set(0 if trouble else 1)
        if trouble:
            log.warning("bridge.binding_lost", cloud=self._cloud, why=trouble)
        else:
            log.info("bridge.binding_restored", cloud=self._cloud)

    def lost(self, error: SourceError) -> float:
        """Note a loss, or an attempt in vain; return for how many seconds to wait."""
        self.closed()
        pause_s = _WAITING_S
        if not isinstance(error, SourceWaiting):
            pause_s = backoff_s(self._count, base_s=self._base_s, cap_s=self._cap_s)
        self._count += 1
        self._metrics.reconnect.inc()
        self._log(error, pause_s)
        return pause_s

    def _log(self, error: SourceError, pause_s: float) -> None:
        """Log what is new at once, and the same once a minute: it may last for weeks, until Nova declares its queue."""
        why = str(error)
        if why != self._why:
            self._throttle.clear()
            self._why = why
        if self._throttle.take(why, self._clock()) is not None:
            emit = log.error if error.actionable else log.warning
            emit("bridge.source_lost", cloud=self._cloud, why=why, again_in_s=round(pause_s, 1))
