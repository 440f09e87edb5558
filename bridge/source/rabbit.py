"""RabbitMQ, read directly: raw bodies, many acknowledgements in one frame, heartbeats served whatever Kafka does.

The exchange and Nova's queue are only ever looked up (passive): declaring them with other flags than Nova's would
break its notifier. A pool's queue is our own: declared, and bound to Nova's exchange.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from pika import exceptions

from bridge.source.amqp import errors, properties
from bridge.source.amqp.answer_watch import AnswerWatch
from bridge.source.amqp.binding_watch import BindingWatch
from bridge.source.amqp.connection import PulledConnection
from bridge.source.amqp.connector import STEP_S, Connector
from bridge.source.api import Delivery, SourceError, SourceLost, SourceWaiting
from bridge.source.listening import Listening
from bridge.source.transport_url import Host, Transport

_ANSWER_TIMEOUT_S: Final = 20.0
_CLOSE_TIMEOUT_S: Final = 3.0
# While throttled, a little is read so often: pika takes a connection without any bytes for dead.
_TRICKLES_PER_HEARTBEAT: Final = 4
_MAX_TRICKLE_S: Final = 10.0
# RabbitMQ drops a connection on which it can't send for 30 s (seen on 3.10, with bodies of 600 kB and half of this).
_TRICKLE_BYTES_PER_S: Final = 100_000


class RabbitSource:
    """See :class:`bridge.source.api.MessageSource`.

    Args:
        name: shown in RabbitMQ's list of connections.
        transport: where RabbitMQ is, and the options.
        listening: what to read.
        stopped: whether to give up waiting.
    """

    def __init__(self, name: str, transport: Transport, listening: Listening, stopped: Callable[[], bool]) -> None:
        # Each of its errors comes to us as an exception, and is reported once, in words.
        logging.getLogger("pika").setLevel(logging.CRITICAL)
        self._transport = transport
        self._listening = listening
        self._stopped = stopped
        self._connector = Connector(name, transport, self._place_of, stopped)
        self._connection: PulledConnection | None = None
        self._channel: Any = None
        self._error: SourceError | None = None
        self._watch: BindingWatch | None = None
        self._answers: AnswerWatch | None = None
        self._prefetch = listening.prefetch
        self._throttled = False
        self._trickled_at = 0.0
        self._cancelled = False

    def _place_of(self, host: Host) -> errors.QueuePlace:
        place = self._listening
        return errors.QueuePlace(
            host.username, self._transport.virtual_host, place.exchange, place.queue, bool(place.pool)
        )

    @property
    def queue(self) -> str:
        """The queue's name."""
        return self._listening.queue

    @property
    def saturated_at(self) -> int:
        """Half of the prefetch: RabbitMQ is to have its acknowledgements before all of it is out."""
        return max(1, self._prefetch // 2)

    @property
    def trouble(self) -> str:
        """Why nothing can come at the moment although the consumer is open."""
        binding = self._watch.trouble if self._watch is not None else ""
        return binding or (self._answers.trouble if self._answers is not None else "")

    # Opening

    def open(self, *, singly: bool = False) -> None:
        """Connect unless connected, look up or declare the queue, and consume."""
        self._prefetch = 1 if singly else self._listening.prefetch
        if self._connection is None or self._connection.lost is not None:
            self._connection = None
            self._connection = self._connector.connect()
        self._error = None
        self._cancelled = False
        self._open_channel()
        if self._listening.pool:
            self._declare_pool()
        else:
            self._call("queue_declare", self.queue, passive=True)
        self._call("basic_qos", prefetch_count=self._prefetch)
        self.throttle(on=False)
        self._connected.reader.watch(self._channel.channel_number)
        self._call("basic_consume", self.queue, on_message_callback=_never)
        self._answers = AnswerWatch(self._connected, self._channel, self._prefetch)
        if self._listening.pool:
            self._watch = BindingWatch(
                self._connected, self._listening.exchange, self.queue, self._listening.routing_key
            )

    @property
    def _connected(self) -> PulledConnection:
        if self._connection is None:
            raise SourceLost("not connected")
        return self._connection

    def _open_channel(self) -> None:
        opened: list[Any] = []
        channel = self._connected.channel(on_open_callback=opened.append)
        self._channel = channel
        channel.add_on_close_callback(self._note_closed)
        channel.add_on_cancel_callback(self._note_cancelled)
        self._await(opened)

    def _note_closed(self, channel: Any, reason: Exception) -> None:
        if channel is self._channel and self._error is None:
            self._error = errors.error_of(reason, self._connector.place)

    def _note_cancelled(self, _frame: Any) -> None:
        if self._error is None:
            self._error = SourceWaiting(f"queue {self.queue!r} was removed")

    def _declare_pool(self) -> None:
        self._call("exchange_declare", self._listening.exchange, passive=True)
        if self._listening.is_own:
            self._call("queue_declare", self.queue, exclusive=True, auto_delete=True)
        else:
            self._call("queue_declare", self.queue, **lasting(self._transport))
        self._call("queue_bind", self.queue, self._listening.exchange, self._listening.routing_key)

    def _call(self, method: str, *args: Any, **kwargs: Any) -> None:
        """Call a method of the channel and wait for RabbitMQ's answer."""
        answered: list[Any] = []
        getattr(self._channel, method)(*args, callback=answered.append, **kwargs)
        self._await(answered)

    def _await(self, answered: list[Any]) -> None:
        deadline = time.monotonic() + _ANSWER_TIMEOUT_S
        while not answered:
            self._serve(STEP_S)
            if self._stopped() or time.monotonic() > deadline:
                self._drop()
                raise SourceLost("RabbitMQ does not answer")

    # Reading

    def receive(self, timeout_s: float) -> Sequence[Delivery]:
        """Return what has come, waiting for it if need be."""
        connection = self._connected
        ready = connection.reader.take()
        if ready:
            timeout_s = 0.0
        if self._throttled:
            self._trickle(connection)
        for watch in (self._watch, self._answers):
            if watch is not None:
                watch.tick()
        self._serve(timeout_s)
        return ready + connection.reader.take() if ready else connection.reader.take()

    def _trickle(self, connection: PulledConnection) -> None:
        pause_s = min(_MAX_TRICKLE_S, (connection.params.heartbeat or 60) / _TRICKLES_PER_HEARTBEAT)
        due = time.monotonic() - self._trickled_at >= pause_s
        connection.read(on=due, most=int(pause_s * _TRICKLE_BYTES_PER_S))
        if due:
            self._trickled_at = time.monotonic()

    def _serve(self, timeout_s: float) -> None:
        connection = self._connected
        connection.serve(timeout_s)
        if connection.lost is not None:
            self._drop()
            raise errors.error_of(connection.lost, self._connector.place)
        if self._error is not None:
            error, self._error = self._error, None
            self._channel = None
            connection.reader.watch(0)
            raise error

    def throttle(self, *, on: bool) -> None:
        """Leave in the network what comes, but for the little that keeps the connection alive."""
        self._throttled = on
        self._connected.read(on=not on)

    def ack(self, tag: int, *, multiple: bool) -> None:
        """Acknowledge; sent with the next call that serves the connection."""
        try:
            self._channel.basic_ack(tag, multiple)
        except exceptions.AMQPError as error:
            raise errors.error_of(error, self._connector.place) from None

    def cancel(self) -> None:
        """Cancel the consumer: nothing is requeued by that, and what is on its way still comes."""
        self.throttle(on=False)
        # None is left where it was cancelled already.
        for tag in self._channel.consumer_tags:
            self._channel.basic_cancel(tag, callback=self._note_cancel_ok)

    def _note_cancel_ok(self, _frame: Any) -> None:
        self._cancelled = True

    @property
    def cancelled(self) -> bool:
        """Whether RabbitMQ has confirmed the cancellation: deliveries come before that, in order."""
        return self._cancelled

    def serve(self, timeout_s: float) -> None:
        """Keep the connection alive, if there is one."""
        if self._connection is not None:
            self._serve(timeout_s)
        else:
            time.sleep(min(timeout_s, STEP_S))

    # Ending

    def release(self) -> None:
        """Close the channel, which requeues what is not acknowledged, and wait until RabbitMQ has closed it."""
        channel, connection = self._channel, self._connection
        self._channel, self._watch, self._answers, self._error = None, None, None, None
        if connection is None or connection.lost is not None or channel is None:
            return
        connection.read(on=True)
        if not channel.is_closed and not channel.is_closing:
            channel.close()
        deadline = time.monotonic() + _ANSWER_TIMEOUT_S
        while not channel.is_closed and not connection.is_over:
            self._serve(STEP_S)
            connection.reader.take()  # what was on its way when the channel was closed comes again
            if time.monotonic() > deadline:
                self._drop()
                raise SourceLost("RabbitMQ does not answer")
        connection.reader.watch(0)

    def close(self) -> None:
        """Send what is due, and disconnect."""
        connection, self._connection, self._watch, self._answers = self._connection, None, None, None
        if connection is None or connection.is_over:
            return
        connection.read(on=True)
        try:
            connection.close()
        except exceptions.AMQPError:
            connection.abort()
        _serve_until_over(connection, time.monotonic() + _CLOSE_TIMEOUT_S)
        connection.abort()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._channel, self._watch, self._answers = None, None, None
        if connection is not None:
            connection.abort()

    def properties(self, raw: bytes) -> dict[str, Any]:
        """Return the AMQP properties."""
        return properties.decode(raw)


def lasting(transport: Transport) -> dict[str, Any]:
    """Return with what flags a pool's queue is declared: durable unless the options differ, or a quorum queue."""
    options = transport.options
    arguments: dict[str, Any] = {}
    if options["rabbit_quorum_queue"]:
        arguments["x-queue-type"] = "quorum"
        arguments |= {name: options[option] for name, option in _QUORUM_ARGUMENTS.items() if options[option]}
    durable = bool(arguments) or options["amqp_durable_queues"] or "amqp_durable_queues" not in transport.given
    return {"durable": durable, "arguments": arguments}


_QUORUM_ARGUMENTS: Final = {
    "x-delivery-limit": "rabbit_quorum_delivery_limit",
    "x-max-in-memory-length": "rabbit_quorum_max_memory_length",
    "x-max-in-memory-bytes": "rabbit_quorum_max_memory_bytes",
}


def _serve_until_over(connection: PulledConnection, deadline_s: float) -> None:
    while not connection.is_over and time.monotonic() < deadline_s:
        connection.serve(STEP_S)
        connection.reader.take()  # what was on its way comes again


def _never(*_: Any) -> None:
    raise AssertionError("deliveries are read by the frame reader")
