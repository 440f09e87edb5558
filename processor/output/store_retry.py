"""What a failed write to the store means: it is logged, and repeated after a pause, forever."""

from time import monotonic
from typing import Final

from precache.runtime.backoff import backoff_s
from precache.runtime.logs import log
from processor.stores.api import StoreRetry

# A store may ask for any time; this long after it is well again, at the latest, that is noticed.
_MAX_RETRY_AFTER_S: Final = 120.0


class StoreRetries:
    """The failed attempts of one write."""

    def __init__(self) -> None:
        self.failed = 0
        self._began_s = monotonic()

    def add(self, error: StoreRetry) -> float:
        """Count and log one, and return the seconds until the next attempt.

        The pause is what the store asks for, within reason, and never less than our own backoff.
        """
        # What passes without help is logged once; what waits for an operator, each time.
        if error.actionable or not self.failed:
            emit = log.error if error.actionable else log.warning
            emit("processor.store_waiting", attempt=self.failed + 1, why=str(error))
        pause_s = max(backoff_s(self.failed), min(error.retry_after_s or 0.0, _MAX_RETRY_AFTER_S))
        self.failed += 1
        return pause_s

    def end(self) -> None:
        """Log that the store took the write, if it had refused it before."""
        if self.failed:
            seconds = round(monotonic() - self._began_s, 3)
            log.info("processor.store_back", attempts=self.failed + 1, seconds=seconds)
