"""The whole path as processes: bridge and processor with configurations of one test's own."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from confluent_kafka import Consumer, TopicPartition

from tests.services.testing import Bucket, Cloud, Servers, Topics
from tests.support.captures import Captured, declare_as_nova, publish
from tests.support.influx_rows import read_points
from tests.support.kafka import committed, read_all
from tests.support.process import Precache, free_port, wait_until


@dataclass(frozen=True)
class Stack:
    """One cloud, its bridge, a processor and a bucket; topics are made by `precache topics create`."""

    folder: Path
    servers: Servers
    cloud: Cloud
    topics: Topics
    bucket: Bucket
    # Where the processes find the servers, when that is not where the test does: behind proxies.
    proxied: Servers | None = None
    # Of each topic.
    copies: int = 1

    def declare(self, *, durable: bool = False) -> None:
        """Declare exchange and queue, and make the topics: what there is before the first process starts."""
        declare_as_nova(self.cloud.transport_url, self.cloud.exchange, self.cloud.topic, durable=durable)
        self.make_topics()

    def make_topics(self) -> None:
        """Make the topics: all that has to be made where a real Nova declares the rest."""
        with self.precache("topics", "create", "--config", str(self.processor_file())) as created:
            assert created.wait_end() == 0, created.stderr + created.stdout

    def precache(self, *args: str, name: str | None = None, http: int | None = None) -> Precache:
        """Start `precache ARGS...`."""
        return Precache(args, self.folder, name=name or args[0], http=http)

    def bridge(self, **cloud: Any) -> Precache:
        """Start a bridge for the one cloud (called `paris`) and wait until it consumes."""
        return self.bridge_of([{"name": "paris", "topic": self.cloud.topic} | cloud])

    def bridge_in_pool(self, **cloud: Any) -> Precache:
        """Start a bridge on a pool queue of its own, which takes nothing from others on this cloud."""
        return self.bridge_of([{"name": "paris", "pool": self.topics.prefix} | cloud])

    def bridge_of(self, clouds: Sequence[Mapping[str, Any]]) -> Precache:
        """Start a bridge for some clouds on the RabbitMQ of this one, and wait until it consumes."""
        port = free_port()
        return self.precache("bridge", "--config", str(self.bridge_file(port, clouds)), http=port).wait_ready()

    def bridge_file(self, port: int, clouds: Sequence[Mapping[str, Any]], instance: str = "paris-1") -> Path:
        """Write a bridge's configuration and return where."""
        place = {"transport_url": self.transport_url(), "exchange": self.cloud.exchange}
        config = {
            "kafka": {"bootstrap.servers": (self.proxied or self.servers).kafka},
            "topics": self.topics.config() | {"replication_factor": self.copies},
            "clouds": [{**place, **cloud} for cloud in clouds],
            "instance": instance,
            "http": {"listen": f"127.0.0.1:{port}"},
        }
        return self._write(f"bridge-{instance}.yaml", config)

    def transport_url(self) -> str:
        """Return where the processes find the cloud's RabbitMQ."""
        if self.proxied is None:
            return self.cloud.transport_url
        return (
            urlsplit(self.proxied.rabbitmq.transport_url)
            ._replace(path=urlsplit(self.cloud.transport_url).path)
            .geturl()
        )

    def processor_file(self, port: int = 0, instance: str = "central-1", **more: Any) -> Path:
        """Write the processor's configuration and return where."""
        config = {
            "kafka": {"bootstrap.servers": (self.proxied or self.servers).kafka, "group.id": self.topics.group},
            "instance": instance,
            "topics": self.topics.config() | {"replication_factor": self.copies},
            "store": {
                "type": "influxdb",
                "url": self.proxied.influx_url if self.proxied else self.bucket.url,
                "org": self.bucket.org,
                "bucket": self.bucket.name,
                "token": self.bucket.token,
            },
            "http": {"listen": f"127.0.0.1:{port or free_port()}"},
        } | more
        return self._write(f"processor-{instance}.yaml", config)

    def processor(self, **more: Any) -> Precache:
        """Start a processor and wait until it consumes."""
        port = free_port()
        file = self.processor_file(port, **more)
        return self.precache("processor", "--config", str(file), http=port).wait_ready()

    def publish(self, messages: Iterable[Captured]) -> int:
        """Publish notifications as this cloud's Nova would; return how many."""
        routing_key = f"{self.cloud.topic}.info"
        return publish(self.cloud.transport_url, messages, exchange=self.cloud.exchange, routing_key=routing_key)

    def forwarded(self) -> int:
        """Count the notifications in Kafka; the bridge's heartbeats are keyed by the cloud alone."""
        return sum(b"/" in (record.key() or b"") for record in read_all(self.servers.kafka, self.topics.notifications))

    def wait_processed(self, notifications: int, timeout_s: float = 60.0) -> None:
        """Wait until that many notifications are in Kafka, and the group has committed the end of each partition."""
        wait_until(lambda: self.forwarded() >= notifications, f"{notifications} notifications in Kafka", timeout_s)
        wait_until(self.is_at_the_end, "the processor to commit the end of every partition", timeout_s)

    def is_at_the_end(self) -> bool:
        """Whether the group has committed the end of every partition."""
        # A partition without records may be without a commit.
        return all(high in (place.offset, 0) for place, high in self._places())

    def lag(self) -> int:
        """Return how many records the group has yet to process, as Kafka has it."""
        return sum(max(0, high - max(place.offset, 0)) for place, high in self._places())

    def next_offsets(self) -> dict[int, int]:
        """Return the group's committed offset by partition."""
        return {place.partition: place.offset for place, _ in self._places() if place.offset >= 0}

    def replay_from_all(self) -> dict[int, int]:
        """Return, by partition, the first offset that an operation in memory needs, from the commit's metadata."""
        found = {}
        for place, _ in self._places():
            if place.offset >= 0:
                replay_from = re.search(r"low\W+(\d+)", place.metadata or "")
                assert replay_from, f"no `replay_from` in the commit's metadata {place.metadata!r}"
                found[place.partition] = int(replay_from[1])
        return found

    def _places(self) -> list[tuple[TopicPartition, int]]:
        """Return each partition's commit and its end offset."""
        topic = self.topics.notifications
        consumer = Consumer({"bootstrap.servers": self.servers.kafka, "group.id": self.topics.group})
        try:
            partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            places = [TopicPartition(topic, number) for number in partitions]
            ends = [consumer.get_watermark_offsets(place, timeout=10, cached=False)[1] for place in places]
            return list(zip(committed(consumer, places), ends, strict=True))
        finally:
            consumer.close()

    def points(self, measurement: str) -> list[dict[str, Any]]:
        """Return every point of a measurement in the bucket, in a fixed order."""
        return read_points(self.bucket.url, self.bucket.org, self.bucket.token, self.bucket.name, measurement)

    def _write(self, name: str, config: dict[str, Any]) -> Path:
        file = self.folder / name
        file.write_text(yaml.safe_dump(config))
        return file
