"""Notifications of instances that were built, as Nova 34 sends them: the envelope's message, and the bridge's record.

Source: Nova's ``doc/notification_samples/instance-create-end.json`` and ``instance-create-error.json``.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

CREATED = datetime(2026, 11, 24, 10, 0, 0, tzinfo=UTC)


def payload(instance: str, **fields: Any) -> dict[str, Any]:
    """Return a payload as far as anything looks at it, and some of what nothing does."""
    data = {
        "uuid": instance,
        "host": "host-1",
        "image_uuid": "image-1",
        "created_at": "2026-11-24T10:00:00Z",
        "launched_at": "2026-11-24T10:00:41Z",
        "state": "active",
        "display_name": "some-server",
        "flavor": {"nova_object.name": "FlavorPayload", "nova_object.version": "1.4", "nova_object.data": {}},
        "ip_addresses": [],
    }
    return {
        "nova_object.name": "InstanceCreatePayload",
        "nova_object.namespace": "nova",
        "nova_object.version": "1.12",
        "nova_object.data": data | fields,
    }


def record(instance: str, after_s: float = 42.5, event_type: str = "instance.create.end", **fields: Any) -> bytes:
    """Return the value of a record of ``nova.instances``, sent so long after the instance was asked for."""
    sent = CREATED + timedelta(seconds=after_s)
    return json.dumps(
        {
            "event_type": event_type,
            "message_id": f"message-{instance}",
            "timestamp": sent.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "publisher_id": "nova-compute:host-1",
            "payload": payload(instance, **fields),
            "context": {"request_id": f"req-{instance}", "global_request_id": None},
        }
    ).encode()


def message(instance: str, event_type: str = "instance.create.end", **fields: Any) -> bytes:
    """Return the body that oslo.messaging puts on RabbitMQ."""
    inner = {
        "message_id": f"message-{instance}",
        "publisher_id": "nova-compute:host-1",
        "event_type": event_type,
        "priority": "INFO",
        "payload": payload(instance, **fields),
        "timestamp": "2026-11-24 10:00:42.500000",
        "_unique_id": instance.replace("-", ""),
        "_context_request_id": f"req-{instance}",
    }
    return json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(inner)}).encode()
