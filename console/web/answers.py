"""Asks the store in threads, each question once at a time, and keeps the answers for a moment."""

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from precache.config.store import StoreConfig
from precache.query.api import Reader
from precache.query.opening import open_reader

_THREADS: Final = 4
_MOST_ANSWERS: Final = 256
_MOST_WAITING: Final = 64

Ask = Callable[[Reader], Any]


class BusyError(Exception):
    """More questions wait than the store can answer soon."""


@dataclass(slots=True)
class _Answer:
    value: Any
    at: float
    token: object


class Answers:
    """What the store answered last, by question.

    Args:
        store: the store; each thread opens it for itself.
        clock: seconds on a clock that never goes back.
    """

    def __init__(self, store: StoreConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._pool = ThreadPoolExecutor(_THREADS, "precache-store")
        self._local = threading.local()
        self._known: OrderedDict[object, _Answer] = OrderedDict()
        self._asking: dict[object, asyncio.Task[Any]] = {}

    async def get(self, key: object, ask: Ask, *, fresh_s: float, usable_s: float = 0.0, token: object = None) -> Any:
        """Return an answer.

        Args:
            key: the question.
            ask: puts it to the store, in a thread.
            fresh_s: an answer that is younger is returned as it is.
            usable_s: one that is younger than this, too, and the question is put again behind it.
            token: an answer of another token is not used.

        Raises:
            QueryError: the store can't be read.
            BusyError: too many questions wait.
        """
        known = self._known.get(key)
        if known is not None and known.token == token:
            age = self._clock() - known.at
            if age < fresh_s:
                return known.value
            if age < usable_s:
                if len(self._asking) < _MOST_WAITING:
                    self._ask(key, ask, token).add_done_callback(_look)
                return known.value
        if key not in self._asking and len(self._asking) >= _MOST_WAITING:
            raise BusyError
        # Whoever leaves does not end the question that others wait for.
        return await asyncio.shield(self._ask(key, ask, token))

    def close(self) -> None:
        """Close the store; a question that is under way is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, key: object, ask: Ask, token: object) -> asyncio.Task[Any]:
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._answer(key, ask, token))
        return task

    async def _answer(self, key: object, ask: Ask, token: object) -> Any:
        try:
            at = self._clock()
            value = await asyncio.get_running_loop().run_in_executor(self._pool, self._in_thread, ask)
            self._known[key] = _Answer(value, at, token)
            self._known.move_to_end(key)
            while len(self._known) > _MOST_ANSWERS:
                self._known.popitem(last=False)
            return value
        finally:
            del self._asking[key]

    def _in_thread(self, ask: Ask) -> Any:
        reader: Reader | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = open_reader(self._store)
        return ask(reader)


def _look(task: asyncio.Task[Any]) -> None:
    """Take note of an error that nobody waits for: the next one who asks gets it."""
    if not task.cancelled():
        task.exception()
