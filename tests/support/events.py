"""Records of nova.notifications as a bridge writes them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from precache.contract.times import rfc3339_us

BASE_NS = 1_795_339_478_000_000_000
AGGREGATE = "ccf82bd4-a15e-43c5-83ad-b23970338139"


@dataclass(frozen=True)
class Source:
    """One operation as Nova tells of it."""

    cloud: str = "paris"
    aggregate: str = AGGREGATE
    request: str = "req-1"
    name: str = "my-application"

    @property
    def key(self) -> bytes:
        return f"{self.cloud}/{self.aggregate}".encode()

    @property
    def operation(self) -> str:
        return f"{self.cloud}/{self.aggregate}/{self.request}"

    def start(self, hosts: Sequence[str] | None, at_us: int = 0, **changes: Any) -> "Event":
        return self._boundary("start", hosts, at_us, changes)

    def end(self, hosts: Sequence[str] | None, at_us: int = 1_000_000, **changes: Any) -> "Event":
        return self._boundary("end", hosts, at_us, changes)

    def report(  # noqa: PLR0917 - as Nova's payload
        self,
        host: str,
        cached: Sequence[str] = ("image-1",),
        failed: Sequence[str] = (),
        at_us: int = 500_000,
        index: int = 1,
        total: int = 1,
        conductor: str = "ctrl01",
    ) -> "Event":
        data = {
            "id": 1,
            "uuid": self.aggregate,
            "name": self.name,
            "host": host,
            "images_cached": list(cached),
            "images_failed": list(failed),
            "index": index,
            "total": total,
        }
        made = self._event("progress", data, at_us, f"{self.operation} {host}", "1.0")
        made.body["publisher_id"] = f"nova-conductor:{conductor}"
        return made

    def _boundary(self, phase: str, hosts: Sequence[str] | None, at_us: int, changes: dict[str, Any]) -> "Event":
        data = {
            "id": 1,
            "uuid": self.aggregate,
            "name": self.name,
            "hosts": None if hosts is None else list(hosts),
            "metadata": {},
        }
        return self._event(phase, data | changes, at_us, f"{self.operation} {phase}", "1.1")

    def _event(self, phase: str, data: dict[str, Any], at_us: int, message_id: str, version: str) -> "Event":
        return Event(
            self.key,
            {
                "event_type": f"aggregate.cache_images.{phase}",
                "message_id": message_id,
                "timestamp": rfc3339_us(BASE_NS + at_us * 1_000),
                "publisher_id": "nova-conductor:ctrl01",
                "payload": {
                    "nova_object.name": "AggregatePayload",
                    "nova_object.namespace": "nova",
                    "nova_object.version": version,
                    "nova_object.data": data,
                },
                "context": {
                    "request_id": self.request,
                    "global_request_id": None,
                    "project_id": "admin",
                    "user_id": "admin",
                },
            },
        )


@dataclass(frozen=True)
class Event:
    """A record's key, and its value as an object."""

    key: bytes
    body: dict[str, Any] = field(hash=False)

    @cached_property
    def value(self) -> bytes:
        return json.dumps(self.body).encode()

    def data(self) -> dict[str, Any]:
        payload: dict[str, Any] = self.body["payload"]["nova_object.data"]
        return payload
