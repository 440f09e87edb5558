"""A call that may not return, although it was given a timeout."""

from collections.abc import Callable
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")


class NotReturnedError(Exception):
    """A call did not return in time. Its thread is left behind, with whatever it holds."""


def call_within(seconds: float, call: Callable[[], T]) -> T:
    """Make a call in a thread of its own, and return what it returns.

    Raises:
        NotReturnedError: it did not return in time; it may go on, and what comes of it is dropped.
        BaseException: what the call raised.
    """
    results: list[T] = []
    errors: list[BaseException] = []
    over = Event()

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)
        finally:
            over.set()

    Thread(target=run, name="bounded-call", daemon=True).start()
    if not over.wait(seconds):
        raise NotReturnedError(f"no return within {seconds:g} s")
    if errors:
        raise errors[0]
    return results[0]
