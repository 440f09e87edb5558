"""Clients on a real broker: what they promise, and what the broker's refusals become."""

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from precache.contract.partitions import partition_of
from precache.kafka import clients
from precache.kafka.config import KafkaBlock
from precache.kafka.errors import (
    KafkaAbortable,
    KafkaCallError,
    KafkaFatal,
    KafkaFenced,
    KafkaRejected,
    KafkaRetry,
    kafka_errors,
    translate,
)
from tests.services.testing import Servers, Topics
from tests.support.kafka import read_all


@pytest.fixture
def block(servers: Servers) -> KafkaBlock:
    return KafkaBlock.model_validate({"bootstrap.servers": servers.kafka})


@pytest.fixture
def topic(block: KafkaBlock, topics: Topics) -> str:
    return make(block, f"{topics.prefix}.x")


@pytest.fixture
def consumers(block: KafkaBlock) -> Iterator[Callable[..., Consumer]]:
    made: list[Consumer] = []

    def make_one(group: str, **ours: Any) -> Consumer:
        made.append(clients.consumer(block, "test", **{"group.id": group, **ours}))
        return made[-1]

    yield make_one
    for consumer in made:
        consumer.close()


def make(block: KafkaBlock, name: str, partitions: int = 5, **config: str) -> str:
    admin = clients.admin(block)
    settings = {key.replace("_", "."): value for key, value in config.items()}
    admin.client.create_topics([NewTopic(name, partitions, 1, config=settings)], operation_timeout=30)[name].result(30)
    return name


def send(producer: Producer, topic: str, **record: Any) -> KafkaCallError | Message:
    """Return the delivery report, or the fault that it tells."""
    reports: list[KafkaCallError | Message] = []

    def report(error: KafkaError | None, message: Message) -> None:
        reports.append(message if error is None else translate(error, "produce"))

    producer.produce(topic, on_delivery=report, **record)
    assert producer.flush(60) == 0
    [only] = reports
    return only


def first_error(consumer: Consumer) -> KafkaCallError:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        message = consumer.poll(0.2)
        error = None if message is None else message.error()
        if error is not None:
            return translate(error, "poll")
    raise TimeoutError("no error")


def test_a_key_goes_where_javas_client_puts_it(block: KafkaBlock, topic: str) -> None:
    producer = clients.producer(block, "test")
    placed: dict[bytes, int | None] = {}
    for number in range(40):
        report = send(producer, topic, key=(key := f"paris/{uuid.uuid4()}/{number}".encode()), value=b"x")
        assert isinstance(report, Message)
        placed[key] = report.partition()
    assert placed == {key: partition_of(key, 5) for key in placed}
    assert len(set(placed.values())) == 5


def test_a_record_too_large_for_the_topic_is_rejected_and_the_producer_goes_on(
    block: KafkaBlock, topics: Topics
) -> None:
    small = make(block, f"{topics.prefix}.small", max_message_bytes="2000")
    uncompressed: dict[str, Any] = {"compression.type": "none"}
    producer = clients.producer(block, "test", **uncompressed)
    error = send(producer, small, value=b"x" * 5_000)
    assert isinstance(error, KafkaRejected)
    assert error.name == "MSG_SIZE_TOO_LARGE"
    assert isinstance(send(producer, small, value=b"x"), Message)


def test_a_record_beyond_the_clients_own_limit_is_rejected(block: KafkaBlock, topic: str) -> None:
    producer = clients.producer(block, "test")
    with pytest.raises(KafkaRejected, match="MSG_SIZE_TOO_LARGE"), kafka_errors("produce"):
        producer.produce(topic, b"x" * 2_000_000)


def test_a_topic_that_is_not_there_is_waited_for_and_logged(block: KafkaBlock, topics: Topics) -> None:
    producer = clients.producer(block, "test", **{"topic.metadata.propagation.max.ms": 500})
    error = send(producer, f"{topics.prefix}.missing", value=b"x")
    assert isinstance(error, KafkaRetry)
    assert error.actionable
    assert "precache topics create" in str(error)


def test_what_a_transaction_rolled_back_is_not_read(
    block: KafkaBlock, topic: str, consumers: Callable[..., Consumer]
) -> None:
    producer = clients.transactional_producer(block, "test", f"test-{uuid.uuid4()}")
    producer.init_transactions(30)
    for value, end in ((b"gone", producer.abort_transaction), (b"stays", producer.commit_transaction)):
        producer.begin_transaction()
        producer.produce(topic, value, key=b"k")
        producer.flush(30)
        end(30)
    consumer = consumers("test-reader", **{"auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(5)])
    message = consumer.poll(30)
    assert message is not None
    assert message.value() == b"stays"
    assert {record.value() for record in read_all(block.servers, topic)} == {b"stays"}


def test_a_place_that_is_not_in_the_log_is_an_error_to_decide_on(
    topic: str, consumers: Callable[..., Consumer]
) -> None:
    consumer = consumers(f"test-{uuid.uuid4()}")
    consumer.assign([TopicPartition(topic, 0, 1_000)])
    error = first_error(consumer)
    assert isinstance(error, KafkaFatal)
    assert error.name == "_AUTO_OFFSET_RESET"


def test_nothing_is_committed_that_was_not_committed_by_name(
    block: KafkaBlock, topic: str, consumers: Callable[..., Consumer]
) -> None:
    send(clients.producer(block, "test"), topic, value=b"x", partition=0)
    group = f"test-{uuid.uuid4()}"
    consumer = consumers(group)
    consumer.assign([TopicPartition(topic, 0, 0)])
    assert consumer.poll(30) is not None
    consumer.close()
    [place] = consumers(group).committed([TopicPartition(topic, 0)], timeout=30)
    assert place.offset < 0


def test_a_producer_whose_place_was_taken_is_fenced(block: KafkaBlock, topic: str) -> None:
    name = f"test-{uuid.uuid4()}"
    old = clients.transactional_producer(block, "old", name)
    old.init_transactions(30)
    old.begin_transaction()
    old.produce(topic, b"x")
    old.flush(30)
    new = clients.transactional_producer(block, "new", name)
    new.init_transactions(30)
    with pytest.raises(KafkaFenced) as caught, kafka_errors("commit the transaction"):
        old.commit_transaction(30)
    assert str(caught.value).startswith("commit the transaction: ")
    assert read_all(block.servers, topic) == []


def test_offsets_of_a_generation_that_is_over_abort_the_transaction(
    block: KafkaBlock, topic: str, consumers: Callable[..., Consumer]
) -> None:
    group = f"test-{uuid.uuid4()}"
    consumer = consumers(group)
    consumer.subscribe([topic])
    deadline = time.monotonic() + 30
    while not consumer.assignment():
        assert time.monotonic() < deadline
        consumer.poll(0.2)
    metadata = consumer.consumer_group_metadata()
    consumer.close()
    producer = clients.transactional_producer(block, "test", f"test-{uuid.uuid4()}")
    producer.init_transactions(30)
    producer.begin_transaction()
    with pytest.raises(KafkaAbortable), kafka_errors("send the offsets"):
        producer.send_offsets_to_transaction([TopicPartition(topic, 0, 1)], metadata, 30)
    producer.abort_transaction(30)
