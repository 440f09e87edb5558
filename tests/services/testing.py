"""What one test has to itself on the servers: a cloud's place on RabbitMQ, topics on Kafka, a bucket in InfluxDB."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, unquote, urlsplit

from .given import REQUIRED
from .network import call

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Broker:
    """A RabbitMQ."""

    transport_url: str
    # A broker that was given, other than started here, may come without its management API.
    api_url: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], prefix: str) -> Broker | None:
        """Read the variables that begin with the prefix; None when there is no address among them."""
        url = environment.get(f"{prefix}_URL")
        return cls(url, environment.get(f"{prefix}_API") or None) if url else None


@dataclass(frozen=True)
class Servers:
    """Where the servers are, as the environment says."""

    rabbitmq: Broker
    kafka: str
    influx_url: str
    influx_org: str
    influx_token: str
    # Started for the second tier of tests alone.
    rabbitmq4: Broker | None = None
    # The folder of the small OpenStack.
    openstack: Path | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables that `make services` prints; the error names those that are missing."""
        missing = [name for names in REQUIRED.values() for name in names if not environment.get(name)]
        if missing:
            raise LookupError(f'{", ".join(missing)} not set: run `eval "$(make -s services)"` first')
        rabbitmq = Broker.from_environment(environment, "PRECACHE_TEST_RABBITMQ")
        assert rabbitmq is not None
        return cls(
            rabbitmq=rabbitmq,
            kafka=environment["PRECACHE_TEST_KAFKA"],
            influx_url=environment["PRECACHE_TEST_INFLUX_URL"],
            influx_org=environment["PRECACHE_TEST_INFLUX_ORG"],
            influx_token=environment["PRECACHE_TEST_INFLUX_TOKEN"],
            rabbitmq4=Broker.from_environment(environment, "PRECACHE_TEST_RABBITMQ4"),
            openstack=Path(folder) if (folder := environment.get("PRECACHE_TEST_OPENSTACK")) else None,
        )

    def broker(self, name: str) -> Broker:
        """Return a RabbitMQ by its name among the servers; the error says how to have it."""
        broker = {"rabbitmq": self.rabbitmq, "rabbitmq4": self.rabbitmq4}[name]
        if broker is None:
            raise LookupError('PRECACHE_TEST_RABBITMQ4_URL not set: run `eval "$(make -s services-more)"` first')
        return broker


@dataclass(frozen=True)
class Cloud:
    """One cloud's place on RabbitMQ: names that no other test uses, in a virtual host of its own where it can be."""

    transport_url: str
    exchange: str
    topic: str
    api_url: str | None = None

    @property
    def vhost(self) -> str:
        """The name of its virtual host."""
        return unquote(urlsplit(self.transport_url).path[1:]) or "/"

    def api(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Call RabbitMQ's management API as an administrator: status and answer; `{vhost}` in the path is filled in."""
        if self.api_url is None:
            raise LookupError("PRECACHE_TEST_RABBITMQ_API not set: this test needs RabbitMQ's management API")
        parts = urlsplit(self.transport_url)
        user = (unquote(parts.username or ""), unquote(parts.password or ""))
        url = f"{self.api_url}/api/{path.format(vhost=quote(self.vhost, safe=''))}"
        return call(method, url, body=body, user=user, timeout_s=30.0)

    def queue(self, name: str) -> dict[str, Any]:
        """Return what the API tells of a queue, its counts a moment old; empty when there is no such queue."""
        status, answer = self.api("GET", f"queues/{{vhost}}/{quote(name, safe='')}")
        assert status in (200, 404), f"{status} {answer}"
        return dict(answer) if status == 200 else {}

    def in_own_vhost(self, name: str) -> Cloud:
        """Make a virtual host, and return this cloud in it."""
        user = quote(urlsplit(self.transport_url).username or "")
        own = dataclasses.replace(self, transport_url=urlsplit(self.transport_url)._replace(path=f"/{name}").geturl())
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        for path, body in (("vhosts/{vhost}", {}), (f"permissions/{{vhost}}/{user}", everything)):
            status, answer = own.api("PUT", path, body)
            assert status in (201, 204), f"{status} {answer}"
        return own

    def remove_vhost(self) -> None:
        """Remove the virtual host with all that is in it; its connections are closed."""
        status, answer = self.api("DELETE", "vhosts/{vhost}")
        assert status in (204, 404), f"{status} {answer}"


@dataclass(frozen=True)
class Topics:
    """The names of one test's topics: the test makes them, and afterwards every one with the prefix is removed."""

    prefix: str

    @property
    def notifications(self) -> str:
        """What the bridge writes."""
        return f"{self.prefix}.nova.notifications"

    @property
    def progress(self) -> str:
        """Derived: one record a progress event."""
        return f"{self.prefix}.precache.progress"

    @property
    def operations(self) -> str:
        """Derived: one record a change of an operation."""
        return f"{self.prefix}.precache.operations"

    @property
    def deadletters(self) -> str:
        """What could not be used."""
        return f"{self.prefix}.precache.deadletters"

    @property
    def instances(self) -> str:
        """Boots, from the bridge."""
        return f"{self.prefix}.nova.instances"

    @property
    def wanted(self) -> str:
        """What the keeper keeps."""
        return f"{self.prefix}.precache.wanted"

    @property
    def group(self) -> str:
        """A consumer group."""
        return f"{self.prefix}.processor"

    def usual(self) -> list[str]:
        """Return those that every precache has."""
        return [self.notifications, self.progress, self.operations, self.deadletters]

    def config(self) -> dict[str, str]:
        """Return them as the configuration's `topics:` block."""
        names = ("notifications", "progress", "operations", "deadletters", "instances", "wanted")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Bucket:
    """An InfluxDB bucket that one test has to itself, with what it takes to reach it."""

    url: str
    org: str
    token: str
    name: str

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = call(method, f"{self.url}/api/v2/{path}", body=body, token=self.token, timeout_s=30.0)
        assert 200 <= status < 300, f"{status} {answer}"
        return answer

    def create(self) -> None:
        """Make it, without an end to its retention."""
        org_id = self._call("GET", f"orgs?org={quote(self.org)}")["orgs"][0]["id"]
        self._call("POST", "buckets", {"orgID": org_id, "name": self.name, "retentionRules": []})

    def remove(self) -> None:
        """Remove it with its points, unless the test did so."""
        query = f"buckets?name={quote(self.name)}&org={quote(self.org)}"
        _, found = call("GET", f"{self.url}/api/v2/{query}", token=self.token)
        for bucket in (found or {}).get("buckets", []):
            self._call("DELETE", f"buckets/{bucket['id']}")
