"""How long a processor goes on once it was asked to stop."""

from time import monotonic

from precache.runtime.shutdown import Stop


class ShutdownGrace:
    """Ends at half of ``shutdown_timeout``: the other half is for what is under way, and for leaving the group."""

    def __init__(self, stop: Stop, shutdown_s: float) -> None:
        self._stop = stop
        self._shutdown_s = shutdown_s

    @property
    def ended(self) -> bool:
        """Whether what was tried so far is to be left to the next start."""
        return self._stop.requested and monotonic() > self._stop.requested_s + self._shutdown_s / 2
