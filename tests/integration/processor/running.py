"""A processor in a thread of the test's own process, and what it says."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from precache.config import load
from precache.runtime.shutdown import Stop
from processor import service
from processor.config import ProcessorConfig
from processor.round.tuning import Tuning
from tests.faults.processor.arena import Arena

TUNING = Tuning(poll_s=0.1, transaction_timeout_ms=5_000, call_s=2.0)


class Running:
    """A processor in a thread."""

    def __init__(
        self, arena: Arena, *, check_topics: bool = False, instance: str = "one", tuning: Tuning = TUNING, **more: Any
    ) -> None:
        self.stop = Stop()
        self.error: BaseException | None = None
        self._config = load(arena.write_config(instance, **more), ProcessorConfig)
        self._check_topics = check_topics
        self._tuning = tuning
        # A test that fails must not wait for it forever.
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            if not service.run(self._config, self.stop, tuning=self._tuning, check_topics=self._check_topics):
                self.error = AssertionError("it hung")
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def end(self, timeout_s: float = 30.0) -> BaseException | None:
        """Stop it, and return what it raised."""
        self.stop.request("the test has ended")
        self._thread.join(timeout_s)
        assert not self._thread.is_alive(), "it did not stop"
        return self.error

    def wait_error(self) -> BaseException:
        """Wait until it ends by itself, and return what it raised."""
        self._thread.join(30)
        self.stop.request("it has had its time")
        assert self.error is not None, "it did not refuse"
        return self.error


@contextmanager
def running(arena: Arena, **options: Any) -> Iterator[Running]:
    """Have a processor at work; it must end cleanly."""
    one = Running(arena, **options)
    try:
        yield one
    finally:
        error = one.end()
    if error is not None:
        raise error


def run_to(arena: Arena, *next_offset: int, **options: Any) -> None:
    """Have a processor work until these offsets are committed."""
    with running(arena, **options):
        arena.wait_next_offset(next_offset)


def named(logged: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Return the log events of one name."""
    return [event for event in logged if event["event"] == name]


def set_offset(arena: Arena, offset: int, metadata: str | None) -> None:
    """Commit an offset of partition 0, as a tool does."""
    consumer = Consumer({"bootstrap.servers": arena.kafka, "group.id": arena.topics.group})
    place = TopicPartition(arena.topics.notifications, 0, offset, metadata=metadata)
    consumer.commit(offsets=[place], asynchronous=False)
    consumer.close()


def now_ms() -> int:
    """Return the wall clock, in milliseconds."""
    return int(time.time() * 1_000)
