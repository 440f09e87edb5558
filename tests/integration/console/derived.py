"""Writes records to the derived topics, as a processor does: in transactions, each operation on one partition."""

from collections.abc import Iterable
from types import TracebackType
from typing import Self
from uuid import uuid4

import msgspec
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from precache.contract import cloudevents
from precache.contract.identity import aggregate_key
from precache.contract.operation import Operation
from precache.contract.partitions import partition_of
from precache.contract.progress import Progress
from precache.contract.topics import OPERATION_TYPE, PROGRESS_TYPE
from tests.services.testing import Topics

PARTITIONS = 2


def make_topics(bootstrap: str, topics: Topics, partitions: int = PARTITIONS) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics([NewTopic(name, partitions, 1) for name in topics.usual()]).values():
        future.result(timeout=30)


class Derived:
    """A transactional producer for both topics."""

    def __init__(self, bootstrap: str, topics: Topics) -> None:
        self._topics = topics
        # As the processor's: the key of a report decides as Java's clients decide.
        settings = {"partitioner": "murmur2_random", "transactional.id": f"test-{uuid4()}"}
        self._producer = Producer({"bootstrap.servers": bootstrap, **settings})
        self._producer.init_transactions(30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._producer.flush(10)

    def write(self, *records: Operation | Progress, commit: bool = True) -> None:
        """Write records in one transaction."""
        self._producer.begin_transaction()
        for record in records:
            self._produce(record)
        if commit:
            self._producer.commit_transaction(30)
        else:
            self._producer.abort_transaction(30)

    def each(self, records: Iterable[Operation | Progress]) -> None:
        """Write records, each in a transaction of its own."""
        for record in records:
            self.write(record)

    def raw(self, topic: str, value: bytes | None, key: str = "x", kind: str = "") -> None:
        """Write any bytes, with any ce_type."""
        self._producer.begin_transaction()
        self._producer.produce(topic, value, key, headers=[("ce_type", kind.encode())])
        self._producer.commit_transaction(30)

    def _produce(self, record: Operation | Progress) -> None:
        is_progress = isinstance(record, Progress)
        event = cloudevents.headers(
            event_id=str(uuid4()),
            source_path=cloudevents.source("precache", record.cloud),
            event_type=PROGRESS_TYPE if is_progress else OPERATION_TYPE,
            subject=record.operation,
            time="2026-11-22T06:24:38.695481Z",
        )
        headers: list[tuple[str, str | bytes | None]] = [*event]
        topic = self._topics.progress if is_progress else self._topics.operations
        # An operation's records stand on the partition of its notifications.
        input_key = aggregate_key(record.cloud, record.aggregate_uuid).encode()
        partition = -1 if is_progress else partition_of(input_key, PARTITIONS)
        self._producer.produce(topic, msgspec.json.encode(record), record.operation, partition, headers=headers)
