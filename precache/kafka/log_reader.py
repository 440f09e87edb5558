"""Reading partitions from a place to a place, outside of any group."""

from collections.abc import Generator
from contextlib import suppress
from typing import Final, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from precache.kafka import clients
from precache.kafka.config import KafkaBlock
from precache.kafka.errors import KafkaRetry, kafka_errors, translate

_BATCH: Final = 5_000
_WAIT_S: Final = 0.2
_LOOK_UP_S: Final = 2.0
# Where nothing is left to be read the broker says so at once: it need not wait for more to come, as it does for others.
_FETCH_WAIT_MS: Final = 10


class LogReader:
    """Two clients without a group: one reads what is committed, the other sees where each log ends.

    The end is asked for with ``read_uncommitted``: what was committed may lie beyond a transaction that is still open,
    or whose end has not reached this partition yet, and a reader of committed records would take that for the end.
    """

    def __init__(self, kafka: KafkaBlock, name: str) -> None:
        ours = {"group.id": f"{name}-reader", "fetch.wait.max.ms": _FETCH_WAIT_MS}
        self._known: set[str] = set()
        self._reader: Consumer = clients.reader(kafka, f"{name}-reader", **ours)
        self._scout: Consumer = clients.reader(
            kafka, f"{name}-scout", **{**ours, "isolation.level": "read_uncommitted"}
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        with kafka_errors("close the reader"):
            self._reader.close()
            self._scout.close()

    def partitions(self, topic: str, timeout_s: float) -> int:
        """Return the number of a topic's partitions; 0 when there is no such topic."""
        with kafka_errors(f"look up topic {topic}"):
            found = self._scout.list_topics(timeout=timeout_s).topics.get(topic)
        return 0 if found is None or found.error is not None else len(found.partitions)

    def bounds(self, topic: str, number: int, timeout_s: float) -> tuple[int, int]:
        """Return the first offset that a partition still has, and the one that its next record will have."""
        with kafka_errors(f"read the bounds of {topic}/{number}"):
            low, high = self._scout.get_watermark_offsets(
                TopicPartition(topic, number), timeout=timeout_s, cached=False
            )
        return low, high

    def read(self, topic: str, number: int, start: int, end: int) -> Generator[list[Message], None, None]:
        """Return what stands from ``start`` up to ``end``, in batches; empty ones while there is nothing yet.

        Raises:
            KafkaCallError: of its kinds; ``KafkaRetry`` when ``start`` is no longer in the log.
        """
        if start >= end:
            return
        self._know(topic)
        with kafka_errors(f"read {topic}/{number}"):
            self._reader.assign([TopicPartition(topic, number, start)])
        try:
            reached = start
            while reached < end:
                with kafka_errors(f"read {topic}/{number}"):
                    # One call for many would wait its whole time for the many; this waits for the first only.
                    batch = self._reader.consume(1, _WAIT_S)
                    if batch:
                        batch += self._reader.consume(_BATCH - 1, 0)
                records = [message for message in batch if message.error() is None or _is_record(message)]
                for message in reversed(batch):
                    if message.error() is None or clients.is_end(message):
                        reached = _offset(message) + (message.error() is None)
                        break
                while records and _offset(records[-1]) >= end:
                    records.pop()
                yield records
        finally:
            with kafka_errors("stop reading"):
                self._reader.unassign()

    def _know(self, topic: str) -> None:
        """Have the client know a topic's leaders; left to itself it looks for them once a second."""
        # Where that fails, reading says so, or waits.
        with suppress(KafkaException):
            if topic not in self._known:
                self._reader.list_topics(topic, timeout=_LOOK_UP_S)
                self._known.add(topic)


def _is_record(message: Message) -> bool:
    error = message.error()
    if error is None:
        return True
    if clients.is_end(message):
        return False
    problem = translate(error, "read the log")
    if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - the library's own name for it
        raise KafkaRetry(problem.doing, problem.name, problem.text)
    raise problem


def _offset(message: Message) -> int:
    offset = message.offset()
    return -1 if offset is None else offset
