"""The values of the derived topics. They are JSON objects, so they are dicts here too, with their shapes as types.

Both carry the tags and the fields of the measurement of the same name (see ``docs/schema.md``), lists as arrays.
"""

from typing import Final, Literal, NotRequired, TypedDict

Status = Literal["running", "ending", "stalled", "completed", "completed_with_errors", "abandoned"]

FINAL_STATUSES: Final[frozenset[Status]] = frozenset({"completed", "completed_with_errors", "abandoned"})

# The value of a record of ours stays below this: with its key and headers it then passes librdkafka's default limit of
# 1,000,000 bytes, and Kafka's of 1 MiB.
MAX_RECORD_BYTES: Final = 900_000


class ImageCounts(TypedDict):
    """On how many of an operation's hosts one image is cached, and on how many it failed."""

    hosts_cached: int
    hosts_failed: int


class Progress(TypedDict):
    """One host's first report: a record of ``precache.progress``.

    ``hosts_*``, ``percent`` (0.0 to 100.0) and ``errors`` (failed (host, image) pairs) stand as after this report.
    ``lists_cut`` is there, and true, when lists had to be cut to keep the record below :data:`MAX_RECORD_BYTES`; the
    counts are still whole.
    """

    cloud: str
    aggregate_uuid: str
    aggregate_name: str
    host: str
    operation: str
    index: int
    hosts_total: int
    hosts_done: int
    hosts_failed: int
    percent: float
    images_cached: list[str]
    images_failed: list[str]
    images_cached_count: int
    images_failed_count: int
    errors: int
    message_id: str
    lists_cut: NotRequired[Literal[True]]


class Operation(TypedDict):
    """What was decided of an operation: a record of ``precache.operations``.

    A processor reads its predecessors' records back: a key that is added later has to be ``NotRequired``.

    Attributes:
        started_at: RFC 3339, UTC; START's time, else the smallest of Nova's.
        ended_at: RFC 3339, UTC; ``""`` while the operation is open.
        duration_s: seconds between them; to the last event while open.
        image_counts: by image.
        time: the time of the operation's point: RFC 3339 with nine digits.
        sequence: from 1, without gaps, within the operation.
        first_offset: the first offset, in the input partition, of this operation.
        final_at: RFC 3339 with milliseconds, on the partition's clock; ``""`` while the operation is open.
        lists_cut: lists had to be cut to keep the record below :data:`MAX_RECORD_BYTES`; the counts are still whole.
    """

    cloud: str
    aggregate_uuid: str
    aggregate_name: str
    operation: str
    status: Status
    revision: int
    hosts_total: int
    hosts_done: int
    hosts_failed: int
    hosts_silent: int
    errors: int
    percent: float
    images: list[str]
    failed_hosts: list[str]
    silent_hosts: list[str]
    started_at: str
    ended_at: str
    duration_s: float
    start_missing: bool
    end_missing: bool
    request_id: str
    project_id: str
    user_id: str
    image_counts: dict[str, ImageCounts]
    time: str
    sequence: int
    first_offset: int
    final_at: str
    lists_cut: bool


class BridgeCounts(TypedDict):
    """What a bridge counted for one cloud since it started."""

    received: int
    forwarded: int
    deadlettered: int
    in_flight: int


class BridgeSign(TypedDict):
    """A bridge's sign of life: a record of type ``io.precache.bridge.v1`` in ``nova.notifications``.

    ``state`` is ``starting`` (before consuming), ``running``, ``resuming`` (before consuming again) or ``stopping``.
    """

    event_type: str
    cloud: str
    instance: str
    version: str
    state: str
    timestamp: str
    counts: BridgeCounts
