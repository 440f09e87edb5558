"""Writing to the store until it takes the rows, while the group is served."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from time import monotonic
from typing import Final, Self

from precache.contract.tables.measurements import Row
from precache.runtime.health import Health
from precache.runtime.logs import log
from precache.runtime.watchdog import Watched
from processor import metrics
from processor.errors import StartOver
from processor.group.membership import Membership
from processor.output.store_retry import StoreRetries
from processor.shutdown import ShutdownGrace
from processor.stores.api import RowStore, StoreRetry, WriteReport

_SERVE_S: Final = 0.2
_LOOK_S: Final = 1.0
PART: Final = "store"


def nothing() -> None:
    """Have nothing to do."""


class StoreWriter:
    """Writes rows. Waits as long as it takes: what can't be stored must not be committed.

    The store is written in a thread, one call at a time, and each is waited for, whatever happens meanwhile: no row is
    written once :meth:`write` has returned or raised.

    Args:
        store: where to.
        membership: paused and served while the store takes nothing, so that the group does not give us up.
        health: takes what is wrong.
        grace: ends some time after a request to stop.
        patient_s: a write that takes longer is waited for as a store that takes nothing is.
        watched: has a beat as long as the store is waited for.
        serving: called again and again while the store is waited for.
    """

    def __init__(
        self,
        store: RowStore,
        membership: Membership,
        health: Health,
        grace: ShutdownGrace,
        patient_s: float,
        *,
        watched: Watched,
        serving: Callable[[], None] = nothing,
    ) -> None:
        self._store = store
        self._membership = membership
        self._health = health
        self._grace = grace
        self._patient_s = patient_s
        self._watched = watched
        self._serving = serving
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def write(
        self, rows: Sequence[Row], meanwhile: Callable[[], None] = nothing, waiting: Callable[[], None] = nothing
    ) -> WriteReport:
        """Store rows, and return what came of it.

        Args:
            rows: what to store.
            meanwhile: called once, while the store is busy with them for the first time: work that neither
                needs the outcome nor touches the rows.
            waiting: called when the store does not take them soon: it may be long until it does.

        Raises:
            StartOver: a partition was taken away while waiting, or it is time to stop: the rows may be there or not.
            StoreFatal: the store can't go on without a change.
        """
        if not rows:
            meanwhile()
            return WriteReport()
        try:
            report = self._insist(rows, meanwhile, waiting)
        finally:
            # Also when it is given up: nothing may be left to be written, and what was said would stand forever.
            metrics.STORE_WAITING.set(0)
            self._health.set(PART, True)
        self._membership.resume()
        return report

    def _insist(self, rows: Sequence[Row], meanwhile: Callable[[], None], waiting: Callable[[], None]) -> WriteReport:
        retries = StoreRetries()
        while True:
            try:
                report = self._attempt(rows, nothing if retries.failed else meanwhile, waiting)
            except StoreRetry as error:
                metrics.STORE_RETRIES.inc()
                self._show_waiting(str(error))
                if not retries.failed:
                    waiting()
                self._wait(retries.add(error))
            else:
                retries.end()
                return report

    def _attempt(self, rows: Sequence[Row], meanwhile: Callable[[], None], waiting: Callable[[], None]) -> WriteReport:
        with metrics.STORE_WRITE_S.time():
            writing = self._thread.submit(self._store.write, rows)
            try:
                meanwhile()
            finally:
                self._see_through(writing, waiting)
            return writing.result()

    def _see_through(self, writing: Future[WriteReport], waiting: Callable[[], None]) -> None:
        """Wait for a write to end; serve the group when that takes long, and cut it short when it is for nothing."""
        end = monotonic() + self._patient_s
        while (left := end - monotonic()) > 0 and not self._grace.ended:
            if wait([writing], min(left, _LOOK_S)).done:
                return
            self._watched.beat()
        why = f"a write takes more than {self._patient_s:g} s: the group is served meanwhile"
        log.warning("processor.store_slow", seconds=self._patient_s, why=why)
        self._show_waiting(why)
        try:
            waiting()
            while not writing.done():
                self._serve(_SERVE_S)
        finally:
            self._store.interrupt()
            wait([writing])

    def _show_waiting(self, why: str) -> None:
        metrics.STORE_WAITING.set(1)
        self._health.set(PART, False, why)

    def _wait(self, seconds: float) -> None:
        """Let time pass; the group is served at least once."""
        end = monotonic() + seconds
        self._serve(0.0)
        while (left := end - monotonic()) > 0:
            self._serve(min(left, _SERVE_S))

    def _serve(self, seconds: float) -> None:
        """Serve the group, reading nothing.

        Raises:
            StartOver: what is being written is for nothing.
        """
        self._watched.beat()
        self._membership.pause()
        if self._grace.ended:
            raise StartOver("the store takes nothing, and it is time to stop")
        if any(message.error() is None for message in self._membership.poll(1, seconds)):
            raise StartOver("a record came from a partition that was paused")
        if self._membership.any_lost():
            raise StartOver("a partition was taken away while the store was waited for")
        self._serving()
