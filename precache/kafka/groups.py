"""What a consumer group has committed, and who its members are; for whoever looks on."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from confluent_kafka import Consumer, TopicPartition

from precache.kafka import clients
from precache.kafka.bounded import answer
from precache.kafka.config import KafkaBlock
from precache.kafka.errors import kafka_errors

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient


class GroupCommits:
    """Reads a group's last commits, whatever transaction is open. For one thread.

    It never joins the group. librdkafka's admin client can't be asked: where the group's coordinator has moved, it ends
    the process by a segmentation violation (librdkafka's issue 5040, confluent-kafka-python's 1982).
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
            KafkaCallError: Kafka does not answer.
        """
        with kafka_errors(f"look up topic {topic}"):
            found = self._consumer.list_topics(topic, timeout=timeout_s).topics.get(topic)
        return [] if found is None or found.error is not None else sorted(found.partitions)

    def read(self, topic: str, numbers: Iterable[int], timeout_s: float) -> list[TopicPartition]:
        """Return the commit of each partition, with its metadata; where there is none, the offset is negative.

        Raises:
            KafkaCallError: Kafka does not answer.
        """
        places = [TopicPartition(topic, number) for number in numbers]
        if not places:
            return []
        with kafka_errors(f"look up the commits of the group {self._group}"):
            return self._consumer.committed(places, timeout=timeout_s)


class GroupMembers:
    """Reads who the members of a group are. For one thread.

    librdkafka's admin client remembers a group's coordinator, also when it has dropped that broker since: then it finds
    none for minutes. So it is made anew after :meth:`forget`.
    """

    def __init__(self, kafka: KafkaBlock, client_id: str, group: str) -> None:
        self._kafka = kafka
        self._client_id = client_id
        self._group = group
        self._admin: AdminClient | None = None

    def forget(self) -> None:
        """Have the next question asked by a new client."""
        self._admin = None

    def read(self, timeout_s: float) -> set[str]:
        """Return the members' ``client.id``.

        Raises:
            KafkaCallError: Kafka does not answer.
        """
        if self._admin is None:
            self._admin = clients.admin(self._kafka, self._client_id).client
        doing = f"look at the group {self._group}"
        with kafka_errors(doing):
            asked = self._admin.describe_consumer_groups([self._group], request_timeout=timeout_s)
            described = answer(doing, timeout_s, asked[self._group])
        return {str(member.client_id) for member in described.members}
