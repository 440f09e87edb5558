"""A bridge as a process between a RabbitMQ and a Kafka, and what a test asks of the three."""

import json
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pika
import pytest
import yaml
from confluent_kafka import Message
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from precache.contract.topics import BRIDGE_TYPE
from tests.services.testing import Cloud, Topics
from tests.support import captures
from tests.support.kafka import follow, header, read_all
from tests.support.poisons import JSON, data, envelope, progress
from tests.support.process import Precache, free_port, wait_until

SOURCES: Final = ("rabbit", "oslo")
# For tests that take a minute each: oslo.messaging handles a tenth of the messages in that time.
SOURCES_OF_LONG_TESTS: Final = ("rabbit", pytest.param("oslo", marks=pytest.mark.more))


@dataclass(frozen=True)
class QueueKind:
    """How Nova declares its exchange and queue: by what stands in its section `[oslo_messaging_rabbit]`."""

    nova: Mapping[str, Any]

    @property
    def is_durable(self) -> bool:
        """Whether exchange and queue outlast a restart of RabbitMQ: quorum queues always do."""
        return bool(self.nova)

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the queue's declaration."""
        quorum = {"x-queue-type": "quorum"} if self.nova.get("rabbit_quorum_queue") else {}
        limit = self.nova.get("rabbit_quorum_delivery_limit")
        return quorum | ({"x-delivery-limit": limit} if limit else {})


# Nova's default.
TRANSIENT: Final = QueueKind({})
DURABLE: Final = QueueKind({"amqp_durable_queues": True})
# Drops a message at its fourth return.
QUORUM: Final = QueueKind({"rabbit_quorum_queue": True, "rabbit_quorum_delivery_limit": 3})
# RabbitMQ 4 drops a message at its 21st return, RabbitMQ 3 never.
QUORUM_UNLIMITED: Final = QueueKind({"rabbit_quorum_queue": True})


def notifications(count: int, *, aggregates: int = 7) -> list[tuple[str, bytes]]:
    """Make that many different notifications: message id and body."""
    made = []
    for number in range(count):
        message = progress() | {"message_id": str(uuid.uuid4()), "_unique_id": uuid.uuid4().hex}
        data(message).update(uuid=f"aggregate-{number % aggregates}", index=number, host=f"host{number}")
        made.append((message["message_id"], envelope(message)))
    return made


@dataclass(frozen=True)
class Rig:
    """One cloud on one RabbitMQ, topics on one Kafka, and a folder for files and logs."""

    folder: Path
    kafka: str
    cloud: Cloud
    topics: Topics
    kind: QueueKind = DURABLE

    @property
    def queue(self) -> str:
        return f"{self.cloud.topic}.info"

    # Before the bridge

    def make_topics(self, partitions: int = 3, **config: str) -> None:
        self.make_topics_named(self.topics.notifications, self.topics.deadletters, partitions=partitions, **config)

    def make_topics_named(self, *names: str, partitions: int = 3, **config: str) -> None:
        admin = AdminClient({"bootstrap.servers": self.kafka})
        wanted = [NewTopic(name, partitions, 1, config=dict(config)) for name in names]
        for made in admin.create_topics(wanted).values():
            made.result(30)

    def declare_as_nova(self, queue: str = "") -> None:
        name, kind = queue or self.queue, self.kind
        with self.channel() as channel:
            channel.exchange_declare(self.cloud.exchange, "topic", durable=kind.is_durable)
            channel.queue_declare(name, durable=kind.is_durable, arguments=kind.arguments)
            channel.queue_bind(name, self.cloud.exchange, name)

    @contextmanager
    def channel(self) -> Iterator[Any]:
        with captures.channel(self.cloud.transport_url) as channel:
            yield channel

    def publish(self, bodies: Iterable[bytes], properties: Mapping[str, Any] = JSON, *, routing_key: str = "") -> None:
        """Publish with confirms, as persistent messages that must be routed."""
        with self.channel() as channel:
            for body in bodies:
                channel.basic_publish(
                    self.cloud.exchange,
                    routing_key or self.queue,
                    body,
                    pika.BasicProperties(**properties),
                    mandatory=True,
                )

    def publish_fast(self, body: bytes, count: int, *, awaited: bool = True) -> None:
        """Publish one body many times; the broker has it all when its queue says so, unless somebody reads it."""
        already = self.depth()
        with captures.channel(self.cloud.transport_url) as channel:
            quick = channel.connection.channel()  # without confirms
            for _ in range(count):
                quick.basic_publish(self.cloud.exchange, self.queue, body, pika.BasicProperties(**JSON))
        if awaited:
            wait_until(lambda: self.depth() >= already + count, f"{count} messages in the queue", 60)

    @contextmanager
    def refusing(self, topic: str = "") -> Iterator[None]:
        """Let Kafka (with an authorizer) answer every question, but refuse every record of a topic, for a while."""
        acls = [
            AclBinding(
                ResourceType.TOPIC,
                topic or self.topics.notifications,
                ResourcePatternType.LITERAL,
                "User:ANONYMOUS",
                "*",
                operation,
                permission,
            )
            for operation, permission in (
                (AclOperation.ALL, AclPermissionType.ALLOW),
                (AclOperation.WRITE, AclPermissionType.DENY),
            )
        ]
        filters = [
            AclBindingFilter(
                acl.restype,
                acl.name,
                acl.resource_pattern_type,
                acl.principal,
                "*",
                acl.operation,
                acl.permission_type,
            )
            for acl in acls[1:]
        ]
        admin = AdminClient({"bootstrap.servers": self.kafka})
        for made in admin.create_acls(acls).values():
            made.result(30)
        try:
            yield
        finally:
            for removed in admin.delete_acls(filters).values():
                removed.result(30)

    # The bridge

    def config(self, *clouds: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        return {
            "kafka": {"bootstrap.servers": self.kafka},
            "topics": self.topics.config(),
            "clouds": [dict(cloud) for cloud in clouds],
            "instance": "bridge-1",
            "shutdown_timeout": "10s",
        } | more

    def options(self, source: str) -> dict[str, Any]:
        """The source, and Nova's own section: `oslo` declares exchange and queue by itself, and must do it as Nova."""
        return {"source": source, "oslo_messaging_rabbit": dict(self.kind.nova)}

    def paris(self, **more: Any) -> dict[str, Any]:
        """The cloud of this rig; ``topic`` unless ``pool`` or ``drain_shared`` is given."""
        place = {"name": "paris", "transport_url": self.cloud.transport_url, "exchange": self.cloud.exchange}
        if not {"pool", "drain_shared", "topic"} & more.keys():
            place["topic"] = self.cloud.topic
        return place | more

    def start(self, config: Mapping[str, Any], *, name: str = "bridge") -> Precache:
        port = free_port()
        file = self.folder / f"{name}-{port}.yaml"
        file.write_text(yaml.safe_dump(dict(config) | {"http": {"listen": f"127.0.0.1:{port}"}}))
        return Precache(["bridge", "--config", str(file)], self.folder, name=name, http=port)

    def bridge(self, **cloud: Any) -> Precache:
        """Start a bridge for the one cloud, and wait until it consumes."""
        return self.start(self.config(self.paris(**cloud))).wait_ready()

    def doctor(self, config: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        """What `precache doctor` says of a bridge's configuration, by check."""
        file = self.folder / f"doctor-{free_port()}.yaml"
        file.write_text(yaml.safe_dump(dict(config)))
        with Precache(["doctor", "--config", str(file), "--json"], self.folder, name="doctor") as process:
            assert process.wait_end(60) in {0, 1}, process.stderr
            found = [json.loads(line) for line in process.stdout.splitlines()]
        return {finding["check"]: finding for finding in found}

    # Afterwards

    def records(self, topic: str = "") -> list[Message]:
        """The notifications in a topic, in each partition's order, without heartbeats."""
        found = read_all(self.kafka, topic or self.topics.notifications)
        return [record for record in found if header(record, "ce_type") != BRIDGE_TYPE]

    def heartbeats(self) -> list[dict[str, Any]]:
        found = read_all(self.kafka, self.topics.notifications)
        return [json.loads(record.value() or b"") for record in found if header(record, "ce_type") == BRIDGE_TYPE]

    def message_ids(self) -> Counter[str]:
        return Counter(header(record, "ce_id") for record in self.records())

    def dead(self) -> list[Message]:
        return read_all(self.kafka, self.topics.deadletters)

    def wait_forwarded(self, ids: Iterable[str], timeout_s: float = 60.0, topic: str = "") -> Counter[str]:
        """Wait until every one of these message ids is in the topic; return how often each is in the notifications."""
        missing = set(ids)
        with closing(follow(self.kafka, topic or self.topics.notifications, timeout_s)) as records:
            while missing and (record := next(records, None)):
                missing.discard(header(record, "ce_id"))
        assert not missing, f"waited {timeout_s} s in vain for {len(missing)} message ids in Kafka"
        return self.message_ids()

    def wait_dead(self, count: int, timeout_s: float = 60.0) -> list[Message]:
        wait_until(lambda: len(self.dead()) >= count, f"{count} dead letters", timeout_s, 0.2)
        return self.dead()

    def depth(self, queue: str = "") -> int:
        """Messages in the queue that are with no consumer."""
        with self.channel() as channel:
            counted: int = channel.queue_declare(queue or self.queue, passive=True).method.message_count
            return counted

    def unacknowledged(self, queue: str = "") -> int:
        """Messages that are with a consumer, as the management API counts them (a moment late)."""
        return int(self.cloud.queue(queue or self.queue).get("messages_unacknowledged", 0))

    def connections(self) -> set[str]:
        """The names of the connections that are open, as the management API has them (a moment late)."""
        _, found = self.cloud.api("GET", "vhosts/{vhost}/connections")
        return {each["name"] for each in found if each.get("state") == "running"}

    def close_connections(self) -> None:
        """Have RabbitMQ close every connection."""
        for name in self.connections():
            status, _ = self.cloud.api("DELETE", f"connections/{quote(name, safe='')}")
            assert status in (204, 404)

    def wait_empty(self, queue: str = "", timeout_s: float = 30.0) -> None:
        """Wait until nothing is in the queue, with a consumer or without.

        What RabbitMQ counts in a quorum queue may be five seconds old: wait for what was forwarded first.
        """
        name = queue or self.queue

        def is_empty() -> bool:
            counts = self.cloud.queue(name)
            return counts.get("messages") == 0 and counts.get("messages_unacknowledged") == 0 and self.depth(name) == 0

        wait_until(is_empty, f"queue {name} to be empty", timeout_s)
