"""A backlog on RabbitMQ: published as fast as the broker takes it, and whole before anything is measured."""

import time
from collections.abc import Iterable
from contextlib import closing
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import amqp
import pika
from pika import frame, spec

EXCHANGE: Final = "nova"
_CHANNEL: Final = 1
_CHUNK_BYTES: Final = 256 * 1024
# Nova's: persistent, although its queues are not durable by default.
_PROPERTIES: Final = spec.BasicProperties(
    content_type="application/json", content_encoding="utf-8", delivery_mode=2, priority=0
)


def connect(transport_url: str) -> Any:
    """Open a connection to `rabbit://user:password@host:port/vhost`."""
    url = urlsplit(transport_url)._replace(scheme="amqp").geturl()
    return pika.BlockingConnection(pika.URLParameters(url))


def declare(transport_url: str, *topics: str) -> None:
    """Declare exchange and queues as Nova's notifier does before it publishes (oslo.messaging's defaults)."""
    with closing(connect(transport_url)) as connection:
        channel = connection.channel()
        channel.exchange_declare(EXCHANGE, "topic")
        for topic in topics:
            channel.queue_declare(f"{topic}.info")
            channel.queue_bind(f"{topic}.info", EXCHANGE, f"{topic}.info")


def delete(transport_url: str, *topics: str) -> None:
    """Remove the queues."""
    with closing(connect(transport_url)) as connection:
        channel = connection.channel()
        for topic in topics:
            channel.queue_delete(f"{topic}.info")


class Depth:
    """How many messages are ready in a queue; one question to the broker each time."""

    def __init__(self, transport_url: str, topic: str) -> None:
        self._connection = connect(transport_url)
        self._channel = self._connection.channel()
        self._queue = f"{topic}.info"

    def __call__(self) -> int:
        """Ask now."""
        declared = self._channel.queue_declare(self._queue, passive=True)
        return int(declared.method.message_count)

    def close(self) -> None:
        """Close the connection; messages that were acknowledged to it stay so."""
        self._connection.close()


class Publisher:
    """Publishes without confirms and without a client's work per message: frames are put together as bytes.

    A client library would need more CPU for a message than the programs measured need to forward it.
    """

    def __init__(self, transport_url: str, topic: str) -> None:
        parts = urlsplit(transport_url)
        self._connection: Any = amqp.Connection(
            f"{parts.hostname}:{parts.port}",
            userid=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            virtual_host=unquote(parts.path[1:]) or "/",
        )
        self._connection.connect()
        self._connection.channel(_CHANNEL)
        publish = spec.Basic.Publish(exchange=EXCHANGE, routing_key=f"{topic}.info")
        self._method: bytes = frame.Method(_CHANNEL, publish).marshal()
        self._max_body = self._connection.frame_max - 8

    def publish(self, bodies: Iterable[bytes]) -> int:
        """Publish all; returns how many, once the broker's socket has taken them."""
        count, waiting, size = 0, [], 0
        for body in bodies:
            data = self.encode(body)
            waiting.append(data)
            size += len(data)
            count += 1
            if size >= _CHUNK_BYTES:
                self.send(b"".join(waiting))
                waiting.clear()
                size = 0
        self.send(b"".join(waiting))
        return count

    def encode(self, body: bytes) -> bytes:
        """Return the frames of one message."""
        if len(body) > self._max_body:
            raise ValueError(f"a body of {len(body)} bytes does not fit into one frame")
        content: bytes = frame.Body(_CHANNEL, body).marshal()
        return self._method + _header(len(body)) + content

    def send(self, frames: bytes) -> None:
        """Write frames."""
        self._connection.transport.write(frames)

    def close(self) -> None:
        """Close the connection once the broker has read everything."""
        self._connection.close()


@lru_cache(maxsize=4096)
def _header(size: int) -> bytes:
    marshalled: bytes = frame.Header(_CHANNEL, size, _PROPERTIES).marshal()
    return marshalled


def fill(transport_url: str, topic: str, bodies: Iterable[bytes], *, timeout_s: float = 300.0) -> int:
    """Publish a backlog, and wait until every message lies in the queue; returns how many."""
    with closing(Publisher(transport_url, topic)) as publisher:
        count = publisher.publish(bodies)
    with closing(Depth(transport_url, topic)) as depth:
        end = time.monotonic() + timeout_s
        while (found := depth()) != count:
            if time.monotonic() > end:
                raise TimeoutError(f"{found} of {count} messages lie in {topic}.info after {timeout_s:.0f} s")
            time.sleep(0.05)
    return count
