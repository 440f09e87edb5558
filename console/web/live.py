"""What moves: the operations that run, read from Kafka once for all who look."""

import threading
import time
from typing import Final

from msgspec import Struct

from console.cli.configs import KafkaSettings
from console.watch.board import Board, BoardEntry
from console.watch.feeds.api import CONNECT_S, CannotWatchError, Feed
from console.watch.feeds.kafka import KafkaFeed, Reach
from console.watch.feeds.recent import LOOK_BACK_S
from console.watch.loop import note
from precache.contract.operation import FINAL_STATUSES
from precache.runtime.logs import log
from precache.runtime.shutdown import Stop

_POLL_S: Final = 0.5
_MINUTE_S: Final = 60.0
_RETRY_S: Final = 10.0
# The reader of Kafka returns from each poll sooner; if it does not, it hangs.
_LATE_S: Final = 30.0


class RunningOperation(Struct, frozen=True, kw_only=True):
    """One operation that runs, as far as Kafka has it.

    Attributes:
        rate_per_min, left_s: hosts a minute and seconds left; ``None``: not known.
        token: another one whenever anything else of it changed.
    """

    operation: str
    cloud: str
    aggregate_uuid: str
    aggregate_name: str
    status: str
    started_at: str
    hosts_done: int
    hosts_total: int
    errors: int
    images: tuple[str, ...]
    rate_per_min: float | None
    left_s: float | None
    token: int


class Live:
    """Keeps the board of what runs; reading is done in a thread of its own.

    Args:
        settings: how to reach Kafka; ``None``: nothing moves, and every page is as new as the store.
    """

    def __init__(self, settings: KafkaSettings | None) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._board = Board()
        self._ended = 0
        self._problem = "connecting to Kafka" if settings is not None else "the file names no Kafka"
        self._polled_at = 0.0

    @property
    def problem(self) -> str:
        """Why figures do not move now; ``""`` when they do."""
        with self._lock:
            if not self._problem and time.monotonic() - self._polled_at > _LATE_S:
                return "the reader of Kafka hangs"
            return self._problem

    @property
    def ended(self) -> int:
        """How many ends of operations came: another number means that the store has something new."""
        with self._lock:
            return self._ended

    def running(self) -> list[RunningOperation]:
        """Return what runs, the first that began first; nothing while Kafka can't be read."""
        now = time.monotonic()
        with self._lock:
            return [] if self._problem else [_shown(entry, now) for entry in self._board.running()]

    def one(self, operation: str) -> RunningOperation | None:
        """Return one operation, if it runs."""
        with self._lock:
            entry = None if self._problem else self._board.entry(operation)
            return None if entry is None else _shown(entry, time.monotonic())

    def read(self, stop: Stop) -> None:
        """Read until a stop is requested; while Kafka can't be read, try again."""
        while self._settings is not None and not stop.requested:
            feed = KafkaFeed(self._settings, Reach(look_back_s=LOOK_BACK_S), _warn)
            try:
                feed.open(CONNECT_S, lambda: None)
                self._begin()
                self._follow(feed, stop)
            except CannotWatchError as error:
                log.warning("web.kafka_unreadable", error=str(error))
                self._set_problem(str(error))
                stop.wait(_RETRY_S)
            finally:
                feed.close()

    def _begin(self) -> None:
        with self._lock:
            self._board, self._problem, self._polled_at = Board(), "", time.monotonic()

    def _follow(self, feed: Feed, stop: Stop) -> None:
        while not stop.requested:
            records = feed.poll(_POLL_S)
            now = time.monotonic()
            with self._lock:
                self._polled_at = now
                self._problem = "Kafka cannot be reached" if feed.is_away else ""
                for record in records:
                    note(self._board, record, now)
                    self._ended += record.kind == "operation" and record.value.status in FINAL_STATUSES

    def _set_problem(self, text: str) -> None:
        with self._lock:
            self._problem = text


def _warn(text: str) -> None:
    log.warning("web.kafka_warning", text=text)


def _shown(entry: BoardEntry, now: float) -> RunningOperation:
    operation = entry.operation
    estimate = entry.pace.estimate(operation.hosts_total, now)
    return RunningOperation(
        operation=operation.operation,
        cloud=operation.cloud,
        aggregate_uuid=operation.aggregate_uuid,
        aggregate_name=operation.aggregate_name,
        status=operation.status,
        started_at=operation.started_at,
        hosts_done=entry.hosts_done,
        hosts_total=operation.hosts_total,
        errors=entry.errors,
        images=tuple(sorted(entry.images)),
        rate_per_min=None if estimate.rate is None else estimate.rate * _MINUTE_S,
        left_s=estimate.left_s,
        token=hash((operation.sequence, entry.hosts_done, entry.errors)),
    )
