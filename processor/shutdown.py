"""How long a processor goes on once it was asked to stop."""

from collections.abc import Callable
from threading import Event, Thread
from time import monotonic

from precache.runtime.logs import log
from precache.runtime.shutdown import HANDLERS_S, Stop


class ShutdownGrace:
    """Ends at half of ``shutdown_timeout``: the other half is for what is under way, and for leaving the group."""

    def __init__(self, stop: Stop, shutdown_s: float) -> None:
        self._stop = stop
        self._shutdown_s = shutdown_s

    @property
    def ended(self) -> bool:
        """Whether what was tried so far is to be left to the next start."""
        return self._stop.requested and monotonic() > self._stop.requested_s + self._shutdown_s / 2


def finish_within(work: Callable[[], None], stop: Stop, shutdown_s: float) -> bool:
    """Do work until it ends; once a stop is requested, for ``shutdown_s`` seconds more at most.

    The work is done in a thread, so that a server that takes a question and does not answer can't hold up the end. What
    the work had begun is then as after a kill: done again, or fenced, at the next start.

    Returns:
        Whether the work ended. If not, only ``os._exit`` ends the process without waiting for it.

    Raises:
        BaseException: what the work raised.
    """
    errors: list[BaseException | None] = []
    over = Event()

    def run() -> None:
        try:
            work()
            errors.append(None)
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)
        finally:
            over.set()

    def watch() -> None:
        stop.wait()
        over.wait(shutdown_s)
        over.set()

    for target in (run, watch):
        Thread(target=target, name=target.__name__, daemon=True).start()
    while not over.wait(HANDLERS_S):
        pass
    if not errors:
        log.warning("processor.hanging", seconds=shutdown_s, why="a server does not answer; nothing is lost by it")
        return False
    if errors[0] is not None:
        raise errors[0]
    return True
