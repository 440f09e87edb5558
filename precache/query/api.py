"""How the store is read, whichever it is: one interface, one conformance suite. Read only."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol, Self

import orjson
from msgspec import Struct

from precache.contract.identity import SEPARATOR
from precache.contract.operation import FINAL_STATUSES, Status
from precache.query.records import BridgeState, HostReport, StoredBoot, StoredOperation, WantedImage

# Distinct lists of images: a handful an operation.
_LIST_MEMO_SIZE: Final = 4_096

OPEN_STATUSES: Final[frozenset[Status]] = frozenset({"running", "ending", "stalled"})


class QueryError(Exception):
    """The store can't be read; the text says what is wrong and what to do, and never holds a secret."""


class OperationFilter(Struct, frozen=True, kw_only=True):
    """Which operations: all that match everything that is given.

    Attributes:
        cloud: the cloud's name.
        aggregate: the aggregate's name or id.
        image: one that the operation has reported on.
        statuses: any of these.
        since_ns: it began then or later.
        limit: at most this many, the newest; ``None``: all.
    """

    cloud: str = ""
    aggregate: str = ""
    image: str = ""
    statuses: frozenset[Status] = frozenset()
    since_ns: int = 0
    limit: int | None = None


class BootFilter(Struct, frozen=True, kw_only=True):
    """Which boots: all that match everything that is given; ``since_ns``: they ended then or later."""

    cloud: str = ""
    image: str = ""
    since_ns: int = 0


class WantedFilter(Struct, frozen=True, kw_only=True):
    """Which declared images: all that match everything that is given; ``aggregate``: its name or id."""

    cloud: str = ""
    aggregate: str = ""
    image: str = ""


class HostOutcome(NamedTuple):
    """What one host reported in one operation, less what residency does not ask for. ``time``: nanoseconds."""

    time: int
    cloud: str
    host: str
    operation: str
    cached: frozenset[str]
    failed: frozenset[str]

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self:
        """Return an outcome of a row with these columns, its images as the store's JSON lists."""
        time, cloud, host, operation, cached, failed = row
        return cls(time, cloud, host, operation, _images(cached), _images(failed))


@lru_cache(maxsize=_LIST_MEMO_SIZE)
def _images(text: str) -> frozenset[str]:
    return frozenset(orjson.loads(text))


class Evidence(NamedTuple):
    """What residency is estimated from.

    Attributes:
        operations: those that began in the time that was asked for, the newest first.
        outcomes: what hosts reported in them, in no order; to be read once.
    """

    operations: list[StoredOperation]
    outcomes: Iterable[HostOutcome]


class Reader(Protocol):
    """A store that is read. Every method raises :class:`QueryError`, and nothing else, when the store can't be read."""

    def operations(self, wanted: OperationFilter) -> list[StoredOperation]:
        """Return operations, the last begun first; those that began at one moment by their ids."""
        ...

    def find(self, identity: str) -> list[StoredOperation]:
        """Return the operations that an id names: their own, a request id, a global request id; the first begun first.

        Request ids are unique within a cloud, and Nova takes a global one twice: so there may be several.
        """
        ...

    def reports(self, operation: StoredOperation) -> list[HostReport]:
        """Return the reports of an operation's hosts, by time, then host."""
        ...

    def evidence(self, since_ns: int, cloud: str = "") -> Evidence:
        """Return the operations that began then or later, of one cloud or of all, and what hosts reported in them."""
        ...

    def boots(self, wanted: BootFilter) -> list[StoredBoot]:
        """Return boots, by time, then instance; none where the processor does not write them."""
        ...

    def wanted(self, wanted: WantedFilter) -> list[WantedImage]:
        """Return how each declared image stands, by cloud, aggregate and image; none where no keeper runs.

        An image that is no longer declared is among them, with the state ``removed``.
        """
        ...

    def bridges(self) -> list[BridgeState]:
        """Return the last heartbeat of each bridge for each of its clouds, by cloud and instance."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


def parts_of(identity: str) -> tuple[str, str] | None:
    """Return the cloud and the aggregate's id that an operation's id begins with; ``None`` for a request id."""
    parts = identity.split(SEPARATOR, 2)
    return (parts[0], parts[1]) if len(parts) == 3 else None  # noqa: PLR2004 - the id's three parts


def newest_first(operations: Iterable[StoredOperation]) -> list[StoredOperation]:
    """Return operations in the order of :meth:`Reader.operations`."""
    return sorted(operations, key=lambda each: (-each.time, each.operation))


def latest_wanted(rows: Iterable[WantedImage]) -> list[WantedImage]:
    """Return the last row of each image on each aggregate, in the order of :meth:`Reader.wanted`."""
    latest: dict[tuple[str, str, str], WantedImage] = {}
    for each in sorted(rows, key=lambda each: each.time):
        latest[each.cloud, each.aggregate_uuid, each.image] = each
    return sorted(latest.values(), key=lambda each: (each.cloud, each.aggregate_name, each.aggregate_uuid, each.image))


def oldest_first(operations: Iterable[StoredOperation]) -> list[StoredOperation]:
    """Return operations in the order of :meth:`Reader.find`."""
    return sorted(operations, key=lambda each: (each.time, each.operation))


__all__ = [
    "FINAL_STATUSES",
    "OPEN_STATUSES",
    "BootFilter",
    "Evidence",
    "OperationFilter",
    "QueryError",
    "Reader",
    "WantedFilter",
    "latest_wanted",
    "newest_first",
    "oldest_first",
    "parts_of",
]
