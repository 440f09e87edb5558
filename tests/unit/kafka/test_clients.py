"""What a client is made with; librdkafka's own reading of it is tested on a real broker."""

from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from precache.kafka import clients
from precache.kafka.config import KafkaBlock
from precache.kafka.errors import KafkaFatal

NOWHERE = {"bootstrap.servers": "127.0.0.1:9"}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The properties of every client that was made."""
    seen: list[dict[str, Any]] = []

    def spy(kind: type[Any]) -> Any:
        def make(properties: dict[str, Any]) -> Any:
            seen.append(properties)
            return kind(properties)

        return make

    monkeypatch.setattr(clients, "Producer", spy(Producer))
    monkeypatch.setattr(clients, "Consumer", spy(Consumer))
    monkeypatch.setattr(clients, "AdminClient", spy(AdminClient))
    return seen


def block(**properties: Any) -> KafkaBlock:
    return KafkaBlock.model_validate({**NOWHERE, **properties})


def test_a_producer_keeps_order_and_waits_for_all_replicas(made: list[dict[str, Any]]) -> None:
    clients.producer(block(), "p")
    promised = {"enable.idempotence": True, "acks": "all", "partitioner": "murmur2_random", "message.timeout.ms": 0}
    assert made[0].items() >= promised.items()
    assert made[0].items() >= {"client.id": "p", "compression.type": "lz4", "linger.ms": 5}.items()


def test_a_consumer_commits_nothing_and_shows_nothing_that_was_rolled_back(made: list[dict[str, Any]]) -> None:
    consumer = clients.consumer(block(**{"group.id": "g"}), "c")
    consumer.close()
    promised = {
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "group.id": "g",
    }
    assert made[0].items() >= promised.items()


def test_a_transactional_producer(made: list[dict[str, Any]]) -> None:
    clients.transactional_producer(block(), "p", "precache-1")
    assert made[0].items() >= {"transactional.id": "precache-1", "enable.idempotence": True, "acks": "all"}.items()
    assert made[0]["message.timeout.ms"] <= made[0]["transaction.timeout.ms"]


def test_what_the_file_says_wins_over_what_was_chosen_and_the_caller_wins_over_both(made: list[dict[str, Any]]) -> None:
    chosen = block(**{"linger.ms": 50, "compression.type": "zstd"})
    clients.producer(chosen, "p", **{"linger.ms": 0})
    assert (made[0]["linger.ms"], made[0]["compression.type"]) == (0, "zstd")
    clients.producer(chosen, "p", linger_ms=20)
    clients.producer(block(), "p", linger_ms=20)
    assert [properties["linger.ms"] for properties in made[1:]] == [50, 20]
    admin = clients.admin(chosen)
    assert (admin.servers, admin.max_batch_bytes) == ("127.0.0.1:9", 1_000_000)


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ({}, "group.id must be set"),
        ({"group.id": "g", "session.timeout.ms": 400_000}, "max.poll.interval.ms"),
        ({"group.id": "g", "security.protocol": "ssl", "ssl.ca.location": "/no/such/file"}, "ssl.ca.location failed"),
    ],
)
def test_properties_that_do_not_fit_together_are_fatal(properties: dict[str, Any], text: str) -> None:
    with pytest.raises(KafkaFatal, match=rf"^make a Kafka client from the kafka block: .*{text}") as caught:
        clients.consumer(block(**properties), "c")
    assert caught.value.actionable


def test_every_client_bootstraps_again_whatever_its_kind(made: list[dict[str, Any]]) -> None:
    clients.producer(block(), "p")
    clients.transactional_producer(block(), "t", "precache-1")
    clients.consumer(block(**{"group.id": "g"}), "c").close()
    clients.admin(block())
    assert [properties["metadata.recovery.strategy"] for properties in made] == ["rebootstrap"] * 4
