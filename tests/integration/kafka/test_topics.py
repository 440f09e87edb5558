"""Topics on a real broker: made, checked, and fixed by the very settings that the printed commands name."""

import shlex
import time
from collections.abc import Iterable
from typing import Any

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from precache.config import TopicsBlock
from precache.contract.topics import ROLES
from precache.kafka import clients
from precache.kafka import topics as kafka_topics
from precache.kafka.config import KafkaBlock
from precache.kafka.errors import KafkaFatal, KafkaRetry
from precache.kafka.settings import TopicProblem
from precache.runtime.deadline import Deadline
from tests.services.testing import Servers, Topics


@pytest.fixture
def admin(servers: Servers) -> clients.Admin:
    return clients.admin(KafkaBlock.model_validate({"bootstrap.servers": servers.kafka}))


@pytest.fixture
def block(topics: Topics) -> TopicsBlock:
    return TopicsBlock(**topics.config(), partitions=3)


def soon() -> Deadline:
    return Deadline.after(30)


def errors(admin: clients.Admin, block: TopicsBlock) -> list[str]:
    return [str(error) for error in kafka_topics.check(admin, block, ROLES, soon(), "processor.yaml")]


def make(admin: clients.Admin, name: str, partitions: int = 3, **settings: str) -> None:
    config = {key.replace("_", "."): value for key, value in settings.items()}
    admin.client.create_topics([NewTopic(name, partitions, 1, config=config)], operation_timeout=30)[name].result(30)
    kafka_topics._all_there(admin, [name], soon())


def run(admin: clients.Admin, command: str) -> None:
    """Do what a `kafka-configs.sh` command line says, as its help explains it."""
    words = shlex.split(command)
    assert words[:5] == ["kafka-configs.sh", "--bootstrap-server", admin.servers, "--alter", "--entity-type"]
    name, (setting, value) = words[words.index("--entity-name") + 1], words[-1].split("=", 1)
    entry = ConfigEntry(setting, value.strip("[]"), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])
    for future in admin.client.incremental_alter_configs([resource]).values():
        future.result(30)


def fix(admin: clients.Admin, found: Iterable[TopicProblem]) -> None:
    for error in found:
        run(admin, error.command)


def test_topics_that_were_made_by_us_are_right(admin: clients.Admin, block: TopicsBlock, topics: Topics) -> None:
    forward = f"{topics.prefix}.forward"
    outcomes = kafka_topics.create(admin, block, soon(), forward=[forward, block.notifications])
    assert [(outcome.topic, outcome.created, outcome.partitions) for outcome in outcomes] == [
        (block.notifications, True, 3),
        (block.progress, True, 3),
        (block.operations, True, 3),
        (block.deadletters, True, 3),
        (forward, True, 3),
    ]
    assert str(outcomes[0]) == f"{block.notifications}: created, 3 partitions"
    assert errors(admin, block) == []
    again = kafka_topics.create(admin, block.model_copy(update={"partitions": 7}), soon())
    assert [(outcome.created, outcome.partitions) for outcome in again] == [(False, 3)] * 4
    assert str(again[0]) == f"{block.notifications}: is there already, 3 partitions"


def test_missing_topics_are_named_with_the_command_that_makes_them(admin: clients.Admin, block: TopicsBlock) -> None:
    make(admin, block.notifications, message_timestamp_type="LogAppendTime")
    assert kafka_topics.partition_counts(admin, [block.notifications, block.progress], soon()) == {
        block.notifications: 3
    }
    command = "precache topics create --config processor.yaml"
    assert errors(admin, block) == [
        f"{name}: does not exist, or this user may not see it; to fix it: {command}"
        for name in (block.progress, block.operations, block.deadletters)
    ]
    # To look for a topic must not make it, on brokers that make topics by themselves.
    assert kafka_topics.partition_counts(admin, [block.progress], soon()) == {}


def test_wrong_settings_are_named_and_their_commands_fix_them(admin: clients.Admin, block: TopicsBlock) -> None:
    make(admin, block.notifications, cleanup_policy="compact", max_message_bytes="50000")
    make(admin, block.progress)
    make(admin, block.operations, cleanup_policy="delete")
    make(admin, block.deadletters)
    found = kafka_topics.check(admin, block, ROLES, soon())
    alter = f"kafka-configs.sh --bootstrap-server {admin.servers} --alter --entity-type topics --entity-name"
    assert [(error.topic, error.text, error.command) for error in found] == [
        (
            block.notifications,
            "cleanup.policy is compact, but has to be delete",
            f"{alter} {block.notifications} --add-config 'cleanup.policy=delete'",
        ),
        (
            block.notifications,
            "message.timestamp.type is CreateTime, but has to be LogAppendTime",
            f"{alter} {block.notifications} --add-config 'message.timestamp.type=LogAppendTime'",
        ),
        (
            block.notifications,
            "max.message.bytes is 50000, but a batch of precache may have 1000000 bytes, and would be refused whole",
            f"{alter} {block.notifications} --add-config 'max.message.bytes=1000000'",
        ),
        (
            block.operations,
            "cleanup.policy is delete, but has to be compact,delete",
            f"{alter} {block.operations} --add-config 'cleanup.policy=[compact,delete]'",
        ),
    ]
    fix(admin, found)
    assert errors(admin, block) == []


def test_a_topic_must_take_a_record_that_is_larger_than_a_batch(
    admin: clients.Admin, block: TopicsBlock, servers: Servers
) -> None:
    small = {"bootstrap.servers": servers.kafka, "batch.size": 50_000}
    settings: dict[str, dict[str, Any]] = {
        block.notifications: {"message_timestamp_type": "LogAppendTime"},
        block.operations: {"cleanup_policy": "compact,delete"},
        block.progress: {},
        block.deadletters: {},
    }
    for name, config in settings.items():
        make(admin, name, max_message_bytes="300000", **config)
    one = clients.admin(KafkaBlock.model_validate(small))
    found = {error.topic: error.text for error in kafka_topics.check(one, block, ROLES, soon())}
    assert found.keys() == {block.progress, block.operations, block.deadletters}
    assert found[block.progress].startswith(
        "max.message.bytes is 300000, but a batch of precache may have 1000000 bytes"
    )
    assert "400000" in found[block.deadletters]


def test_partitions_that_differ_are_named(admin: clients.Admin, block: TopicsBlock) -> None:
    make(admin, block.operations, partitions=4, cleanup_policy="compact,delete")
    kafka_topics.create(admin, block, soon())
    [error] = kafka_topics.check(admin, block, ROLES, soon(), "p.yaml")
    assert error.topic == block.operations
    assert error.text.startswith(f"has 4 partitions, but {block.notifications} has 3: ")
    assert error.command.startswith("name new topics in the topics block")
    assert kafka_topics.check(admin, block, ["notifications", "deadletters"], soon()) == []


def test_what_kafka_refuses_to_make_is_reported(admin: clients.Admin, block: TopicsBlock) -> None:
    with pytest.raises(KafkaFatal, match=rf"^create topic {block.notifications}: .*topics\.replication_factor"):
        kafka_topics.create(admin, block.model_copy(update={"replication_factor": 100}), soon())


def test_no_broker_there_is_reported_within_the_deadline() -> None:
    admin = clients.admin(KafkaBlock.model_validate({"bootstrap.servers": "127.0.0.1:9"}))
    began = time.monotonic()
    with pytest.raises(KafkaRetry) as caught:
        kafka_topics.check(admin, TopicsBlock(), ROLES, Deadline.after(1.5))
    assert time.monotonic() - began < 5
    text = str(caught.value)
    assert text.startswith("look up the topics: no answer from Kafka at 127.0.0.1:9 (127.0.0.1:9: ")
    assert "Connection refused" in text
    assert "check bootstrap.servers" in text
