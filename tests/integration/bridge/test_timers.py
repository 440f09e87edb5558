"""What pika does not forgive: a timer that is due as the connection is lost, and a consumer that is cancelled twice."""

import socket
import time

import pytest

from bridge.source import transport_url as transport
from bridge.source.amqp.connection import PulledConnection
from bridge.source.api import SourceLost
from bridge.source.listening import Listening
from bridge.source.rabbit import RabbitSource
from tests.integration.bridge.rig import Rig
from tests.support.process import wait_until


def opened(rig: Rig) -> tuple[RabbitSource, PulledConnection]:
    """Open a source; RabbitMQ and pika agree on a heartbeat of 2 s, so the first timer is due after 1 s."""
    read = transport.read(rig.cloud.transport_url, {"heartbeat_timeout_threshold": 2})
    listening = Listening(rig.cloud.exchange, rig.queue.removesuffix(".info"), "", 10)
    source = RabbitSource("timers", read, listening, lambda: False)
    source.open()
    assert source._connection is not None
    return source, source._connection


def first_timer_due_s(connection: PulledConnection) -> float:
    (due_s,) = [due_s for due_s, number, *_ in connection._timers if number == 0]
    return due_s


def test_a_connection_that_is_lost_as_a_timer_is_due_is_a_loss_and_no_crash(rig: Rig) -> None:
    source, connection = opened(rig)
    due_s = first_timer_due_s(connection)
    while (left_s := due_s - time.monotonic()) > 0.2:
        source.receive(left_s - 0.2)
    connection._sock.shutdown(socket.SHUT_RDWR)
    time.sleep(max(0.0, due_s - time.monotonic()) + 0.01)
    with pytest.raises(SourceLost):
        source.receive(0.0)
    connection.serve(0.0)
    source.open()
    source.close()


def test_a_consumer_that_is_cancelled_twice(rig: Rig) -> None:
    source, _ = opened(rig)
    for _ in range(2):
        source.cancel()
        wait_until(lambda: not source.receive(0.05) and source.cancelled, "the cancellation")
    source.close()
