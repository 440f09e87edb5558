"""The rows that a store keeps, and what each is called there: measurement, tags, fields and their types.

:data:`MEASUREMENTS` is the one place that says so: the encoder of line protocol, SQLite's tables and the check of
``docs/schema.md`` all follow it. A row's attributes stand in this order: time, tags, fields.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple


class ProgressPoint(NamedTuple):
    """One host's report in one operation.

    ``time_ns`` is the notification's, with the operation's spare digits (``precache.contract.points``); the counts and
    ``percent`` (0.0 to 100.0) stand as after this report. Source: Nova's ``aggregate.cache_images.progress``.
    """

    time_ns: int
    cloud: str
    aggregate_uuid: str
    aggregate_name: str
    host: str
    operation: str
    index: int  # type: ignore[assignment]  # Nova's name; nobody looks up a value's place in a row
    hosts_total: int
    hosts_done: int
    hosts_failed: int
    percent: float
    images_cached: Sequence[str]
    images_failed: Sequence[str]


class OperationRow(NamedTuple):
    """An operation as last decided. ``time_ns`` is its first event's and never changes: a newer row replaces it.

    The lists are complete: the store cuts what it cannot hold. Times are RFC 3339, ``""`` while there is none.
    """

    time_ns: int
    cloud: str
    aggregate_uuid: str
    aggregate_name: str
    operation: str
    status: str
    revision: int
    hosts_total: int
    hosts_done: int
    hosts_failed: int
    hosts_silent: int
    errors: int
    percent: float
    images: Sequence[str]
    failed_hosts: Sequence[str]
    silent_hosts: Sequence[str]
    started_at: str
    ended_at: str
    duration_s: float
    start_missing: bool
    end_missing: bool
    request_id: str
    project_id: str
    user_id: str


class ImageRow(NamedTuple):
    """On how many hosts of a finished operation one image is cached, and on how many it failed; at its time."""

    time_ns: int
    cloud: str
    aggregate_uuid: str
    aggregate_name: str
    image: str
    operation: str
    hosts_cached: int
    hosts_failed: int


class BridgeRow(NamedTuple):
    """A bridge's sign of life, at its own time; the counts are since that bridge started."""

    time_ns: int
    cloud: str
    instance: str
    state: str
    version: str
    received: int
    forwarded: int
    deadlettered: int
    in_flight: int


Row = ProgressPoint | OperationRow | ImageRow | BridgeRow


class Kind(Enum):
    """What a field holds, and so how it is written."""

    INTEGER = "integer"
    FLOAT = "float"
    STRING = "string"
    BOOLEAN = "boolean"
    LIST = "JSON list"
    NAMES = "JSON list, cut"  # at a whole name, by MAX_NAMES_BYTES; the count stands in a field beside it
    COUNT = "count"  # of the list that Field.of names; the row itself has no such attribute


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a measurement: its name, its kind, its unit for the reader of the schema."""

    name: str
    kind: Kind
    unit: str = ""
    of: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement (InfluxDB) or table (SQLite): which row goes there, under which names."""

    name: str
    row: type[Row]
    tags: tuple[str, ...]
    fields: tuple[Field, ...]

    def columns(self) -> tuple[str, ...]:
        """Return the order of the values that a store is handed: tags as InfluxDB sorts them, fields, time."""
        return (*sorted(self.tags), *(field.name for field in self.fields), "time")


_PROGRESS: Final = Measurement(
    "precache_progress",
    ProgressPoint,
    ("cloud", "aggregate_uuid", "aggregate_name", "host"),
    (
        Field("operation", Kind.STRING),
        Field("index", Kind.INTEGER),
        Field("hosts_total", Kind.INTEGER, "hosts"),
        Field("hosts_done", Kind.INTEGER, "hosts"),
        Field("hosts_failed", Kind.INTEGER, "hosts"),
        Field("percent", Kind.FLOAT, "%"),
        Field("images_cached", Kind.LIST),
        Field("images_failed", Kind.LIST),
        Field("images_cached_count", Kind.COUNT, "images", of="images_cached"),
        Field("images_failed_count", Kind.COUNT, "images", of="images_failed"),
    ),
)

_OPERATION: Final = Measurement(
    "precache_operation",
    OperationRow,
    ("cloud", "aggregate_uuid", "aggregate_name"),
    (
        Field("operation", Kind.STRING),
        Field("status", Kind.STRING),
        Field("revision", Kind.INTEGER),
        Field("hosts_total", Kind.INTEGER, "hosts"),
        Field("hosts_done", Kind.INTEGER, "hosts"),
        Field("hosts_failed", Kind.INTEGER, "hosts"),
        Field("hosts_silent", Kind.INTEGER, "hosts"),
        Field("errors", Kind.INTEGER, "(host, image) pairs"),
        Field("percent", Kind.FLOAT, "%"),
        Field("images", Kind.LIST),
        Field("failed_hosts", Kind.NAMES),
        Field("silent_hosts", Kind.NAMES),
        Field("started_at", Kind.STRING, "RFC 3339"),
        Field("ended_at", Kind.STRING, "RFC 3339"),
        Field("duration_s", Kind.FLOAT, "s"),
        Field("start_missing", Kind.BOOLEAN),
        Field("end_missing", Kind.BOOLEAN),
        Field("request_id", Kind.STRING),
        Field("project_id", Kind.STRING),
        Field("user_id", Kind.STRING),
    ),
)

_IMAGE: Final = Measurement(
    "precache_image",
    ImageRow,
    ("cloud", "aggregate_uuid", "aggregate_name", "image"),
    (
        Field("operation", Kind.STRING),
        Field("hosts_cached", Kind.INTEGER, "hosts"),
        Field("hosts_failed", Kind.INTEGER, "hosts"),
    ),
)

_BRIDGE: Final = Measurement(
    "precache_bridge",
    BridgeRow,
    ("cloud", "instance"),
    (
        Field("state", Kind.STRING),
        Field("version", Kind.STRING),
        Field("received", Kind.INTEGER, "messages"),
        Field("forwarded", Kind.INTEGER, "messages"),
        Field("deadlettered", Kind.INTEGER, "messages"),
        Field("in_flight", Kind.INTEGER, "messages"),
    ),
)

MEASUREMENTS: Final[tuple[Measurement, ...]] = (_PROGRESS, _OPERATION, _IMAGE, _BRIDGE)
BY_ROW: Final[dict[type[Row], Measurement]] = {measurement.row: measurement for measurement in MEASUREMENTS}
