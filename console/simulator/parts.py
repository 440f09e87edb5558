"""The threads of the demo: bridge, processor and the simulated clouds."""

import threading
from collections.abc import Callable
from typing import Final

from precache.runtime.shutdown import Stop

# A part that does not end by then is left behind: its thread dies with the process.
_JOIN_S: Final = 15.0


class PartError(Exception):
    """A part of the demo ended by an error of its own."""


class Part:
    """One long-running part, in a thread of its own.

    Args:
        name: what it is called in texts.
        run: runs until the given stop is requested.
    """

    def __init__(self, name: str, run: Callable[[Stop], object]) -> None:
        self.name = name
        self.error: BaseException | None = None
        self._stop = Stop()
        self._run = run
        self._thread = threading.Thread(target=self._body, name=f"demo-{name}", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether the part has not ended."""
        return self._thread.is_alive()

    def check(self) -> None:
        """Raise the error that ended the part, if any.

        Raises:
            PartError: with that error as its cause.
        """
        if self.error is not None:
            raise PartError(f"the {self.name} ended: {type(self.error).__name__}: {self.error}") from self.error

    def stop(self) -> None:
        """Ask the part to stop, and wait for it."""
        self._stop.request("the demo has ended")
        self._thread.join(_JOIN_S)
        if self._thread.is_alive():
            raise PartError(f"the {self.name} did not stop within {_JOIN_S:.0f} s")

    def _body(self) -> None:
        try:
            self._run(self._stop)
        except BaseException as error:  # noqa: BLE001 - handed to whoever looks at the part
            self.error = error
