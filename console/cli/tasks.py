"""Calls that may take a minute, in threads of their own: Ctrl-C is noticed, and several clouds are asked at once."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_STEP_S: Final = 0.05


class Task(Generic[T]):
    """One call in a daemon thread: it ends with the process, wherever it stands.

    Args:
        call: what to do.
    """

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._results: list[T] = []
        self._error: BaseException | None = None
        self._over = threading.Event()
        threading.Thread(target=self._run, name="task", daemon=True).start()

    @property
    def is_over(self) -> bool:
        """Whether the call has returned, or raised."""
        return self._over.is_set()

    def result(self) -> T:
        """Return what the call returned, or raise what it raised. Only once it has ended."""
        if self._error is not None:
            raise self._error
        return self._results[0]

    def _run(self) -> None:
        try:
            self._results.append(self._call())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asks for the result
            self._error = error
        finally:
            self._over.set()


def all_over(tasks: Sequence[Task[T]]) -> Sequence[Task[T]]:
    """Wait until each task has ended, and return them. Their calls are bounded in time."""
    while not all(task.is_over for task in tasks):
        # In steps, as an endless wait for a thread is not broken by Ctrl-C everywhere.
        time.sleep(_STEP_S)
    return tasks
