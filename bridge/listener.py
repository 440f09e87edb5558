"""A cloud's notifications as they come, without Kafka: for whoever watches one cloud directly.

Reads from a queue of its own, which goes away with the connection, so nobody's messages are taken. What Nova sends
while there is no connection is not seen.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple
from uuid import uuid4

from bridge.config import DEFAULT_EVENTS
from bridge.decode.message import Decoder, Forward, Route
from bridge.source import transport_url as transport
from bridge.source.api import MessageSource, SourceError
from bridge.source.listening import SHARED_TOPIC, Listening
from bridge.source.oslo import OsloSource
from bridge.source.rabbit import RabbitSource
from precache.runtime.shutdown import Stop

_PREFETCH: Final = 500
_RETRY_S: Final = 1.0


class Received(NamedTuple):
    """One notification: the value that it has in Kafka too, and when it came (wall time, milliseconds)."""

    value: bytes
    received_ms: int


def listen(
    transport_url: str,
    *,
    cloud: str,
    stop: Stop,
    exchange: str = "nova",
    topic: str = SHARED_TOPIC,
    events: tuple[str, ...] = DEFAULT_EVENTS,
    options: Mapping[str, Any] | None = None,
    tick_s: float = 0.2,
    on_state: Callable[[SourceError | None], None] = lambda _: None,
) -> Iterator[Received | None]:
    """Yield a cloud's notifications until the stop is requested, and ``None`` whenever none came for a while.

    Args:
        transport_url: as in nova.conf.
        cloud: the cloud's name, for the records' keys.
        stop: ends it.
        exchange: Nova's.
        topic: Nova's notification topic (``versioned_notifications_topics``).
        events: patterns of the event types that are wanted.
        options: of ``[oslo_messaging_rabbit]``.
        tick_s: for how long to wait before a ``None``.
        on_state: called with ``None`` each time that listening begins, and with the error when it can't, or is lost. It
            may raise; else the source is tried again (somebody must act on an ``actionable`` error).

    Raises:
        TransportError: the URL or an option can't be used.
    """
    source = _source(transport_url, exchange, topic, options or {}, stop)
    decoder = Decoder(cloud, [Route("", events)], source.properties)
    try:
        while not stop.requested:
            try:
                source.open()
                on_state(None)
                yield from _listen(source, decoder, stop, tick_s)
            except SourceError as error:
                on_state(error)
                source.close()
                stop.wait(_RETRY_S)
                yield None
    finally:
        source.close()


def _listen(source: MessageSource, decoder: Decoder, stop: Stop, tick_s: float) -> Iterator[Received | None]:
    while not stop.requested:
        deliveries = source.receive(tick_s)
        now_ms = time.time_ns() // 1_000_000
        for delivery in deliveries:
            outcome = decoder.decode(delivery.body, delivery.properties)
            if isinstance(outcome, Forward):
                yield Received(outcome.value, now_ms)
        if deliveries:
            source.ack(deliveries[-1].tag, multiple=True)
        else:
            yield None


def _source(url: str, exchange: str, topic: str, options: Mapping[str, Any], stop: Stop) -> MessageSource:
    read = transport.read(url, options)
    name = f"precache-watch-{uuid4()}"
    if not read.is_rabbit:
        errors = transport.check_driver(read)
        if errors:
            raise transport.TransportError("; ".join(errors))
        return OsloSource(url, options, Listening(exchange, topic, name, _PREFETCH), lambda: stop.requested)
    errors = transport.check_for_rabbit(read)
    if errors:
        raise transport.TransportError("; ".join(errors))
    listening = Listening(exchange, topic, name, _PREFETCH, is_own=True)
    return RabbitSource(name, read, listening, lambda: stop.requested)
