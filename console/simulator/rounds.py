"""Simulated clouds on a real RabbitMQ, for as long as somebody looks at them."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.exceptions import AMQPError

from bridge.source import transport_url as transport
from bridge.source.amqp import dial
from bridge.source.amqp.parameters import connect_once
from console.simulator import clouds
from console.simulator.api import CloudApi
from console.simulator.clouds import SimulatedRequest
from console.simulator.nova import Nova
from console.simulator.parts import Part, PartError
from console.simulator.schedule import Step, schedule
from console.simulator.server import serving
from precache.runtime.http import address_of
from precache.runtime.shutdown import Stop

EXCHANGE: Final = "nova"
_POLL_S: Final = 0.25
_CONNECT_S: Final = 5.0


def topic_of(cloud: str) -> str:
    """Return the topic on which a simulated cloud publishes: all share one RabbitMQ."""
    return f"precache-{cloud}"


def run(
    transport_url: str,
    stop: Stop,
    *,
    every_s: float,
    once: bool,
    api: tuple[str, int] | None,
    show: Callable[[str], None],
) -> None:
    """Let the clouds of the demo cache images again and again, until a stop is requested.

    Args:
        transport_url: as in nova.conf.
        stop: ends it.
        every_s: from one round's start to the next one's.
        once: one round, and no more.
        api: where to serve the APIs of the clouds; what is asked of them is done beside the rounds.
        show: is given a line for each round and each request.

    Raises:
        PartError: RabbitMQ is away or refuses, or a cloud could not send.
        ListenError: the address of the APIs can't be listened on.
    """
    _check(transport_url)
    with _Requests(transport_url, show) as requests, _apis(api, requests):
        number = 0
        while not stop.requested:
            number += 1
            began = time.monotonic()
            _round(transport_url, stop, number, show)
            if once or stop.wait(max(0.0, every_s - (time.monotonic() - began))):
                return


class _Requests:
    """What is asked of the APIs, each request sent by a thread of its own."""

    def __init__(self, transport_url: str, show: Callable[[str], None]) -> None:
        self._transport_url = transport_url
        self._show = show
        self._parts: list[Part] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for part in self._parts:
            part.stop()

    def begin(self, request: SimulatedRequest) -> None:
        """Send what comes of a request."""
        self._show(f"{request.cloud}: asked to cache {len(request.images)} images on {request.aggregate.name}")
        for part in self._parts:
            if not part.is_running and part.error is not None:
                self._show(f"{part.name} could not send: {part.error}")
        self._parts = [part for part in self._parts if part.is_running]
        self._parts.append(_cloud(self._transport_url, request.cloud, schedule([request])[request.cloud]))


@contextmanager
def _apis(listen: tuple[str, int] | None, requests: _Requests) -> Iterator[None]:
    if listen is None:
        yield
        return
    made = {
        name: CloudApi(name, f"http://{address_of(*listen)}/{name}", aggregates, requests.begin)
        for name, aggregates in clouds.aggregates().items()
    }
    with serving(listen, made, "--api"):
        yield


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
        connect_once(read, host, "precache simulate", _CONNECT_S).close()
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
