"""From a record of ``nova.notifications`` to an event; every message passes here, so the good case asks little.

msgspec decodes and checks in one pass, against the contract's Structs, and passes over what they do not name. What it
refuses is read again, slowly, by ``processor.core.explain``, which says what is wrong and where.
"""

from datetime import UTC, datetime
from typing import Final, NamedTuple

from msgspec import DecodeError, ValidationError, structs
from msgspec.json import Decoder

from precache.contract.heartbeat import Heartbeat
from precache.contract.nova import PAYLOAD_MAJOR, EndNotification, ProgressNotification, StartNotification
from processor.core.explain import EARLIEST, LATEST, MAX_NAME_BYTES, check_names, explain

# The names of the images that one host cached, and of those that failed there, as Nova listed them.
Images = tuple[tuple[str, ...], tuple[str, ...]]

_USUAL_VERSIONS: Final = frozenset({"1.0", "1.1"})
# A million hosts report the same few pairs of lists: one object for all.
_MAX_KNOWN_IMAGES: Final = 4_096
_known_images: dict[Images, Images] = {}


class ProgressReport(NamedTuple):
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
    global_request_id: str
    conductor: str


class Boundary(NamedTuple):
    """START or END; ``hosts`` is ``None`` when the notification does not list them."""

    request_id: str
    moment: datetime
    is_end: bool
    hosts: list[str] | None
    aggregate_name: str
    aggregate_uuid: str
    project_id: str
    user_id: str
    global_request_id: str


class HeartbeatEvent(NamedTuple):
    """A bridge's heartbeat, and its time."""

    heartbeat: Heartbeat
    moment: datetime


Event = ProgressReport | Boundary | HeartbeatEvent

_decode: Final = Decoder(ProgressNotification | StartNotification | EndNotification | Heartbeat).decode


def read(value: bytes) -> Event | None:
    """Return the event of a record's value; ``None`` for an event type that means nothing here.

    Raises:
        Unreadable: the value can't be used; carries the reason and the place.
    """
    try:
        decoded = _decode(value)
        event: Event
        if type(decoded) is ProgressNotification:
            event = _report(decoded)
        elif type(decoded) is Heartbeat:
            event = HeartbeatEvent(decoded, _moment(datetime.fromisoformat(decoded.timestamp)))
        else:
            event = _boundary(decoded)
    # ValueError: bytes that are no UTF-8, and what is asked for beyond the types.
    except (DecodeError, ValidationError, ValueError, RecursionError) as error:
        reason = explain(value, error)
        if reason is None:
            return None
        raise reason from None
    # A short value holds no long name.
    if len(value) > MAX_NAME_BYTES:
        check_names(structs.asdict(event.heartbeat) if type(event) is HeartbeatEvent else event._asdict())
    return event


def _report(decoded: ProgressNotification) -> ProgressReport:
    body, context = decoded.payload.data, decoded.context
    _check_version(decoded.payload.version)
    return ProgressReport(
        context.request_id,
        _moment(decoded.timestamp),
        body.host,
        _images((body.images_cached, body.images_failed)),
        body.index,
        body.total,
        decoded.message_id,
        body.name,
        body.uuid,
        context.project_id or "",
        context.user_id or "",
        context.global_request_id or "",
        decoded.publisher_id.rpartition(":")[2],
    )


def _boundary(decoded: StartNotification | EndNotification) -> Boundary:
    body, context = decoded.payload.data, decoded.context
    _check_version(decoded.payload.version)
    return Boundary(
        context.request_id,
        _moment(decoded.timestamp),
        type(decoded) is EndNotification,
        body.hosts,
        body.name,
        body.uuid,
        context.project_id or "",
        context.user_id or "",
        context.global_request_id or "",
    )


def _check_version(version: str) -> None:
    if version not in _USUAL_VERSIONS and version.partition(".")[0] != PAYLOAD_MAJOR:
        raise ValueError("version")


def _moment(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    # Compared before it is converted: a time at either end of the calendar has no counterpart in UTC.
    if not EARLIEST < moment < LATEST:
        raise ValueError(f"timestamp: a time that the stores can't hold: {moment.isoformat()}")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def _images(images: Images) -> Images:
    known = _known_images.get(images)
    if known is not None:
        return known
    if len(_known_images) >= _MAX_KNOWN_IMAGES:
        _known_images.clear()
    return _known_images.setdefault(images, images)
