"""A simulated Nova: sends the notifications of one operation through oslo.messaging's own notifier.

The payloads are built as Nova's ``notifications/objects/aggregate.py`` builds them; the envelope, the ids and the times
are the notifier's own.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bridge.source import transport_url as transport
from console.simulator.clouds import SimulatedAggregate, SimulatedReport, SimulatedRequest
from precache.contract import nova

_API: Final = "nova-api:ctrl01"
_CONDUCTOR: Final = "nova-conductor:ctrl01"


@dataclass(frozen=True, slots=True)
class _Context:
    """A request's context, with what oslo.messaging asks of one."""

    request_id: str
    global_request_id: str

    def redacted_copy(self) -> "_Context":
        """Return the context without credentials: it has none."""
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return the keys that Nova sends, those of interest filled in."""
        return {
            "request_id": self.request_id,
            "global_request_id": self.global_request_id or None,
            "user_id": "admin",
            "project_id": "admin",
            "user": "admin",
            "project": "admin",
            "auth_token": None,
            "roles": [],
            "is_admin": False,
            "read_deleted": "no",
            "remote_address": None,
            "service_catalog": [],
            "timestamp": datetime.now(UTC).replace(tzinfo=None).isoformat(),
        }


class Nova:
    """The API and the conductor of one cloud. Used by one thread at a time.

    Args:
        transport_url: as in nova.conf; ``kombu+memory://`` for a bus in this process.
        exchange: the control exchange.
        topic: one of ``versioned_notifications_topics``.
    """

    def __init__(self, transport_url: str, exchange: str, topic: str) -> None:
        messaging = transport.oslo().messaging
        messaging.set_transport_defaults(exchange)
        # A configuration of its own: a nova.conf that may lie on this machine is not for a demo.
        self._transport = messaging.get_notification_transport(transport.new_conf({}), url=transport_url)
        self._notifier = messaging.Notifier(self._transport, driver="messagingv2", topics=[topic])

    def start(self, request: SimulatedRequest) -> None:
        """Send the notification that the API sends when it has taken a request."""
        self._send(request, _API, nova.START, _aggregate_payload(request.aggregate))

    def progress(self, request: SimulatedRequest, report: SimulatedReport, index: int) -> None:
        """Send what the conductor sends when a host has answered; ``index`` counts the answers from 1."""
        self._send(request, _CONDUCTOR, nova.PROGRESS, _progress_payload(request.aggregate, report, index))

    def end(self, request: SimulatedRequest) -> None:
        """Send the notification that the API's background task sends when no host is left to wait for."""
        self._send(request, _API, nova.END, _aggregate_payload(request.aggregate))

    def close(self) -> None:
        """Give the transport back."""
        self._transport.cleanup()

    def _send(self, request: SimulatedRequest, publisher: str, event_type: str, payload: dict[str, Any]) -> None:
        notifier = self._notifier.prepare(publisher_id=publisher)
        notifier.info(_Context(request.request_id, request.global_request_id), event_type, payload)


def _versioned(name: str, version: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "nova_object.name": name,
        "nova_object.namespace": "nova",
        "nova_object.version": version,
        "nova_object.data": data,
    }


def _aggregate_payload(aggregate: SimulatedAggregate) -> dict[str, Any]:
    data = {
        "id": aggregate.number,
        "uuid": aggregate.uuid,
        "name": aggregate.name,
        "hosts": list(aggregate.hosts),
        "metadata": {},
    }
    return _versioned("AggregatePayload", "1.1", data)


def _progress_payload(aggregate: SimulatedAggregate, report: SimulatedReport, index: int) -> dict[str, Any]:
    data = {
        "id": aggregate.number,
        "uuid": aggregate.uuid,
        "name": aggregate.name,
        "host": report.host,
        "images_cached": list(report.cached),
        "images_failed": list(report.failed),
        "index": index,
        "total": len(aggregate.hosts),
    }
    return _versioned("AggregateCachePayload", "1.0", data)
