"""Simulated clouds on a real RabbitMQ, for as long as somebody looks at them."""

import logging
import time
from collections.abc import Callable
from typing import Final

import pika
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.exceptions import AMQPError

from bridge.source import transport_url as transport
from bridge.source.amqp import dial
from bridge.source.amqp.parameters import parameters
from console.demo import clouds
from console.demo.nova import Nova
from console.demo.parts import Part, PartError
from console.demo.schedule import Step, schedule
from precache.runtime.shutdown import Stop

EXCHANGE: Final = "nova"
_POLL_S: Final = 0.25
_CONNECT_S: Final = 5.0


def topic_of(cloud: str) -> str:
    """Return the topic on which a simulated cloud publishes: all share one RabbitMQ."""
    return f"precache-{cloud}"


def run(transport_url: str, stop: Stop, *, every_s: float, once: bool, show: Callable[[str], None]) -> None:
    """Let the clouds of the demo cache images again and again, until a stop is requested.

    Args:
        transport_url: as in nova.conf.
        stop: ends it.
        every_s: from one round's start to the next one's.
        once: one round, and no more.
        show: is given a line for each round.

    Raises:
        PartError: RabbitMQ is away or refuses, or a cloud could not send.
    """
    _check(transport_url)
    number = 0
    while not stop.requested:
        number += 1
        began = time.monotonic()
        _round(transport_url, stop, number, show)
        if once or stop.wait(max(0.0, every_s - (time.monotonic() - began))):
            return


def _check(transport_url: str) -> None:
    """Connect once: oslo.messaging's notifier drops what it can't send, and reports it in the log alone."""
    try:
        read = transport.read(transport_url, {})
    except transport.TransportError as error:
        raise PartError(f"--transport-url: {error}") from error
    host = read.hosts[0]
    # It logs each failed attempt with a traceback; its error says the same.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    try:
        tls = dial.tls_context(read.options)
        options = None if tls is None else pika.SSLOptions(tls, host.name)
        more = {"ssl_options": options, "connection_attempts": 1, "socket_timeout": _CONNECT_S}
        pika.BlockingConnection(parameters(read, host, "precache simulate", **more)).close()
    except (AMQPError, AMQPConnectorException, OSError, dial.DialError) as error:
        raise PartError(f"no RabbitMQ for simulated clouds at {host.name}:{host.port}: {error!r}") from error


def _round(transport_url: str, stop: Stop, number: int, show: Callable[[str], None]) -> None:
    plan = schedule(clouds.requests())
    operations = {step.request.operation for steps in plan.values() for step in steps}
    show(f"round {number}: {len(operations)} operations in {', '.join(plan)}")
    parts = [_cloud(transport_url, cloud, steps) for cloud, steps in plan.items()]
    while any(part.is_running for part in parts) and not stop.wait(_POLL_S):
        pass
    for part in parts:
        part.stop()
        part.check()


def _cloud(transport_url: str, cloud: str, steps: list[Step]) -> Part:
    return Part(
        f"simulated cloud {cloud}", lambda stop: send(Nova(transport_url, EXCHANGE, topic_of(cloud)), steps, stop)
    )


def send(nova: Nova, steps: list[Step], stop: Stop) -> None:
    """Send notifications when they are due, and give Nova's transport back."""
    began = time.monotonic()
    try:
        for step in steps:
            if stop.wait(step.at_s - (time.monotonic() - began)):
                return
            _send(nova, step)
    finally:
        nova.close()


def _send(nova: Nova, step: Step) -> None:
    if step.report is not None:
        nova.progress(step.request, step.report, step.index)
    elif step.kind == "start":
        nova.start(step.request)
    else:
        nova.end(step.request)
