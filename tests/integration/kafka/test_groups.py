"""What a group has committed, on a Kafka where no group was ever seen: its coordinator is still to be made."""

from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from precache.kafka.config import KafkaBlock
from precache.kafka.errors import KafkaCallError
from precache.kafka.groups import GroupCommits
from tests.services.kafka import Node
from tests.support.process import wait_until

TOPIC, GROUP = "notifications", "group"


def asked(block: KafkaBlock) -> list[tuple[int, str | None]]:
    with GroupCommits(block, "test", GROUP) as commits:
        numbers = commits.partitions(TOPIC, 10.0)
        return [(place.offset, place.metadata) for place in commits.read(TOPIC, numbers, 10.0)]


def test_from_the_first_look_to_a_commit_beside_an_open_transaction(tmp_path: Path) -> None:
    with Node(tmp_path / "kafka") as node:
        settings = {"bootstrap.servers": node.bootstrap_servers}
        admin = AdminClient({"bootstrap.servers": node.bootstrap_servers})
        for future in admin.create_topics([NewTopic(TOPIC, 2, 1)]).values():
            future.result(timeout=30)
        block = KafkaBlock.model_validate(settings)

        def is_reported() -> bool:
            try:
                return [offset for offset, _ in asked(block)] == [-1001, -1001]
            except KafkaCallError:
                return False

        wait_until(is_reported, "Kafka to tell that nothing is committed", 60)
        producer = Producer(settings | {"transactional.id": "one"})
        producer.init_transactions(30)
        member = Consumer(settings | {"group.id": GROUP}).consumer_group_metadata()
        producer.begin_transaction()
        producer.send_offsets_to_transaction([TopicPartition(TOPIC, 1, 5, metadata="first")], member, 30)
        producer.commit_transaction(30)
        producer.begin_transaction()
        producer.send_offsets_to_transaction([TopicPartition(TOPIC, 1, 6, metadata="second")], member, 30)
        wait_until(lambda: asked(block)[1] == (5, "first"), "the last commit", 30)
