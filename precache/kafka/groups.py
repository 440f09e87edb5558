"""What a consumer group has committed, for whoever is not a member of it."""

from collections.abc import Iterable
from typing import Self

from confluent_kafka import Consumer, TopicPartition

from precache.kafka import clients
from precache.kafka.config import KafkaBlock
from precache.kafka.errors import kafka_errors


class GroupCommits:
    """Reads a group's last commits, whatever transaction is open. For one thread.

    It never joins the group. librdkafka's admin client can't be asked: where the group's coordinator has moved, it ends
    the process by a segmentation fault (librdkafka's issue 5040, confluent-kafka-python's 1982).
    """

    def __init__(self, kafka: KafkaBlock, client_id: str, group: str) -> None:
        self._group = group
        ours = {"group.id": group, "isolation.level": "read_uncommitted"}
        self._consumer: Consumer = clients.consumer(kafka, client_id, **ours)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        with kafka_errors("close the client of a group's commits"):
            self._consumer.close()

    def partitions(self, topic: str, timeout_s: float) -> list[int]:
        """Return the numbers of a topic's partitions; none when there is no such topic.

        Raises:
            KafkaFault: Kafka does not tell.
        """
        with kafka_errors(f"look up topic {topic}"):
            found = self._consumer.list_topics(topic, timeout=timeout_s).topics.get(topic)
        return [] if found is None or found.error is not None else sorted(found.partitions)

    def read(self, topic: str, numbers: Iterable[int], timeout_s: float) -> list[TopicPartition]:
        """Return the commit of each partition, with its metadata; where there is none, the offset is negative.

        Raises:
            KafkaFault: Kafka does not tell.
        """
        places = [TopicPartition(topic, number) for number in numbers]
        if not places:
            return []
        with kafka_errors(f"look up the commits of the group {self._group}"):
            return self._consumer.committed(places, timeout=timeout_s)
