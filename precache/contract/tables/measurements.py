"""The store's measurements, each made from the record that it keeps: names, tags, fields, their types and units.

The encoder of line protocol, SQLite's tables and the tables of ``docs/schema.md`` all follow :data:`MEASUREMENTS`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from msgspec import Meta, Struct, structs

from precache.contract.heartbeat import Heartbeat
from precache.contract.operation import ImageResult, Operation
from precache.contract.progress import Progress
from precache.contract.tables import fields
from precache.contract.tables.boot import Boot
from precache.contract.wanted import Wanted

Record = Progress | Operation | ImageResult | Heartbeat | Boot | Wanted


class Row(Struct, frozen=True):
    """What a store keeps: a record's tags and fields, at a time (nanoseconds since the epoch).

    Tags and time together are the key: a later row with the same key replaces the older one.
    """

    time_ns: int
    record: Record


class Kind(Enum):
    """What a field holds, and so how it is written."""

    INTEGER = "integer"
    FLOAT = "float"
    STRING = "string"
    BOOLEAN = "boolean"
    LIST = "JSON list"
    NAMES = "JSON list, cut"  # at a whole name; the count stands in a field beside it


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a measurement.

    Attributes:
        name: what it is called in the store.
        path: where it stands in the record.
        kind: how it is written.
        unit: for the reader of the schema.
        meaning: likewise.
        added: it came after version 1.0: a row of an older version lacks it, and it is then empty.
    """

    name: str
    path: str
    kind: Kind
    unit: str
    meaning: str
    added: bool


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag of a measurement: its name, in the store and in the record, and its meaning."""

    name: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement (InfluxDB) or table (SQLite): which record goes there, under which names."""

    name: str
    record: type[Record]
    tags: tuple[Tag, ...]
    fields: tuple[Field, ...]

    def columns(self) -> tuple[str, ...]:
        """Return the order of the values that a store is handed: tags as InfluxDB sorts them, fields, time."""
        return (*self.sorted_tags(), *(field.name for field in self.fields), "time")

    def sorted_tags(self) -> tuple[str, ...]:
        """Return the names of the tags, as InfluxDB sorts them."""
        return tuple(sorted(tag.name for tag in self.tags))

    def values(self) -> Callable[[Record], tuple[Any, ...]]:
        """Return what takes a record's values out of it: in the order of :meth:`columns`, but for the time."""
        return attrgetter(*self.sorted_tags(), *(field.path for field in self.fields))


def keys(shape: type[Struct]) -> Iterator[tuple[str, Any, Meta, bool]]:
    """Yield a record's keys: name, type, what its annotation says, and whether it may be absent."""
    for info in structs.fields(shape):
        annotated = get_origin(info.type) is Annotated
        kind, meta = get_args(info.type)[:2] if annotated else (info.type, Meta())
        yield info.name, kind, meta, not info.required


def role(meta: Meta) -> str:
    """Return where a key is kept: one of the roles of :mod:`precache.contract.tables.fields`."""
    return str((meta.extra or {}).get(fields.ROLE, ""))


def _fields(shape: type[Struct], prefix: str = "") -> Iterator[Field]:
    for name, kind, meta, added in keys(shape):
        if isinstance(kind, type) and issubclass(kind, Struct):
            yield from _fields(kind, f"{prefix}{name}.")
        elif role(meta) in {fields.FIELD, fields.NAMES}:
            unit = str((meta.extra or {})[fields.UNIT])
            yield Field(name, prefix + name, _kind(kind, meta), unit, meta.description or "", added)


_KINDS: Final[dict[Any, Kind]] = {
    int: Kind.INTEGER,
    float: Kind.FLOAT,
    str: Kind.STRING,
    bool: Kind.BOOLEAN,
    Sequence[str]: Kind.LIST,
}


def _kind(kind: Any, meta: Meta) -> Kind:
    if role(meta) == fields.NAMES:
        return Kind.NAMES
    return Kind.STRING if get_origin(kind) is Literal else _KINDS[kind]


def _measurement(name: str, shape: type[Record]) -> Measurement:
    tags = (Tag(key, meta.description or "") for key, _, meta, _ in keys(shape) if role(meta) == fields.TAG)
    return Measurement(name, shape, tuple(tags), tuple(_fields(shape)))


MEASUREMENTS: Final[tuple[Measurement, ...]] = (
    _measurement("precache_progress", Progress),
    _measurement("precache_operation", Operation),
    _measurement("precache_image", ImageResult),
    _measurement("precache_bridge", Heartbeat),
    _measurement("precache_boot", Boot),
    _measurement("precache_wanted", Wanted),
)
BY_RECORD: Final[dict[type[Record], Measurement]] = {each.record: each for each in MEASUREMENTS}
