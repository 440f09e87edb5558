"""From a record of ``nova.notifications`` to an event; every message passes here, so the good case asks little.

msgspec decodes and checks in one pass, against the classes below, and passes over what is not asked for. What it
refuses is looked at again, slowly, by ``processor.core.explain``, which says what is wrong and where.
"""

from datetime import UTC, datetime
from typing import Annotated, Final, NamedTuple

from msgspec import DecodeError, Meta, Struct, ValidationError, field, structs
from msgspec.json import Decoder

from precache.contract.heartbeat import Heartbeat
from precache.contract.nova import END, PAYLOAD_MAJOR, PROGRESS, START
from precache.contract.tables.fields import INT64_MAX, INT64_MIN
from processor.core.explain import EARLIEST, LATEST, MAX_NAME_BYTES, check_names, explain

# The names of the images that one host cached, and of those that failed there, as Nova listed them.
Images = tuple[tuple[str, ...], tuple[str, ...]]

_USUAL_VERSIONS: Final = frozenset({"1.0", "1.1"})
# A million hosts report the same few pairs of lists: one object for all.
_MAX_KNOWN_IMAGES: Final = 4_096
_known_images: dict[Images, Images] = {}

_new: Final = tuple.__new__  # a NamedTuple's own constructor takes twice as long


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
    """START or END; ``hosts`` is ``None`` when the notification does not tell them."""

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

# What stands in a record's value. They hold no cycles, so the collector need not look at them.
_Name = Annotated[str, Meta(min_length=1)]
_Int64 = Annotated[int, Meta(ge=INT64_MIN, le=INT64_MAX)]


class _RequestContext(Struct, gc=False):
    request_id: _Name
    project_id: str | None = None
    user_id: str | None = None
    global_request_id: str | None = None


class _ReportBody(Struct, gc=False):
    uuid: str
    name: str
    host: _Name
    images_cached: tuple[_Name, ...]
    images_failed: tuple[_Name, ...]
    index: _Int64
    total: _Int64


class _BoundaryBody(Struct, gc=False):
    uuid: str
    name: str
    hosts: list[_Name] | None = None


class _ReportPayload(Struct, gc=False):
    version: str = field(name="nova_object.version")
    body: _ReportBody = field(name="nova_object.data")


class _BoundaryPayload(Struct, gc=False):
    version: str = field(name="nova_object.version")
    body: _BoundaryBody = field(name="nova_object.data")


class _Progress(Struct, tag_field="event_type", tag=PROGRESS, gc=False):
    message_id: _Name
    timestamp: datetime
    payload: _ReportPayload
    context: _RequestContext
    publisher_id: str = ""


class _Start(Struct, tag_field="event_type", tag=START, gc=False):
    message_id: _Name
    timestamp: datetime
    payload: _BoundaryPayload
    context: _RequestContext


class _End(Struct, tag_field="event_type", tag=END, gc=False):
    message_id: _Name
    timestamp: datetime
    payload: _BoundaryPayload
    context: _RequestContext


_decode: Final = Decoder(_Progress | _Start | _End | Heartbeat).decode


def read(value: bytes) -> Event | None:
    """Return the event that a record's value tells; ``None`` for an event type that means nothing here.

    Raises:
        Unreadable: the value can't be used; carries the reason and the place.
    """
    try:
        decoded = _decode(value)
        event: Event
        if type(decoded) is _Progress:
            event = _report(decoded)
        elif type(decoded) is Heartbeat:
            event = HeartbeatEvent(decoded, _moment(datetime.fromisoformat(decoded.timestamp)))
        else:
            event = _boundary(decoded)
    # ValueError: bytes that are no UTF-8, and what is asked for beyond the types; OverflowError: no such time in UTC.
    except (DecodeError, ValidationError, ValueError, OverflowError, RecursionError) as error:
        reason = explain(value, error)
        if reason is None:
            return None
        raise reason from None
    # A short value holds no long name.
    if len(value) > MAX_NAME_BYTES:
        check_names(structs.asdict(event.heartbeat) if type(event) is HeartbeatEvent else event._asdict())
    return event


def _report(decoded: _Progress) -> ProgressReport:
    body, context = decoded.payload.body, decoded.context
    _check_version(decoded.payload.version)
    return _new(
        ProgressReport,
        (
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
        ),
    )


def _boundary(decoded: _Start | _End) -> Boundary:
    body, context = decoded.payload.body, decoded.context
    _check_version(decoded.payload.version)
    return Boundary(
        context.request_id,
        _moment(decoded.timestamp),
        type(decoded) is _End,
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
    if moment.tzinfo is not UTC:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if EARLIEST < moment < LATEST:
        return moment
    raise ValueError("timestamp")


def _images(images: Images) -> Images:
    known = _known_images.get(images)
    if known is not None:
        return known
    if len(_known_images) >= _MAX_KNOWN_IMAGES:
        _known_images.clear()
    return _known_images.setdefault(images, images)
