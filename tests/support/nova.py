"""Notifications as Nova puts them on RabbitMQ, made of events that an oracle can judge; and a Nova that sends them."""

import json
import threading
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import pika
import pika.exceptions
from pika.adapters.utils.connection_workflow import AMQPConnectorException

from tests.support import captures
from tests.support.events import Event

PROPERTIES: Final = {"content_type": "application/json", "content_encoding": "utf-8", "delivery_mode": 2, "priority": 0}
_RETRY_S: Final = 0.2


@dataclass(frozen=True)
class Message:
    """One message for RabbitMQ."""

    body: bytes
    properties: dict[str, Any] = field(default_factory=lambda: dict(PROPERTIES))


def message(event: Event) -> Message:
    """Return the message of which a bridge makes this event's record."""
    context = {f"_context_{name}": value for name, value in event.body["context"].items()}
    plain = {name: event.body[name] for name in ("event_type", "message_id", "publisher_id", "payload")}
    when = event.body["timestamp"].removesuffix("Z").replace("T", " ")
    # oslo.messaging drops what it has seen among its last messages by this id: a second sending has one of its own.
    own = {"priority": "INFO", "timestamp": when, "_unique_id": uuid.uuid4().hex}
    return Message(json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(plain | context | own)}).encode())


class Nova(threading.Thread):
    """Publishes persistent messages with confirms, each until it is confirmed: so it may be there twice, never not."""

    def __init__(self, transport_url: str, exchange: str, routing_key: str) -> None:
        super().__init__(daemon=True)
        self._url, self._exchange, self._key = transport_url, exchange, routing_key
        self._left: list[Message] = []
        self._more = threading.Condition()
        self._ended = False

    def send(self, messages: Iterable[Message]) -> None:
        """Have these published after those before."""
        with self._more:
            self._left += messages
            self._more.notify()

    def end(self, timeout_s: float = 120.0) -> None:
        """Wait until all are published.

        Raises:
            AssertionError: RabbitMQ did not confirm them in time.
        """
        with self._more:
            self._ended = True
            self._more.notify()
        self.join(timeout_s)
        assert not self._left, f"{len(self._left)} messages that RabbitMQ does not take"

    def run(self) -> None:
        while True:
            try:
                with captures.channel(self._url) as channel:
                    self._publish(channel)
                    return
            except (pika.exceptions.AMQPError, AMQPConnectorException, OSError):
                time.sleep(_RETRY_S)

    def _publish(self, channel: Any) -> None:
        while (head := self._next(channel)) is not None:
            properties = pika.BasicProperties(**head.properties)
            channel.basic_publish(self._exchange, self._key, head.body, properties, mandatory=True)
            with self._more:
                self._left.pop(0)

    def _next(self, channel: Any) -> Message | None:
        while True:
            with self._more:
                if self._left or self._ended:
                    return self._left[0] if self._left else None
                self._more.wait(0.1)
            channel.connection.process_data_events(0)
