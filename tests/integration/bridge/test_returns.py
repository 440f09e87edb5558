"""What RabbitMQ counts on a quorum queue, and after how many returns it drops a message, silently."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pika
import pika.exceptions
import pytest

from tests.integration.bridge.rig import DURABLE, QUORUM, QUORUM_UNLIMITED, TRANSIENT, Rig
from tests.services.testing import Broker
from tests.support.process import comes_true

# Facts of RabbitMQ's, not of precache.
pytestmark = pytest.mark.more

# More than RabbitMQ 4's own limit.
MANY = 25

Return = Callable[[Any, int], object]


def lose_connection(channel: Any, _tag: int) -> None:
    channel.connection._impl._transport._sock.shutdown(socket.SHUT_RDWR)


WAYS: dict[str, Return] = {
    "nack": lambda channel, tag: channel.basic_nack(tag, requeue=True),
    "reject": lambda channel, tag: channel.basic_reject(tag, requeue=True),
    "recover": lambda channel, _tag: channel.basic_recover(requeue=True),
    "channel-closed": lambda channel, _tag: channel.close(),
    "connection-closed": lambda channel, _tag: channel.connection.close(),
    "connection-lost": lose_connection,
}


@contextmanager
def consuming(rig: Rig) -> Iterator[Any]:
    connection = pika.BlockingConnection(pika.URLParameters(rig.cloud.transport_url.replace("rabbit", "amqp", 1)))
    try:
        yield connection.channel()
    finally:
        with suppress(pika.exceptions.AMQPError, OSError):
            connection.close()


def deliver_and_return(rig: Rig, way: Return) -> bool:
    """Take the message and return it; False when there is none."""
    with consuming(rig) as channel:
        got: list[int] = []

        def get() -> bool:
            method, _, _ = channel.basic_get(rig.queue)
            got.extend([method.delivery_tag] if method is not None else [])
            return bool(got)

        if comes_true(get, 3.0):
            way(channel, got[0])
    return bool(got)


def deliveries(rig: Rig, way: Return) -> int:
    """Return how often a message is delivered, when each delivery is returned."""
    rig.publish([b"message"])
    for count in range(MANY):
        if not deliver_and_return(rig, way):
            return count
    return MANY


@pytest.mark.parametrize("kind", [QUORUM], ids=["quorum"])
@pytest.mark.parametrize("way", WAYS)
def test_every_way_back_to_a_quorum_queue_counts(rig: Rig, way: str) -> None:
    assert deliveries(rig, WAYS[way]) == 4


@pytest.mark.parametrize("kind", [QUORUM_UNLIMITED], ids=["quorum"])
def test_a_quorum_queue_of_rabbitmq_4_has_a_limit_by_itself(request: pytest.FixtureRequest, rig: Rig) -> None:
    is_4 = request.node.callspec.params["broker"] == "rabbitmq4"
    assert deliveries(rig, WAYS["connection-closed"]) == (21 if is_4 else MANY)


@pytest.mark.parametrize("broker", ["rabbitmq4"], indirect=True)
@pytest.mark.parametrize(("kind", "expected"), [(QUORUM_UNLIMITED, MANY), (QUORUM, 4)], ids=["without", "with"])
def test_a_policy_takes_the_limit_away_unless_the_queue_was_declared_with_one(
    rig: Rig, broker: Broker, expected: int
) -> None:
    assert broker.api_url
    policy = {"pattern": ".*", "definition": {"delivery-limit": -1}, "apply-to": "queues"}
    status, answer = rig.cloud.api("PUT", "policies/{vhost}/unlimited", policy)
    assert status == 201, answer
    assert comes_true(lambda: rig.cloud.queue(rig.queue).get("policy") == "unlimited", 15.0)
    assert deliveries(rig, WAYS["nack"]) == expected


@pytest.mark.parametrize("kind", [DURABLE, TRANSIENT], ids=["durable", "transient"])
def test_a_classic_queue_never_drops(rig: Rig) -> None:
    assert deliveries(rig, WAYS["connection-closed"]) == MANY


@pytest.mark.parametrize(
    ("broker", "kind", "state", "words"),
    [
        ("rabbitmq", QUORUM, "WARN", "after 3 returns"),
        ("rabbitmq4", QUORUM, "WARN", "after 3 returns"),
        ("rabbitmq4", QUORUM_UNLIMITED, "ok", "after 20 returns"),
        ("rabbitmq", QUORUM_UNLIMITED, "", ""),
    ],
    indirect=["broker"],
)
def test_doctor_knows_the_limit(rig: Rig, state: str, words: str) -> None:
    found = rig.doctor(rig.config(rig.paris(**rig.options("rabbit")))).get("paris: delivery limit", {})
    assert found.get("state", "") == state
    assert words in found.get("text", "")
