"""RabbitMQ, Kafka and InfluxDB of the benchmark's own, and places on them that no two runs share."""

import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # type: ignore[attr-defined]

from bench.cache import emit
from precache.contract.topics import SPECS, Role
from tests.services import influxdb, kafka, rabbitmq
from tests.services.node import Node
from tests.services.state import scratch_dir
from tests.services.testing import Bucket, Topics

PARTITIONS: Final = 4
_ADMIN_TIMEOUT_S: Final = 30.0
_LEADER_TIMEOUT_S: Final = 15.0

N = TypeVar("N", bound=Node)


def unique(prefix: str) -> str:
    """Return a name that no other run has."""
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


class _Kafka(kafka.Node):
    """Kafka as its own scripts start it: what is measured is not a broker that was told to be up soon."""

    def _machine_options(self) -> tuple[str, ...]:
        return ("-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35")


class Servers:
    """The three servers, each started when it is first asked for, and ended with the benchmark, however that ends."""

    def __init__(self) -> None:
        # In memory where there is room, since a disk's mood is nobody's merit.
        self.folder: Final = scratch_dir(os.getpid())
        self._nodes: list[Node] = []
        self._partitions: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in self._nodes:
            node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, node: N) -> N:
        emit(f"starting {node.name}")
        self._nodes.append(node)
        node.start()
        return node

    @cached_property
    def rabbitmq(self) -> rabbitmq.Node:
        """RabbitMQ."""
        return self._start(rabbitmq.Node(self.folder / "rabbitmq"))

    @cached_property
    def kafka(self) -> kafka.Node:
        """Kafka."""
        return self._start(_Kafka(self.folder / "kafka"))

    @cached_property
    def influxdb(self) -> influxdb.Node:
        """InfluxDB."""
        return self._start(influxdb.Node(self.folder / "influxdb"))

    @cached_property
    def admin(self) -> AdminClient:
        """A client that makes and removes topics."""
        return AdminClient({"bootstrap.servers": self.bootstrap})

    @property
    def bootstrap(self) -> str:
        """Kafka's address."""
        return self.kafka.bootstrap_servers

    def pids(self) -> dict[str, int]:
        """Return the processes of the servers that run, by name."""
        return {node.name: node.pid for node in self._nodes}

    def make_topic(self, name: str, role: Role, partitions: int = PARTITIONS) -> None:
        """Make a topic with the settings of its role."""
        new = NewTopic(name, partitions, 1, config=SPECS[role].settings)
        self.admin.create_topics([new])[name].result(timeout=_ADMIN_TIMEOUT_S)

    def remove_topics(self, *names: str) -> None:
        """Remove topics, those that there are."""
        there = set(self.admin.list_topics(timeout=_ADMIN_TIMEOUT_S).topics)
        for future in self.admin.delete_topics([name for name in names if name in there]).values():
            future.result(timeout=_ADMIN_TIMEOUT_S)

    def make_derived_topics(self, notifications: str = "") -> Topics:
        """Make a processor's topics, with an input of their own unless one is given."""
        names = Topics(unique("bench"))
        self.make_topic(names.progress, "progress")
        self.make_topic(names.operations, "operations")
        self.make_topic(names.deadletters, "deadletters")
        if not notifications:
            self.make_topic(names.notifications, "notifications")
        return names

    @contextmanager
    def derived_topics(self, notifications: str = "") -> Iterator[Topics]:
        """Make a processor's topics; they are removed afterwards."""
        names = self.make_derived_topics(notifications)
        try:
            yield names
        finally:
            self.remove_topics(*names.config().values())

    @contextmanager
    def bucket(self) -> Iterator[Bucket]:
        """Make a bucket; it is removed afterwards, so that no run pays for the points of those before it."""
        node = self.influxdb
        made = Bucket(node.url, node.org, node.token, unique("bench"))
        made.create()
        try:
            yield made
        finally:
            made.remove()

    def end_offsets(self, topic: str) -> list[int]:
        """Return the end of each partition, asked of the broker now."""
        latest: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        places = [TopicPartition(topic, partition) for partition in range(self.partitions(topic))]
        end = time.monotonic() + _LEADER_TIMEOUT_S
        while True:
            asked: Any = self.admin.list_offsets(dict.fromkeys(places, latest))
            try:
                return [int(asked[place].result(timeout=_ADMIN_TIMEOUT_S).offset) for place in places]
            except KafkaException:
                # A topic that was made just now has no leader for a moment.
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has (asked until it is known, then remembered)."""
        end = time.monotonic() + _LEADER_TIMEOUT_S
        while topic not in self._partitions:
            found = len(self.admin.list_topics(topic, timeout=_ADMIN_TIMEOUT_S).topics[topic].partitions)
            if found:
                self._partitions[topic] = found
            elif time.monotonic() > end:
                raise TimeoutError(f"Kafka does not know of {topic}")
            else:
                time.sleep(0.1)
        return self._partitions[topic]
