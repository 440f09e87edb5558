"""Notifications as a real nova-conductor put them on RabbitMQ, and how to publish them again."""

import json
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pika

FOLDER: Final = Path(__file__).parent.parent / "data" / "captures"
BLOG: Final = "blog-95-hosts-8-errors"
MIXED: Final = "two-images-mixed"
NO_HOST: Final = "no-host"
ALL: Final = (BLOG, MIXED, NO_HOST)


@dataclass(frozen=True)
class Captured:
    """One message as it lay on RabbitMQ."""

    exchange: str
    routing_key: str
    properties: dict[str, Any]
    body: bytes

    def message(self) -> dict[str, Any]:
        """Return the notification inside the envelope."""
        inner: dict[str, Any] = json.loads(json.loads(self.body)["oslo.message"])
        return inner

    def with_fresh_unique_id(self) -> "Captured":
        """Return the same notification as a new delivery: oslo.messaging drops a `_unique_id` among its last 16."""
        return self._with(_unique_id=uuid.uuid4().hex)

    @property
    def sent_at(self) -> datetime:
        """When Nova sent it."""
        return datetime.fromisoformat(self.message()["timestamp"]).replace(tzinfo=UTC)

    def later(self, by: timedelta) -> "Captured":
        """Return the same notification, sent later."""
        return self._with(timestamp=(self.sent_at + by).strftime("%Y-%m-%d %H:%M:%S.%f"))

    def _with(self, **changes: str) -> "Captured":
        inner = self.message() | changes
        body = json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(inner)}).encode()
        return Captured(self.exchange, self.routing_key, self.properties, body)


def read_as_of_now(name: str) -> list[Captured]:
    """Return a capture's messages as if the last one had just been sent."""
    found = read(name)
    by = datetime.now(UTC) - found[-1].sent_at
    return [each.later(by) for each in found]


def read(name: str) -> list[Captured]:
    """Return a capture's messages, in the order in which Nova sent them."""
    lines = (FOLDER / f"{name}.jsonl").read_text().splitlines()
    found = [
        Captured(row["exchange"], row["routing_key"], row["properties"], row["body"].encode())
        for row in map(json.loads, lines)
    ]
    assert found, f"the capture {name} is empty"
    return found


@contextmanager
def channel(transport_url: str) -> Iterator[Any]:
    """Open a channel with publisher confirms at `rabbit://user:password@host:port/vhost`."""
    parts = urlsplit(transport_url)
    url = parts._replace(scheme="amqp", path="/" + (parts.path.lstrip("/") or "%2F")).geturl()
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        opened = connection.channel()
        opened.confirm_delivery()
        yield opened
    finally:
        connection.close()


def declare_as_nova(transport_url: str, exchange: str, topic: str, *, durable: bool = False) -> None:
    """Declare exchange and queue as Nova's notifier does before it publishes (oslo.messaging's defaults)."""
    with channel(transport_url) as opened:
        opened.exchange_declare(exchange, "topic", durable=durable, auto_delete=False)
        opened.queue_declare(f"{topic}.info", durable=durable, auto_delete=False)
        opened.queue_bind(f"{topic}.info", exchange, f"{topic}.info")


def publish(transport_url: str, messages: Iterable[Captured], *, exchange: str, routing_key: str) -> int:
    """Publish messages with their own properties, each confirmed and routed; return how many."""
    count = 0
    with channel(transport_url) as opened:
        for message in messages:
            opened.basic_publish(
                exchange, routing_key, message.body, pika.BasicProperties(**message.properties), mandatory=True
            )
            count += 1
    return count
