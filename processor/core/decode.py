"""From a record of ``nova.notifications`` to an event; every message passes here, so the good case asks little.

The good case touches what it needs and lets the odd one raise; whatever raises is looked at again, slowly, by
``processor.core.explain``, which says what is wrong and where.
"""

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import orjson

from precache.contract.nova import END, PAYLOAD_MAJOR, PROGRESS, START
from precache.contract.topics import BRIDGE_TYPE
from processor.core.explain import EARLIEST, INT64_MAX, INT64_MIN, LATEST, MAX_NAME_BYTES, check_names, explain

# The names of the images that one host cached, and of those that failed there, as Nova listed them.
Images = tuple[tuple[str, ...], tuple[str, ...]]

_BOUNDARIES: Final = frozenset({START, END})
_USUAL_VERSIONS: Final = frozenset({"1.0", "1.1"})
# A million hosts report the same few pairs of lists: checked once, and one object for all. Reaching the limit costs a
# second check, nothing else.
_MAX_KNOWN_IMAGES: Final = 4_096
_known_images: dict[Images, Images] = {}

_new: Final = tuple.__new__  # a NamedTuple's own constructor takes twice as long
_loads: Final = orjson.loads
_parse: Final = datetime.fromisoformat


class Report(NamedTuple):
    """One host's result (a progress notification); ``nth`` is Nova's own count, which may repeat or skip."""

    request_id: str
    moment: datetime
    host: str
    images: Images
    nth: int
    total: int
    message_id: str
    aggregate_name: str
    aggregate_uuid: str
    project_id: str
    user_id: str


class Boundary(NamedTuple):
    """START or END; ``hosts`` is ``None`` when the notification does not tell them."""

    request_id: str
    moment: datetime
    is_end: bool
    hosts: list[str] | None
    aggregate_name: str
    aggregate_uuid: str
    project_id: str
    user_id: str


class Sign(NamedTuple):
    """A bridge's sign of life."""

    cloud: str
    instance: str
    version: str
    state: str
    moment: datetime
    received: int
    forwarded: int
    deadlettered: int
    in_flight: int


Event = Report | Boundary | Sign


def read(value: bytes) -> Event | None:
    """Return the event that a record's value tells; ``None`` for an event type that means nothing here.

    Raises:
        Unreadable: the value can't be used; carries the reason and the place.
    """
    try:
        data = _loads(value)
        kind = data["event_type"]
        event: Event | None = None
        if kind == PROGRESS:
            event = _report(data)
        elif kind in _BOUNDARIES:
            event = _boundary(data, is_end=kind == END)
        elif kind == BRIDGE_TYPE:
            event = _sign(data)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise explain(value, error) from None
    # A short value holds no long name.
    if len(value) > MAX_NAME_BYTES and event is not None:
        check_names(event)
    if event is None and type(kind) is not str:
        raise explain(value, None)
    return event


def _report(data: dict[str, Any]) -> Report:
    payload = data["payload"]
    body = payload["nova_object.data"]
    context = data["context"]
    request_id = context["request_id"]
    message_id = data["message_id"]
    project, user = context.get("project_id") or "", context.get("user_id") or ""
    host, index, total, name, uuid = body["host"], body["index"], body["total"], body["name"], body["uuid"]
    if (
        type(host) is type(name) is type(uuid) is type(request_id) is type(message_id) is str
        and type(project) is type(user) is str
        and type(index) is type(total) is int
        and host
        and request_id
        and message_id
        and INT64_MIN <= index <= INT64_MAX
        and INT64_MIN <= total <= INT64_MAX
        and _readable(payload["nova_object.version"])
    ):
        images = _images(body["images_cached"], body["images_failed"])
        moment = _moment(data["timestamp"])
        return _new(Report, (request_id, moment, host, images, index, total, message_id, name, uuid, project, user))
    raise TypeError("report")


def _boundary(data: dict[str, Any], *, is_end: bool) -> Boundary:
    payload = data["payload"]
    body = payload["nova_object.data"]
    context = data["context"]
    request_id, hosts, name, uuid = context["request_id"], body.get("hosts"), body["name"], body["uuid"]
    project, user = context.get("project_id") or "", context.get("user_id") or ""
    if (
        all(type(text) is str for text in (request_id, name, uuid, project, user, data["message_id"]))
        and (hosts is None or (type(hosts) is list and all(type(host) is str and host for host in hosts)))
        and request_id
        and data["message_id"]
        and _readable(payload["nova_object.version"])
    ):
        return Boundary(request_id, _moment(data["timestamp"]), is_end, hosts, name, uuid, project, user)
    raise TypeError("boundary")


def _sign(data: dict[str, Any]) -> Sign:
    texts = (data["cloud"], data["instance"], data["version"], data["state"])
    counts = data["counts"]
    numbers = (counts["received"], counts["forwarded"], counts["deadlettered"], counts["in_flight"])
    if (
        all(type(text) is str for text in texts)
        and texts[0]
        and texts[1]
        and all(type(number) is int and INT64_MIN <= number <= INT64_MAX for number in numbers)
    ):
        return Sign(*texts, _moment(data["timestamp"]), *numbers)
    raise TypeError("sign of life")


def _readable(version: str) -> bool:
    return version in _USUAL_VERSIONS or version.partition(".")[0] == PAYLOAD_MAJOR


def _moment(text: str) -> datetime:
    moment = _parse(text)
    if moment.tzinfo is not UTC:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if EARLIEST < moment < LATEST:
        return moment
    raise ValueError("timestamp")


def _images(cached: object, failed: object) -> Images:
    if type(cached) is list and type(failed) is list:
        images: Images = (tuple(cached), tuple(failed))
        known = _known_images.get(images)
        if known is not None:
            return known
        if all(type(image) is str and image for names in images for image in names):
            if len(_known_images) >= _MAX_KNOWN_IMAGES:
                _known_images.clear()
            return _known_images.setdefault(images, images)
    raise TypeError("images")
