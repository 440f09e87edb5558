"""Notifications as they lie on RabbitMQ, and as the bridge writes them to Kafka, made from one that Nova really sent.

A captured message becomes a text with gaps, so that making one costs a few microseconds, and what is measured is never
waiting for what is made.
"""

import json
from functools import lru_cache
from typing import Any, Final

from bench.load.plan import IMAGE, Event, Plan, host_name
from precache.contract import cloudevents
from precache.contract.identity import aggregate_key
from precache.contract.nova import CONTEXT_KEYS, PROGRESS
from precache.contract.topics import NOVA_TYPE_PREFIX
from tests.support import captures

UNWANTED_TYPE: Final = "instance.update"

# The gaps: a name between marks that occur in no notification, and hold nothing that JSON would escape.
_MARK: Final = "@@{}@@"
_TEXT_GAPS: Final = ("message_id", "unique_id", "nova_time", "iso_time", "uuid", "name", "host", "request_id")
_JSON_GAPS: Final = ("index", "total", "cached", "failed", "hosts")


def _captured(event_type: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        message.message() for message in captures.read(captures.BLOG) if message.message()["event_type"] == event_type
    )
    return found


def captured_body() -> bytes:
    """Return one report as it lies on RabbitMQ."""
    inner = json.dumps(_captured(PROGRESS))
    return json.dumps({"oslo.version": "2.0", "oslo.message": inner}).encode()


def _gap(name: str) -> str:
    return _MARK.format(name)


@lru_cache
def _with_gaps(event_type: str) -> dict[str, Any]:
    """Return a captured notification whose changing parts are gaps."""
    message = _captured(event_type)
    data = message["payload"]["nova_object.data"]
    for key in ("uuid", "name", "host", "index", "total", "hosts"):
        if key in data:
            data[key] = _gap(key)
    if event_type == PROGRESS:
        data["images_cached"], data["images_failed"] = _gap("cached"), _gap("failed")
    message |= {"message_id": _gap("message_id"), "timestamp": _gap("nova_time"), "_unique_id": _gap("unique_id")}
    return message | {"_context_request_id": _gap("request_id")}


def _template(text: str) -> str:
    """Turn marks into the gaps of a %-format; those that hold JSON lose the quotes (escaped or not) around them."""
    text = text.replace("%", "%%")
    for name in _JSON_GAPS:
        for quote in ('"', '\\"'):
            text = text.replace(f"{quote}{_gap(name)}{quote}", f"%({name})s")
    for name in _TEXT_GAPS:
        text = text.replace(_gap(name), f"%({name})s")
    return text


@lru_cache
def _body_template(event_type: str) -> str:
    inner = json.dumps(_with_gaps(event_type))
    return _template(json.dumps({"oslo.version": "2.0", "oslo.message": inner}))


@lru_cache
def _value_template(event_type: str) -> str:
    message = _with_gaps(event_type)
    value = {key: message[key] for key in ("event_type", "message_id", "timestamp", "publisher_id", "payload")}
    value["timestamp"] = _gap("iso_time")
    value["context"] = {key: message[f"_context_{key}"] for key in CONTEXT_KEYS}
    # As orjson writes it: without blanks.
    return _template(json.dumps(value, separators=(",", ":")))


class Maker:
    """Makes the messages of one plan."""

    def __init__(self, plan: Plan) -> None:
        self._total = plan.hosts
        names = [host_name(host) for host in range(plan.hosts)]
        self._hosts = json.dumps(names, separators=(",", ":"))
        self._hosts_escaped = json.dumps(json.dumps(names))[1:-1]
        image = f'["{IMAGE}"]'
        self._images = {False: (image, "[]"), True: ("[]", image)}
        self._images_escaped = {
            failed: tuple(text.replace('"', '\\"') for text in texts) for failed, texts in self._images.items()
        }

    def _gaps(self, event: Event, *, escaped: bool) -> dict[str, object]:
        cached, failed = (self._images_escaped if escaped else self._images)[event.failed]
        nova_time = event.time.isoformat(" ", "microseconds")
        return {
            "message_id": event.message_id,
            "unique_id": event.unique_id,
            "nova_time": nova_time,
            "iso_time": f"{nova_time[:10]}T{nova_time[11:]}Z",
            "uuid": event.operation.aggregate_uuid,
            "name": event.operation.aggregate_name,
            "host": host_name(event.host),
            "request_id": event.operation.request_id,
            "index": event.host + 1,
            "total": self._total,
            "cached": cached,
            "failed": failed,
            "hosts": self._hosts_escaped if escaped else self._hosts,
        }

    def body(self, event: Event) -> bytes:
        """Return the body as Nova's notifier publishes it: 1.6 kB for a progress."""
        return (_body_template(event.event_type) % self._gaps(event, escaped=True)).encode()

    def unwanted_body(self, event: Event) -> bytes:
        """Return a notification of the same size and context that nobody asked for."""
        return self.body(event).replace(PROGRESS.encode(), UNWANTED_TYPE.encode(), 1)

    def value(self, event: Event) -> bytes:
        """Return the record's value as the bridge writes it."""
        return (_value_template(event.event_type) % self._gaps(event, escaped=False)).encode()

    def key(self, event: Event) -> str:
        """Return the record's key."""
        return aggregate_key(event.operation.cloud, event.operation.aggregate_uuid)

    def headers(self, event: Event) -> cloudevents.Headers:
        """Return the record's headers as the bridge writes them."""
        return cloudevents.headers(
            event_id=event.message_id,
            source_path=cloudevents.source(
                "clouds", event.operation.cloud, str(_with_gaps(event.event_type)["publisher_id"])
            ),
            event_type=NOVA_TYPE_PREFIX + event.event_type,
            subject=self.key(event),
            time=event.time.isoformat("T", "microseconds") + "Z",
        )
