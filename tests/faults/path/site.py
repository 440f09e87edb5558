"""A RabbitMQ, a Kafka and an InfluxDB of the tests' own, each behind a proxy, and what may happen to them."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, Self
from urllib.parse import urlsplit

from tests.faults.processor.proxy import Proxy
from tests.services import influxdb, kafka, rabbitmq
from tests.services.testing import Broker, Servers

DOOR: Final = "PROXIED"
# From the end of a start to the next one: a server that comes up and goes again.
_RESTARTED_EVERY_S: Final = 10.0


def on_host(url: str, address: str) -> str:
    """Return a URL with another host and port; user, password and path stay."""
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{user}@{address}" if user else address).geturl()


class Harmed(Protocol):
    """What may be killed and stopped: a server, or a service."""

    def start(self) -> None:
        """Start it."""

    def stop(self) -> None:
        """End it in good order."""

    def kill(self) -> None:
        """End it at once."""

    def pause(self) -> None:
        """Stop it in its tracks."""

    def resume(self) -> None:
        """Let it go on."""


@dataclass(frozen=True)
class Server:
    """One server, and the proxy by which the product reaches it; a service has none."""

    name: str
    node: Harmed
    proxy: Proxy = field(default_factory=Proxy)


@dataclass(frozen=True)
class Site:
    """The three servers; tests reach them directly, whatever the proxies do."""

    rabbitmq: rabbitmq.Node
    kafka: kafka.Node
    influxdb: influxdb.Node
    proxies: dict[str, Proxy]

    def server(self, name: str) -> Server:
        """Return one of them by its name."""
        return Server(
            name, {"rabbitmq": self.rabbitmq, "kafka": self.kafka, "influxdb": self.influxdb}[name], self.proxies[name]
        )

    def direct(self) -> Servers:
        """Where a test finds them."""
        return Servers(
            rabbitmq=Broker(self.rabbitmq.transport_url, self.rabbitmq.api_url),
            kafka=self.kafka.bootstrap_servers,
            influx_url=self.influxdb.url,
            influx_org=self.influxdb.org,
            influx_token=self.influxdb.token,
        )

    def proxied(self) -> Servers:
        """Where the product finds them."""
        return Servers(
            rabbitmq=Broker(on_host(self.rabbitmq.transport_url, self.proxies["rabbitmq"].address)),
            kafka=self.proxies["kafka"].address,
            influx_url=self.proxies["influxdb"].url,
            influx_org=self.influxdb.org,
            influx_token=self.influxdb.token,
        )


@contextmanager
def running(folder: Path) -> Iterator[Site]:
    """Start all three, and stop them."""
    with ExitStack() as stack:
        proxies = {name: stack.enter_context(Proxy()) for name in ("rabbitmq", "kafka", "influxdb")}
        site = Site(
            rabbitmq.Node(folder / "rabbitmq"),
            kafka.Node(folder / "kafka", doors={DOOR: "PLAINTEXT"}, advertised={DOOR: proxies["kafka"].address}),
            influxdb.Node(folder / "influxdb"),
            proxies,
        )
        nodes: Sequence[Harmed] = (site.rabbitmq, site.kafka, site.influxdb)
        for node in nodes:
            stack.callback(node.kill)
        with ThreadPoolExecutor(len(nodes)) as pool:
            for started in [pool.submit(node.start) for node in nodes]:
                started.result()
        for name, address in _addresses(site).items():
            host, _, port = address.partition(":")
            proxies[name].target = (host, int(port))
        yield site


def _addresses(site: Site) -> dict[str, str]:
    return {
        "rabbitmq": f"127.0.0.1:{site.rabbitmq.port}",
        "kafka": site.kafka.door(DOOR),
        "influxdb": urlsplit(site.influxdb.url).netloc,
    }


@dataclass(frozen=True)
class Disturbance:
    """What happens to a server, and for how long it is away."""

    kind: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.kind} {self.seconds:g} s"

    @classmethod
    def read(cls, text: str) -> Self:
        """Read `killed 5 s`."""
        kind, seconds, _ = text.split()
        return cls(kind, float(seconds))

    def happen(self, server: Server, meanwhile: Callable[[float], None]) -> None:
        """Disturb a server; return once it is back.

        Args:
            server: which one.
            meanwhile: called with the seconds for which it is away, and takes as long.
        """
        _KINDS[self.kind](server, lambda: meanwhile(self.seconds))


def _killed(server: Server, meanwhile: Callable[[], None]) -> None:
    server.node.kill()
    try:
        meanwhile()
    finally:
        server.node.start()


def _stopped(server: Server, meanwhile: Callable[[], None]) -> None:
    server.node.pause()
    try:
        meanwhile()
    finally:
        server.node.resume()


def _refusing(server: Server, meanwhile: Callable[[], None]) -> None:
    server.proxy.refuse()
    try:
        meanwhile()
    finally:
        server.proxy.fix()


def _hanging(server: Server, meanwhile: Callable[[], None]) -> None:
    server.proxy.hold()
    try:
        meanwhile()
    finally:
        server.proxy.fix()


def _restarted(server: Server, meanwhile: Callable[[], None]) -> None:
    """Stop and start it three times, with ten seconds in between; `meanwhile` is its last absence."""
    for _ in range(2):
        server.node.stop()
        server.node.start()
        time.sleep(_RESTARTED_EVERY_S)
    server.node.stop()
    try:
        meanwhile()
    finally:
        server.node.start()


_KINDS: Final[dict[str, Callable[[Server, Callable[[], None]], None]]] = {
    "killed": _killed,
    "stopped": _stopped,
    "refusing": _refusing,
    "hanging": _hanging,
    "restarted": _restarted,
}
