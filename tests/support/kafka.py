"""Reading Kafka's topics to their end, as an ordinary client of precache would, and by the published contract."""

import time
import uuid
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from tests.support import published

# It is waited so long for a thousand records, of which there rarely are as many.
_WAIT_S: Final = 0.02

_COORDINATOR_MOVES = {"NOT_COORDINATOR", "COORDINATOR_LOAD_IN_PROGRESS", "COORDINATOR_NOT_AVAILABLE"}


def read_all(
    bootstrap: str, topic: str, *, isolation: str = "read_committed", timeout_s: float = 30.0
) -> list[Message]:
    """Return every record of a topic, partition by partition, up to the end offsets taken at the start.

    Raises:
        TimeoutError: the end was not reached in time.
    """
    # The broker answers at once where nothing is left: by default it keeps the question for half a second.
    settings = {"isolation.level": isolation, "enable.partition.eof": True, "fetch.wait.max.ms": 10}
    with _reading(bootstrap, topic, settings) as (consumer, partitions):
        found = sorted(_until_eof(consumer, partitions, timeout_s), key=_place)
    for message in found:
        published.check(message)
    return found


def follow(bootstrap: str, topic: str, timeout_s: float) -> Generator[Message, None, None]:
    """Yield the records of a topic from its beginning, and those that come, until the time given has ended."""
    end = time.monotonic() + timeout_s
    with _reading(bootstrap, topic, {"isolation.level": "read_committed"}) as (consumer, _):
        while time.monotonic() < end:
            for message in consumer.consume(1000, _WAIT_S):
                if error := message.error():
                    raise AssertionError(error.str())
                published.check(message)
                yield message


@contextmanager
def _reading(bootstrap: str, topic: str, settings: Mapping[str, Any]) -> Iterator[tuple[Consumer, set[int]]]:
    """Open a consumer at the beginning of every partition of a topic."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"test-reader-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            **settings,
        }
    )
    try:
        # Asked for by name, so that the client knows the leaders: else it looks for them once a second.
        partitions = set(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        yield consumer, partitions
    finally:
        consumer.close()


def committed(consumer: Consumer, places: list[TopicPartition], timeout_s: float = 30.0) -> list[TopicPartition]:
    """Return the offsets that a consumer's group has committed; the group's coordinator may first have to be found."""
    end = time.monotonic() + timeout_s
    while True:
        try:
            return consumer.committed(places, timeout=10)
        except KafkaException as error:
            if time.monotonic() > end or error.args[0].name() not in _COORDINATOR_MOVES:
                raise
        time.sleep(0.2)


def _until_eof(consumer: Consumer, waiting: set[int], timeout_s: float) -> list[Message]:
    found: list[Message] = []
    end = time.monotonic() + timeout_s
    while waiting:
        if time.monotonic() > end:
            raise TimeoutError(f"no end of partitions {sorted(waiting)} within {timeout_s} s")
        for message in consumer.consume(1000, _WAIT_S):
            error = message.error()
            if error is None:
                found.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                waiting.discard(_place(message)[0])
            else:
                raise AssertionError(error.str())
    return found


def _place(message: Message) -> tuple[int, int]:
    partition, offset = message.partition(), message.offset()
    assert partition is not None
    assert offset is not None
    return partition, offset


def header(message: Message, name: str) -> str:
    """Return one header of a record as text."""
    headers: Any = message.headers() or []
    values = [value for key, value in headers if key == name]
    assert len(values) == 1, f"header {name} stands {len(values)} times"
    text: str = values[0].decode()
    return text
