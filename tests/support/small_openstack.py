"""The small OpenStack as a test uses it: aggregates and images of its own, and what Nova itself logged of requests."""

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.services.openstack import Node, client

# Nova's own line for each request: `[GLOBAL_ID REQUEST_ID ...] ... "POST URL" status: 202`.
_LOGGED = re.compile(r'\[(\S+) (req-\S+) .*"POST /v2\.1/os-aggregates/(\d+)/images" status: (\d+)')


@dataclass(frozen=True)
class Aggregate:
    """An aggregate: the number that Nova's API wants, the UUID that its notifications carry."""

    id: int
    uuid: str
    name: str


@dataclass(frozen=True)
class Logged:
    """A request to cache images, as Nova logged it; the global id is `None` in words when the caller gave none."""

    global_request_id: str
    request_id: str
    status: int


class SmallOpenStack:
    """Raw HTTP to a small OpenStack, as its administrator."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._token = client.token(node.layout.url("keystone"), "admin", "admin")

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        service: str = "nova-api",
        headers: Mapping[str, str] | None = None,
    ) -> client.Answer:
        """Ask a service once; Nova at microversion 2.81."""
        sent = {"X-Auth-Token": self._token, "OpenStack-API-Version": "compute 2.81"} | dict(headers or {})
        return client.request(method, f"{self.node.layout.url(service)}{path}", body=body, headers=sent)

    def aggregate(self, hosts: Iterable[str]) -> Aggregate:
        """Make an aggregate of hosts, with a name that no other has."""
        name = f"agg-{uuid.uuid4().hex[:8]}"
        made = self.ask("POST", "/os-aggregates", {"aggregate": {"name": name}}).checked().body["aggregate"]
        aggregate = Aggregate(made["id"], made["uuid"], name)
        for host in hosts:
            self.add_host(aggregate, host)
        return aggregate

    def add_host(self, aggregate: Aggregate, host: str) -> None:
        """Add a host to an aggregate."""
        self.ask("POST", f"/os-aggregates/{aggregate.id}/action", {"add_host": {"host": host}}).checked()

    def image(self, *, queued: bool = False, **properties: str) -> str:
        """Make an image and return its id: active with a few bytes, or queued without any."""
        facts = {
            "name": f"image-{uuid.uuid4().hex[:8]}",
            "disk_format": "raw",
            "container_format": "bare",
            "visibility": "public",
            **properties,
        }
        image = str(self.ask("POST", "/v2/images", facts, service="glance").checked().body["id"])
        if not queued:
            octets = {"Content-Type": "application/octet-stream"}
            self.ask("PUT", f"/v2/images/{image}/file", b"x" * 1024, service="glance", headers=octets).checked()
        return image

    def cache_images(self, aggregate: Aggregate, *images: str) -> client.Answer:
        """Request that images are cached on the hosts of an aggregate."""
        return self.ask("POST", f"/os-aggregates/{aggregate.id}/images", {"cache": [{"id": image} for image in images]})

    def requests(self, aggregate: Aggregate) -> list[Logged]:
        """Return the requests to cache images on an aggregate, in order, whatever Nova answered, from its own log."""
        found = _LOGGED.findall((self.node.base / "log" / "nova-api.out").read_text(errors="replace"))
        return [
            Logged(given, made, int(status)) for given, made, number, status in found if int(number) == aggregate.id
        ]

    def force_down(self, host: str, *, down: bool) -> None:
        """Have Nova take a host for dead, or no more."""
        [service] = self.ask("GET", f"/os-services?binary=nova-compute&host={host}").checked().body["services"]
        self.ask("PUT", f"/os-services/{service['id']}", {"forced_down": down}).checked()

    def boot(self, image: str, host: str) -> str:
        """Ask for a server from an image on a host, without a network, and return its id."""
        flavor = {"name": f"tiny-{uuid.uuid4().hex[:8]}", "ram": 64, "vcpus": 1, "disk": 1}
        made = self.ask("POST", "/flavors", {"flavor": flavor}).checked().body["flavor"]["id"]
        server = {"name": "vm", "imageRef": image, "flavorRef": made, "networks": "none", "host": host}
        return str(self.ask("POST", "/servers", {"server": server}).checked().body["server"]["id"])

    def server_status(self, server: str) -> str:
        """Return Nova's word for what a server is doing: BUILD, ACTIVE, ERROR."""
        return str(self.ask("GET", f"/servers/{server}").checked().body["server"]["status"])
