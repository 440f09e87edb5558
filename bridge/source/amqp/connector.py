"""Connects to a cloud's RabbitMQ: its hosts in turn, TLS, credentials."""

import random
import time
from collections.abc import Callable
from typing import Final

from bridge.source.amqp import dial, errors
from bridge.source.amqp.connection import PulledConnection
from bridge.source.amqp.parameters import parameters
from bridge.source.api import SourceLost
from bridge.source.transport_url import Host, Transport

_CONNECT_TIMEOUT_S: Final = 10.0
# How long one wait lasts before a stop is looked for.
STEP_S: Final = 0.2


class Connector:
    """Makes connections.

    Args:
        name: shown in RabbitMQ's list of connections.
        transport: where RabbitMQ is, and the options.
        place_of: what a host is called in errors.
        stopped: whether to give up waiting.

    Attributes:
        place: the host that was tried last, for errors.
    """

    def __init__(
        self,
        name: str,
        transport: Transport,
        place_of: Callable[[Host], errors.QueuePlace],
        stopped: Callable[[], bool],
    ) -> None:
        self._name = name
        self._transport = transport
        self._place_of = place_of
        self._stopped = stopped
        self._hosts = list(transport.hosts)
        random.shuffle(self._hosts)
        self.place = place_of(self._hosts[0])

    def connect(self) -> PulledConnection:
        """Connect to the next host.

        Raises:
            SourceError: it can't be reached, does not answer, or refuses.
        """
        host = self._hosts[0]
        self._hosts.append(self._hosts.pop(0))  # the next attempt goes to the next host
        if self._transport.options["kombu_failover_strategy"] == "shuffle":
            random.shuffle(self._hosts)
        self.place = self._place_of(host)
        try:
            tls = dial.tls_context(self._transport.options)
            sock = dial.dial(host.name, host.port, timeout_s=_CONNECT_TIMEOUT_S, stopped=self._stopped, tls=tls)
        except (dial.DialError, OSError) as error:
            raise errors.error_of(error, self.place) from None
        heartbeat_s = self._transport.options["heartbeat_timeout_threshold"]
        connection = PulledConnection(parameters(self._transport, host, self._name, heartbeat=heartbeat_s), sock)
        deadline = time.monotonic() + _CONNECT_TIMEOUT_S
        while not connection.is_open:
            connection.serve(STEP_S)
            if connection.lost is not None:
                raise errors.error_of(connection.lost, self.place)
            if self._stopped() or time.monotonic() > deadline:
                connection.abort()
                raise SourceLost(f"{host.name}:{host.port} accepts connections but does not answer")
        return connection
