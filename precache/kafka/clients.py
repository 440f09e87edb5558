"""Kafka's clients, with the settings that the promises rest on. They connect by themselves, and forever.

What stands in the user's block is laid over the choices here; what a promise rests on is laid over the user's block,
which refuses those keys anyway.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import uuid4

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from precache.kafka.config import KafkaBlock
from precache.kafka.connection import Connection
from precache.kafka.errors import KafkaFatal, translate
from precache.runtime.masking import mask_text

T = TypeVar("T")
_DOING: Final = "make a Kafka client from the kafka block"

_CHOSEN: Final[dict[str, Any]] = {
    # A broker that vanished without a word (a firewall, a lost host) is noticed.
    "socket.keepalive.enable": True,
    # Back soon after an outage: the default of 10 s is as long as many outages.
    "reconnect.backoff.max.ms": 3_000,
}
_PROMISED: Final[dict[str, Any]] = {
    # A Kafka that has just begun may answer that it has no brokers. The client then drops all it knew, and with "none"
    # it never connects again (docs/decisions/0505-rebootstrap-and-a-bounded-commit.md).
    "metadata.recovery.strategy": "rebootstrap",
}
_CHOSEN_PRODUCER: Final[dict[str, Any]] = {
    # JSON shrinks to a quarter or less, at little CPU on both sides.
    "compression.type": "lz4",
}
# Batches form while traffic is high; nobody waits for five milliseconds.
LINGER_MS: Final = 5
_PROMISED_PRODUCER: Final[dict[str, Any]] = {
    **_PROMISED,
    "enable.idempotence": True,
    "acks": "all",
    # Java's partitioner: every client, ours or not, puts one key on one partition. Keyless records are spread.
    "partitioner": "murmur2_random",
    # A queued record does not expire on its own: the bridge decides by `hold`, and purges.
    "message.timeout.ms": 0,
}
_CHOSEN_TRANSACTIONAL: Final[dict[str, Any]] = {
    **_CHOSEN_PRODUCER,
    "linger.ms": LINGER_MS,
    # Kafka is still finishing one transaction when the next one begins, and says so (CONCURRENT_TRANSACTIONS): asked
    # again after the default of 100 ms, every other commit would take that long. Source: confluent-kafka-python, #967.
    "retry.backoff.ms": 5,
}
_PROMISED_TRANSACTIONAL: Final[dict[str, Any]] = {
    **{key: value for key, value in _PROMISED_PRODUCER.items() if key != "message.timeout.ms"},
    # After this time Kafka ends a killed processor's open transaction, if nobody else does.
    "transaction.timeout.ms": 30_000,
    # librdkafka asks that it be no longer than the transaction.
    "message.timeout.ms": 30_000,
}
_CHOSEN_CONSUMER: Final[dict[str, Any]] = {
    # What is fetched ahead, in all; the default of 64 MiB doubles in Python's objects.
    "queued.max.messages.kbytes": 16_384,
    # A queue that was full is looked at again so soon: the default of a second leaves a fast reader idle for long.
    "fetch.queue.backoff.ms": 5,
    # A group notices a killed member after this time; the default is 45 s. It is what Java's clients had until 3.0.
    "session.timeout.ms": 10_000,
    # The others notice it, and one that left, with their next heartbeat; the default is 3 s.
    "heartbeat.interval.ms": 1_000,
}
_PROMISED_CONSUMER: Final[dict[str, Any]] = {
    **_PROMISED,
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    # A place that is no longer in the log is an error to decide on, never a silent jump.
    "auto.offset.reset": "error",
    # What a transaction rolled back is not shown.
    "isolation.level": "read_committed",
}


@dataclass(frozen=True, slots=True)
class Admin:
    """An admin client, with what its texts need.

    Attributes:
        client: confluent-kafka's.
        servers: the bootstrap servers as the file has them.
        connection: what is known of the connection.
        max_batch_bytes: the most that a producer of the same block puts into one batch.
        principal: whom Kafka takes it for, such as ``User:precache``; ``""`` when that is not known.
    """

    client: AdminClient
    servers: str
    connection: Connection
    max_batch_bytes: int
    principal: str = ""


def producer(
    block: KafkaBlock,
    client_id: str,
    connection: Connection | None = None,
    /,
    *,
    linger_ms: int = LINGER_MS,
    **ours: Any,
) -> Producer:
    """Return an idempotent producer.

    Args:
        block: the user's properties.
        client_id: its name in logs, here and on the broker.
        connection: takes the connection's losses and refusals, for a caller that asks it; else one of its own.
        linger_ms: how long a record waits for others of its batch, unless the user says.
        ours: properties of the caller, by librdkafka's names; they win over all others.

    Raises:
        KafkaFatal: the properties do not fit together.
    """
    chosen = {**_CHOSEN, **_CHOSEN_PRODUCER, "linger.ms": linger_ms}
    properties = {**chosen, **block.client("producer"), **_PROMISED_PRODUCER}
    return _made(Producer, properties, client_id, ours, connection)


def transactional_producer(block: KafkaBlock, client_id: str, transactional_id: str, **ours: Any) -> Producer:
    """Return a producer for transactions; the caller still has to call ``init_transactions``.

    Raises:
        KafkaFatal: the properties do not fit together.
    """
    properties = {**_CHOSEN, **_CHOSEN_TRANSACTIONAL, **block.client("producer"), **_PROMISED_TRANSACTIONAL}
    return _made(Producer, {**properties, "transactional.id": transactional_id}, client_id, ours)


def consumer(block: KafkaBlock, client_id: str, **ours: Any) -> Consumer:
    """Return a consumer that commits nothing by itself; ``group.id`` comes from the block or from ``ours``.

    Raises:
        KafkaFatal: the properties do not fit together, or there is no ``group.id``.
    """
    properties = {**_CHOSEN, **_CHOSEN_CONSUMER, **block.client("consumer"), **_PROMISED_CONSUMER}
    return _made(Consumer, properties, client_id, ours)


def reader(block: KafkaBlock, client_id: str, **ours: Any) -> Consumer:
    """Return a consumer outside of any group, for partitions that are assigned by hand; it says where each one ends.

    Raises:
        KafkaFatal: the properties do not fit together.
    """
    # librdkafka wants a group's name even of a consumer that never joins one.
    return consumer(block, client_id, **{"group.id": f"{client_id}-{uuid4()}", "enable.partition.eof": True, **ours})


def is_end(message: Message) -> bool:
    """Whether this says, in the place of a record, that a partition has been read to its end."""
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001 - the library's name for it


def admin(block: KafkaBlock, client_id: str = "precache-admin", **ours: Any) -> Admin:
    """Return a client to look at topics, and to make them.

    Raises:
        KafkaFatal: the properties do not fit together.
    """
    connection = Connection(client_id)
    client = _made(AdminClient, {**_CHOSEN, **block.client("admin"), **_PROMISED}, client_id, ours, connection)
    return Admin(client, block.servers, connection, block.max_batch_bytes, block.principal)


def _made(
    kind: Callable[[dict[str, Any]], T],
    properties: dict[str, Any],
    client_id: str,
    ours: dict[str, Any],
    connection: Connection | None = None,
) -> T:
    connection = connection or Connection(client_id)
    try:
        return kind({**properties, "client.id": client_id, **connection.properties(), **ours})
    except KafkaException as error:
        problem = translate(error, _DOING)
        raise KafkaFatal(_DOING, problem.name, problem.text, actionable=True) from error
    except (ValueError, TypeError) as error:
        raise KafkaFatal(_DOING, "_INVALID_ARG", mask_text(str(error)), actionable=True) from error
