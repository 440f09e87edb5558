"""A request to stop, from a signal or from inside, that every wait of the process notices at once."""

import os
import select
import signal
import weakref
from collections.abc import Callable
from threading import Event, Thread
from time import monotonic
from types import FrameType
from typing import Final, Self

_MS_PER_S: Final = 1_000
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
# The kernel may give a signal to any thread, but Python runs its handlers in the main thread, and only while that one
# runs Python's code: a main thread that waits must wake as often as this, in seconds.
HANDLERS_S: Final = 0.25
# `timeout`, and some supervisors, signal both a process and its group: that is one request.
_SAME_S: Final = 1.0
_AT_ONCE: Final = b"second signal: ending at once, what was in flight will be done again at the next start\n"


class Stop:
    """Whether this process should end. Safe in any thread and in a signal handler.

    It is a pipe, not a ``threading.Event``: an event's lock may be held by the very code that the signal interrupts.
    The byte that is written on a request is never read, so every wait, in every thread, now and later, returns at once.
    """

    def __init__(self) -> None:
        self.reason = ""
        # On the monotonic clock; set before `requested` is.
        self.requested_s = 0.0
        self._by_signal = False
        self._requested = False
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, False)
        weakref.finalize(self, _close, self._read_end, self._write_end)

    @property
    def requested(self) -> bool:
        """Whether to stop."""
        return self._requested

    def request(self, reason: str) -> None:
        """Ask to stop; only the first request's reason is kept."""
        if not self._requested:
            self.reason = reason
            self.requested_s = monotonic()
            self._requested = True
            os.write(self._write_end, b"x")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until a stop is requested, at most ``timeout`` seconds; return whether it is."""
        poll = select.poll()
        poll.register(self._read_end, select.POLLIN)
        end_s = None if timeout is None else monotonic() + timeout
        while not self._requested:
            left_s = HANDLERS_S if end_s is None else min(HANDLERS_S, end_s - monotonic())
            if left_s <= 0:
                break
            poll.poll(left_s * _MS_PER_S)
        return self._requested

    def on_signals(self) -> Self:
        """Let SIGTERM and SIGINT request the stop, and another one after a second end it at once with exit code 1.

        Must be called in the main thread.
        """
        for number in _SIGNALS:
            signal.signal(number, self._on_signal)
        return self

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        # No logging here: the interrupted code may hold the log's lock. Whoever waited says why it stops.
        if self._by_signal:
            if monotonic() - self.requested_s < _SAME_S:
                return
            os.write(2, _AT_ONCE)
            os._exit(1)
        self._by_signal = True
        self.request(signal.Signals(number).name)


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
    if errors and errors[0] is not None:
        raise errors[0]
    return bool(errors)


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
