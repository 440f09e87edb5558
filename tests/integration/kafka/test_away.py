"""A broker of the test's own that goes away and comes back, and one that asks for credentials and rights."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from precache.config import TopicsBlock
from precache.kafka import clients
from precache.kafka import topics as kafka_topics
from precache.kafka.config import KafkaBlock
from precache.kafka.errors import KafkaCallError, KafkaRetry, translate
from precache.runtime.deadline import Deadline
from tests.services.kafka import Node

LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
GUARDED = {
    "listener.security.protocol.map": "PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "listener.name.plaintext.sasl.enabled.mechanisms": "PLAIN",
    "listener.name.plaintext.plain.sasl.jaas.config": (
        f'{LOGIN} username="admin" password="hush-admin" user_admin="hush-admin" user_reader="hush-reader";'
    ),
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:admin;User:ANONYMOUS",
}


class GuardedNode(Node):
    """A broker with users and rights; it answers nobody who does not say who they are."""

    def answers(self) -> bool:
        admin = clients.admin(guarded(self, "admin", "hush-admin"))
        try:
            return bool(admin.client.list_topics(timeout=3).brokers)
        except KafkaException:
            return False


def guarded(node: Node, user: str, password: str) -> KafkaBlock:
    return KafkaBlock.model_validate(
        {
            "bootstrap.servers": node.bootstrap_servers,
            "security.protocol": "sasl_plaintext",
            "sasl.mechanism": "PLAIN",
            "sasl.username": user,
            "sasl.password": password,
        }
    )


@pytest.fixture
def events() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


def named(events: list[Any], name: str) -> list[Any]:
    return [event for event in events if event["event"] == name]


def until(condition: Callable[[], object], step: Callable[[], object]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline, "not within 90 s"
        step()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(tmp_path_factory.mktemp("kafka")) as node:
        yield node


def test_a_broker_that_goes_away_is_reported_once_and_again_when_it_is_back_and_nothing_is_lost(
    node: Node, events: list[Any]
) -> None:
    block = KafkaBlock.model_validate({"bootstrap.servers": node.bootstrap_servers})
    admin = clients.admin(block)
    admin.client.create_topics([NewTopic("x", 1, 1)])["x"].result(30)
    delivered: list[KafkaError | None] = []

    def report(error: KafkaError | None, _message: Message) -> None:
        delivered.append(error)

    producer = clients.producer(block, "bridge-paris")
    producer.produce("x", b"before", on_delivery=report)
    assert producer.flush(60) == 0
    node.kill()
    producer.produce("x", b"while away", on_delivery=report)
    end = time.monotonic() + 6
    while time.monotonic() < end:
        producer.poll(0.1)
    lost = [event for event in named(events, "kafka.disconnected") if event["client"] == "bridge-paris"]
    assert [(event["broker"], event["log_level"]) for event in lost] == [(node.bootstrap_servers, "warning")]
    assert delivered == [None]
    node.start()
    until(lambda: named(events, "kafka.connected"), lambda: producer.poll(0.1))
    assert producer.flush(60) == 0
    assert delivered == [None, None]
    back = named(events, "kafka.connected")
    assert [(event["client"], event["broker"]) for event in back] == [("bridge-paris", node.bootstrap_servers)]
    assert back[0]["away_s"] >= 5


@pytest.fixture(scope="module")
def guarded_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with GuardedNode(tmp_path_factory.mktemp("guarded"), properties=GUARDED) as node:
        admin = clients.admin(guarded(node, "admin", "hush-admin"))
        kafka_topics.create(admin, TopicsBlock(), Deadline.after(30))
        yield node


def test_a_wrong_password_is_reported_as_an_error_and_not_shown(guarded_node: Node, events: list[Any]) -> None:
    producer = clients.producer(guarded(guarded_node, "reader", "hush-wrong"), "p")
    until(lambda: named(events, "kafka.refused"), lambda: producer.poll(0.1))
    for _ in range(20):
        producer.poll(0.1)
    [refused] = named(events, "kafka.refused")
    assert refused["log_level"] == "error"
    assert "hush" not in str(events)


def test_a_wrong_password_is_named_when_topics_are_checked(guarded_node: Node) -> None:
    admin = clients.admin(guarded(guarded_node, "reader", "hush-wrong"))
    with pytest.raises(KafkaRetry, match="Authentication failed") as caught:
        kafka_topics.check(admin, TopicsBlock(), ["notifications"], Deadline.after(5))
    assert caught.value.actionable
    assert "sasl.password" in str(caught.value)


def test_a_user_without_any_right_gets_no_producer(guarded_node: Node) -> None:
    producer = clients.producer(guarded(guarded_node, "reader", "hush-reader"), "p")
    found: list[KafkaCallError] = []

    def attempt() -> None:
        try:
            producer.produce("nova.notifications", b"x")
            producer.poll(0.1)
        except KafkaException as error:
            found.append(translate(error, "produce"))

    until(lambda: found, attempt)
    assert found[0].actionable
    assert "kafka-acls.sh" in str(found[0])


@pytest.fixture
def may_produce(guarded_node: Node) -> None:
    """The reader may produce, but to no topic yet."""
    right = AclBinding(
        ResourceType.BROKER,
        "kafka-cluster",
        ResourcePatternType.LITERAL,
        "User:reader",
        "*",
        AclOperation.IDEMPOTENT_WRITE,
        AclPermissionType.ALLOW,
    )
    admin = clients.admin(guarded(guarded_node, "admin", "hush-admin"))
    admin.client.create_acls([right])[right].result(30)


@pytest.mark.usefixtures("may_produce")
def test_a_right_that_is_missing_is_waited_for_as_an_error(guarded_node: Node) -> None:
    producer = clients.producer(
        guarded(guarded_node, "reader", "hush-reader"), "p", **{"topic.metadata.propagation.max.ms": 500}
    )
    errors: list[KafkaCallError] = []

    def report(error: KafkaError | None, _message: Message) -> None:
        assert error is not None
        errors.append(translate(error, "produce"))

    producer.produce("nova.notifications", b"x", on_delivery=report)
    until(lambda: errors, lambda: producer.poll(0.1))
    assert [(type(problem), problem.actionable) for problem in errors] == [(KafkaRetry, True)]
    assert "kafka-acls.sh" in str(errors[0])


def test_topics_that_one_has_no_right_to_see(guarded_node: Node) -> None:
    admin = clients.admin(guarded(guarded_node, "reader", "hush-reader"))
    found = kafka_topics.check(admin, TopicsBlock(), ["notifications"], Deadline.after(30))
    assert [error.text for error in found] == ["does not exist, or this user may not see it"]
