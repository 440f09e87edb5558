"""Nova's image pre-cache notifications, and the value that carries them in Kafka.

Source: Nova's ``notifications/objects/aggregate.py`` and notifications captured from a real nova-conductor.

START and END carry an ``AggregatePayload`` 1.x (``id``, ``uuid``, ``name``, ``hosts``, ``metadata``), each progress an
``AggregateCachePayload`` 1.x (``id``, ``uuid``, ``name``, ``host``, ``images_cached``, ``images_failed``, ``index``,
``total``).
"""

from typing import Any, Final, TypedDict

START: Final = "aggregate.cache_images.start"
PROGRESS: Final = "aggregate.cache_images.progress"
END: Final = "aggregate.cache_images.end"
CACHE_IMAGES: Final = frozenset({START, PROGRESS, END})

# The major version of every payload above that this program reads; another one is refused, never guessed at.
PAYLOAD_MAJOR: Final = "1"

# The only keys of the request's context that leave the cloud. The rest (tokens, roles, service catalogues) stays there.
CONTEXT_KEYS: Final = ("request_id", "global_request_id", "project_id", "user_id")


class Context(TypedDict):
    """The allow-listed part of Nova's request context; each value a string or null."""

    request_id: str | None
    global_request_id: str | None
    project_id: str | None
    user_id: str | None


class Notification(TypedDict):
    """The value of a record in ``nova.notifications``: all that a reader needs, without headers.

    ``timestamp`` is RFC 3339 in UTC with microseconds; ``payload`` is Nova's own versioned object, unchanged.
    """

    event_type: str
    message_id: str
    timestamp: str
    publisher_id: str
    payload: dict[str, Any]
    context: Context
