"""What pika is given to connect to one host: the same for the bridge, `precache doctor` and `precache simulate`."""

from typing import Any

import pika

from bridge.source.amqp import dial
from bridge.source.transport_url import Host, Transport
from precache import __version__


def parameters(transport: Transport, host: Host, name: str, **more: Any) -> pika.ConnectionParameters:
    """Return pika's parameters for a host of a transport.

    Args:
        transport: the virtual host and the options.
        host: where, and as whom.
        name: shown in RabbitMQ's list of connections.
        more: further parameters of pika.
    """
    external = transport.options["rabbit_login_method"] == "EXTERNAL"
    plain = pika.PlainCredentials(host.username, host.password)
    return pika.ConnectionParameters(
        host=host.name,
        port=host.port,
        virtual_host=transport.virtual_host,
        credentials=pika.credentials.ExternalCredentials() if external else plain,
        client_properties={"connection_name": name, "product": "precache", "version": __version__},
        **more,
    )


def connect_once(transport: Transport, host: Host, name: str, timeout_s: float) -> pika.BlockingConnection:
    """Connect to one host, without a second attempt; ``timeout_s`` bounds each step.

    Raises:
        AMQPError, AMQPConnectorException, OSError, DialError: no connection.
    """
    tls = dial.tls_context(transport.options)
    return pika.BlockingConnection(
        parameters(
            transport,
            host,
            name,
            ssl_options=None if tls is None else pika.SSLOptions(tls, host.name),
            connection_attempts=1,
            socket_timeout=timeout_s,
            stack_timeout=timeout_s,
            blocked_connection_timeout=timeout_s,
        )
    )
