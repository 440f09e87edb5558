"""Nova's image pre-cache notifications, as records of ``nova.notifications`` carry them.

Source: Nova's ``notifications/objects/aggregate.py`` and notifications captured from a real nova-conductor.

START and END carry an ``AggregatePayload`` 1.x, each progress an ``AggregateCachePayload`` 1.x. Nova's own keys that
nothing here needs (``metadata``) are not named: readers pass over what they do not know.
"""

from datetime import datetime
from typing import Annotated, Final

from msgspec import Struct, ValidationError
from msgspec import field as key

from precache.contract.tables.fields import INT64_MAX, INT64_MIN, record

START: Final = "aggregate.cache_images.start"
PROGRESS: Final = "aggregate.cache_images.progress"
END: Final = "aggregate.cache_images.end"
CACHE_IMAGES: Final = frozenset({START, PROGRESS, END})
BOOT_END: Final = "instance.create.end"
BOOT_ERROR: Final = "instance.create.error"
BOOTS: Final = (BOOT_END, BOOT_ERROR)

# The major version of every payload below that this program reads; another one is refused, never guessed at.
PAYLOAD_MAJOR: Final = "1"

_INT64: Final = {"ge": INT64_MIN, "le": INT64_MAX}


# None of these holds a cycle, so the garbage collector need not look at them.
class RequestContext(Struct, gc=False):
    """What leaves the cloud of Nova's request context. Tokens, roles and service catalogues stay there."""

    # A bridge also forwards what has none.
    request_id: Annotated[
        str, record("the request that started the operation; without one it belongs to none", min_length=1)
    ]
    global_request_id: Annotated[str | None, record("the caller's own id of the request, if it sent one")] = None
    project_id: Annotated[str | None, record("the caller's project")] = None
    user_id: Annotated[str | None, record("the caller")] = None


CONTEXT_KEYS: Final = RequestContext.__struct_fields__


class AggregateFields(Struct, gc=False):
    """The fields of an ``AggregatePayload``: an aggregate, with the hosts that Nova asks."""

    id: Annotated[int | None, record("the aggregate's number in Nova's API")]
    uuid: Annotated[str, record("the aggregate", min_length=1)]
    name: Annotated[str, record("its name when the notification was sent", min_length=1)]
    hosts: Annotated[list[Annotated[str, record("a host", min_length=1)]] | None, record("its hosts")] = None


class ProgressFields(Struct, gc=False):
    """The fields of an ``AggregateCachePayload``: one host's result."""

    id: Annotated[int | None, record("the aggregate's number in Nova's API")]
    uuid: Annotated[str, record("the aggregate", min_length=1)]
    name: Annotated[str, record("its name when the notification was sent", min_length=1)]
    host: Annotated[str, record("the host that reports", min_length=1)]
    images_cached: Annotated[
        tuple[Annotated[str, record("an image", min_length=1)], ...], record("the images that the host has now")
    ]
    images_failed: Annotated[
        tuple[Annotated[str, record("an image", min_length=1)], ...], record("the images that it failed to fetch")
    ]
    index: Annotated[int, record("how many hosts have reported, as Nova counts: it may repeat or skip", **_INT64)]
    total: Annotated[int, record("how many hosts Nova asked", **_INT64)]


class AggregatePayload(Struct, gc=False):
    """Nova's versioned object of START and END."""

    version: Annotated[str, record("`1.x`")] = key(name="nova_object.version")
    data: Annotated[AggregateFields, record("its fields")] = key(name="nova_object.data")


class ProgressPayload(Struct, gc=False):
    """Nova's versioned object of a progress."""

    version: Annotated[str, record("`1.x`")] = key(name="nova_object.version")
    data: Annotated[ProgressFields, record("its fields")] = key(name="nova_object.data")


class StartNotification(Struct, gc=False, tag_field="event_type", tag=START):
    """Nova began to ask the hosts of an aggregate."""

    message_id: Annotated[str, record("Nova's id of the notification", min_length=1)]
    timestamp: Annotated[datetime, record("when Nova sent it", "RFC 3339, microseconds, UTC")]
    payload: Annotated[AggregatePayload, record("Nova's own versioned object, unchanged")]
    context: Annotated[RequestContext, record("of Nova's request context, what may leave the cloud")]
    publisher_id: Annotated[str, record("`SERVICE:HOST` of who sent it")] = ""


class ProgressNotification(Struct, gc=False, tag_field="event_type", tag=PROGRESS):
    """One host reported."""

    message_id: Annotated[str, record("Nova's id of the notification", min_length=1)]
    timestamp: Annotated[datetime, record("when Nova sent it", "RFC 3339, microseconds, UTC")]
    payload: Annotated[ProgressPayload, record("Nova's own versioned object, unchanged")]
    context: Annotated[RequestContext, record("of Nova's request context, what may leave the cloud")]
    publisher_id: Annotated[str, record("`SERVICE:HOST` of who sent it: the conductor")] = ""


class EndNotification(Struct, gc=False, tag_field="event_type", tag=END):
    """Nova waits for no more hosts of this operation."""

    message_id: Annotated[str, record("Nova's id of the notification", min_length=1)]
    timestamp: Annotated[datetime, record("when Nova sent it", "RFC 3339, microseconds, UTC")]
    payload: Annotated[AggregatePayload, record("Nova's own versioned object, unchanged")]
    context: Annotated[RequestContext, record("of Nova's request context, what may leave the cloud")]
    publisher_id: Annotated[str, record("`SERVICE:HOST` of who sent it")] = ""


class InstanceFields(Struct, gc=False):
    """The fields of an ``InstanceCreatePayload`` that say how long an instance took to boot, and where."""

    uuid: Annotated[str, record("the instance", min_length=1)]
    image_uuid: Annotated[str | None, record("the image it was made from; empty or null: a boot from a volume")] = None
    host: Annotated[str | None, record("its compute host; null where none took it")] = None
    created_at: Annotated[datetime | None, record("when it was asked for", "RFC 3339")] = None


class InstancePayload(Struct, gc=False):
    """Nova's versioned object of ``instance.create.end`` and ``instance.create.error``."""

    version: Annotated[str, record("`1.x`")] = key(name="nova_object.version")
    data: Annotated[InstanceFields, record("its fields")] = key(name="nova_object.data")


class InstanceNotification(Struct, gc=False):
    """An instance was built, or failed to be: a record of ``nova.instances``."""

    event_type: Annotated[str, record("`instance.create.end` or `instance.create.error`")]
    timestamp: Annotated[datetime, record("when Nova sent it", "RFC 3339, microseconds, UTC")]
    payload: Annotated[InstancePayload, record("Nova's own versioned object, unchanged")]


def error_text(error: ValidationError, path: str = "") -> str:
    """Return what msgspec found wrong, with the place first: ``payload.host: expected `str`, got `int```.

    Args:
        error: msgspec's.
        path: where the value that was validated stands; ``""`` for a whole record.
    """
    what, _, where = str(error).partition(" - at `$")
    place = path + where.removesuffix("`")
    return f"{place.removeprefix('.') or 'the value'}: {what[:1].lower()}{what[1:]}"
