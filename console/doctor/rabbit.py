"""Looks at one cloud's RabbitMQ: hosts, credentials, exchange, queue. Consumes nothing, and makes nothing."""

import logging
from typing import Any, Final

from pika import exceptions
from pika.adapters.utils.connection_workflow import AMQPConnectorException

from bridge.config import CloudBlock
from bridge.source import transport_url as transport
from bridge.source.amqp import dial, errors
from bridge.source.amqp.errors import QueuePlace
from bridge.source.amqp.parameters import connect_once
from bridge.source.rabbit import lasting
from bridge.source.transport_url import Host, Transport
from console.doctor import returns
from console.doctor.findings import Check, Finding, fail, ok, warn

_TIMEOUT_S: Final = 6.0
_REMEDY: Final = "check transport_url, that RabbitMQ runs there, and the network between"
# This many messages without a consumer, or in spite of one, are worth a look.
_DEEP: Final = 10_000


def check(cloud: CloudBlock) -> Check:
    """Return the check of a cloud."""
    # What pika logs of a failing connection, with a traceback, is said here in words.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    return Check(f"{cloud.name}: RabbitMQ", lambda: _look(cloud))


def _look(cloud: CloudBlock) -> list[Finding]:
    read = transport.read(cloud.transport_url.get_secret_value(), cloud.oslo_messaging_rabbit)
    if not read.is_rabbit:
        text = f"the driver {read.driver!r} is not RabbitMQ: nothing is looked at there"
        return [warn(f"{cloud.name}: {read.driver}", text, "look at the bridge's log, and at its /readyz")]
    findings = []
    reached: Host | None = None
    for host in read.hosts:
        finding = _host(cloud, read, host)
        findings.append(finding)
        if finding.state == "ok" and reached is None:
            reached = host
    if reached is None:
        return findings
    # One host of several may be away: the bridge goes to another.
    softened = [warn(f.what, f.text, f.remedy) if f.state == "FAIL" else f for f in findings]
    return [*softened, *_exchange_and_queue(cloud, read, reached)]


def _host(cloud: CloudBlock, read: Transport, host: Host) -> Finding:
    what = f"{cloud.name}: RabbitMQ {host.name}:{host.port}"
    try:
        # First the network and TLS alone: pika would not say which of the two failed.
        tls = dial.tls_context(read.options)
        dial.dial(host.name, host.port, timeout_s=_TIMEOUT_S, stopped=lambda: False, tls=tls).close()
        _connect(cloud, read, host).close()
    except _ERRORS as error:
        text, remedy = _words(error, _place(cloud, read, host))
        return fail(what, text, remedy)
    return ok(what, f"reachable; user {host.username!r} may use virtual host {read.virtual_host!r}")


def _exchange_and_queue(cloud: CloudBlock, read: Transport, host: Host) -> list[Finding]:
    place = _place(cloud, read, host)
    connection = _connect(cloud, read, host)
    try:
        found = [_exchange(cloud, connection, place), _queue(cloud, read, connection, place)]
        return [*found, *returns.look(cloud, read, connection)]
    finally:
        if connection.is_open:
            connection.close()


def _exchange(cloud: CloudBlock, connection: Any, place: QueuePlace) -> Finding:
    what = f"{cloud.name}: exchange {cloud.exchange}"
    try:
        connection.channel().exchange_declare(cloud.exchange, passive=True)
    except _ERRORS as error:
        text, remedy = _words(error, place)
        return fail(what, text, remedy)
    return ok(what, "is there")


def _queue(cloud: CloudBlock, read: Transport, connection: Any, place: QueuePlace) -> Finding:
    what = f"{cloud.name}: queue {cloud.listening.queue}"
    try:
        answer = connection.channel().queue_declare(cloud.listening.queue, passive=True).method
        if cloud.pool and cloud.source == "rabbit":
            # As the bridge will: of a queue that is there it changes nothing, or is refused as the bridge would be.
            connection.channel().queue_declare(cloud.listening.queue, **lasting(read))
    except _ERRORS as error:
        text, remedy = _words(error, place)
        if cloud.pool and getattr(error, "reply_code", 0) == 404:  # noqa: PLR2004 - AMQP's "not found"
            return warn(what, "is not there yet", "the bridge makes it when it starts; what is sent before is not kept")
        return fail(what, text, remedy)
    depth, consumers = answer.message_count, answer.consumer_count
    text = f"{depth} messages ready, {consumers} consumers"
    if not consumers:
        return warn(what, text, "nobody reads it: start `precache bridge`, or see its log")
    if depth >= _DEEP:
        remedy = (
            "the bridge does not keep up: see its log and /metrics; is Kafka slow? Whether a max-length policy limits"
            " the queue can't be seen from here: `rabbitmqctl list_policies`"
        )
        return warn(what, text, remedy)
    return ok(what, text)


def _connect(cloud: CloudBlock, read: Transport, host: Host) -> Any:
    return connect_once(read, host, f"precache doctor {cloud.name}", _TIMEOUT_S)


def _place(cloud: CloudBlock, read: Transport, host: Host) -> QueuePlace:
    return QueuePlace(host.username, read.virtual_host, cloud.exchange, cloud.listening.queue, bool(cloud.pool))


_ERRORS: Final = (exceptions.AMQPError, AMQPConnectorException, OSError, dial.DialError)


def _words(error: Exception, place: QueuePlace) -> tuple[str, str]:
    """Return what is wrong and what to do, in the bridge's own words."""
    if isinstance(error, AMQPConnectorException):
        return "accepts connections but does not answer", _REMEDY
    problem = errors.error_of(error, place)
    return problem.what, problem.remedy or _REMEDY
