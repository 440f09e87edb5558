"""What is asked of an InfluxDB, and how little of it: lists of images are long, so they are read where they differ."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Any, Final, TypeVar

from msgspec import Struct

from precache.config.store import InfluxStoreConfig
from precache.query.api import (
    BootFilter,
    Evidence,
    HostOutcome,
    OperationFilter,
    WantedFilter,
    latest_wanted,
    newest_first,
    oldest_first,
    parts_of,
)
from precache.query.influxdb.http import Influx
from precache.query.influxdb.influxql import conditions_of, either, equal, select
from precache.query.periods import ALWAYS, SLACK_NS, Period, period_of
from precache.query.records import BridgeState, HostReport, StoredBoot, StoredOperation, WantedImage, maker, names_of

T = TypeVar("T", bound=Struct)

_OPERATIONS: Final = "precache_operation"
_PROGRESS: Final = "precache_progress"
_COUNTS: Final = ("cloud", "host", "operation", "images_cached_count", "images_failed_count")
_LISTS: Final = ("cloud", "host", "operation", "images_cached", "images_failed")
# Most questions are about what was lately: the index alone then passes over the months before.
_WINDOWS: Final[tuple[list[str], ...]] = (["time >= now() - 2d"], ["time >= now() - 16d"], [])
_WANTED_TAGS: Final = ("cloud", "aggregate_uuid", "aggregate_name", "image")
_REQUESTS: Final = ("request_id", "global_request_id")
_BRIDGE_FIELDS: Final = ("version", "received", "forwarded", "deadlettered", "in_flight")


class InfluxReader:
    """A :class:`precache.query.api.Reader` of one bucket."""

    def __init__(self, config: InfluxStoreConfig) -> None:
        self._influx = Influx(config)

    def operations(self, wanted: OperationFilter) -> list[StoredOperation]:
        """See :meth:`precache.query.api.Reader.operations`."""
        conditions = conditions_of(wanted)
        if wanted.limit is not None:
            # One field shows how far back to look; the others are then read from there on, which takes a tenth.
            first = self._time_of_last(wanted.limit, conditions)
            if first is None:
                return []
            conditions.append(f"time >= {first}")
        return newest_first(self._operations(conditions))[: wanted.limit]

    def _time_of_last(self, count: int, conditions: Sequence[str]) -> int | None:
        """Return the time of the newest operation but ``count - 1``, or of the oldest; ``None``: there are none."""
        times: list[int] = []
        for window in _WINDOWS:
            query = select(["operation"], _OPERATIONS, [*conditions, *window], newest_first=True, limit=count)
            times = [row[0] for _, rows in self._influx.rows(query) for row in rows]
            if len(times) == count:
                break
        return times[-1] if times else None

    def _operations(self, conditions: Iterable[str]) -> Iterator[StoredOperation]:
        return self._records(StoredOperation, select(_columns(StoredOperation), _OPERATIONS, conditions))

    def find(self, identity: str) -> list[StoredOperation]:
        """See :meth:`precache.query.api.Reader.find`."""
        if not identity:
            return []
        if (parts := parts_of(identity)) is not None:
            return oldest_first(self._operations(equal(cloud=parts[0], aggregate_uuid=parts[1], operation=identity)))
        # Field by field, beside each other: a scan of one takes a third of a scan of both with the operation's id.
        with ThreadPoolExecutor(len(_REQUESTS)) as pool:
            places = set().union(*pool.map(self._places, _REQUESTS, repeat(identity)))
        found = [each for place in places for each in self._at(*place)]
        return oldest_first(each for each in found if identity in {each.request_id, each.global_request_id})

    def _places(self, field: str, request: str) -> set[tuple[int, str, str]]:
        """Return time, cloud and aggregate of the operations that have a request's id in a field."""
        query = select([field, "cloud", "aggregate_uuid"], _OPERATIONS, equal(**{field: request}))
        return {(row[0], row[2], row[3]) for _, rows in self._influx.rows(query) for row in rows}

    def _at(self, time: int, cloud: str, aggregate_uuid: str) -> Iterator[StoredOperation]:
        return self._operations([*equal(cloud=cloud, aggregate_uuid=aggregate_uuid), f"time = {time}"])

    def reports(self, operation: StoredOperation) -> list[HostReport]:
        """See :meth:`precache.query.api.Reader.reports`."""
        found = self._reports_in(period_of(operation), operation)
        if len(found) < operation.hosts_done:
            found = self._reports_in(ALWAYS, operation)
        return sorted(found, key=lambda each: (each.time, each.host))

    def _reports_in(self, period: Period, operation: StoredOperation) -> list[HostReport]:
        conditions = equal(
            cloud=operation.cloud,
            aggregate_uuid=operation.aggregate_uuid,
            aggregate_name=operation.aggregate_name,
            operation=operation.operation,
        )
        query = select(_columns(HostReport), _PROGRESS, [*conditions, *_within(period)])
        return list(self._records(HostReport, query))

    def evidence(self, since_ns: int, cloud: str = "") -> Evidence:
        """See :meth:`precache.query.api.Reader.evidence`."""
        operations = self.operations(OperationFilter(cloud=cloud, since_ns=since_ns))
        conditions = [*equal(cloud=cloud), *_within(Period(max(0, since_ns - SLACK_NS), ALWAYS.last_ns))]
        return Evidence(operations, self._outcomes(conditions, {each.operation: each for each in operations}))

    def _outcomes(self, conditions: Sequence[str], known: Mapping[str, StoredOperation]) -> Iterator[HostOutcome]:
        """Yield reports: where nothing failed and as many images are cached as were asked for, it is those."""
        whole = {name: frozenset(each.images) for name, each in known.items()}
        odd: set[str] = set()
        for time, cloud, host, operation, cached, failed in self._tuples(_COUNTS, conditions):
            if operation not in known:
                continue
            if not failed and cached == len(whole[operation]):
                yield HostOutcome(time, cloud, host, operation, whole[operation], frozenset())
            elif not failed:
                odd.add(operation)
        for row in self._tuples(_LISTS, [*conditions, "images_failed_count > 0"]):
            if row[3] in known:
                yield HostOutcome.of(row)
        for operation in sorted(odd):
            yield from self._odd_outcomes(known[operation], len(whole[operation]))

    def _odd_outcomes(self, operation: StoredOperation, images: int) -> Iterator[HostOutcome]:
        """Yield the reports of an operation that failed nothing and cached another number of images than it has."""
        for report in self._reports_in(ALWAYS, operation):
            cached = frozenset(report.images_cached)
            if not report.images_failed and len(report.images_cached) != images:
                yield HostOutcome(report.time, report.cloud, report.host, report.operation, cached, frozenset())

    def _tuples(self, columns: Sequence[str], conditions: Iterable[str]) -> Iterator[Sequence[Any]]:
        for _, rows in self._influx.rows(select(columns, _PROGRESS, conditions)):
            yield from rows

    def boots(self, wanted: BootFilter) -> list[StoredBoot]:
        """See :meth:`precache.query.api.Reader.boots`."""
        conditions = [*equal(cloud=wanted.cloud, image=wanted.image), f"time >= {wanted.since_ns}"]
        found = self._records(StoredBoot, select(_columns(StoredBoot), "precache_boot", conditions))
        return sorted(found, key=lambda each: (each.time, each.instance))

    def wanted(self, wanted: WantedFilter) -> list[WantedImage]:
        """See :meth:`precache.query.api.Reader.wanted`."""
        conditions = equal(cloud=wanted.cloud, image=wanted.image)
        if wanted.aggregate:
            conditions.append(either(aggregate_uuid=wanted.aggregate, aggregate_name=wanted.aggregate))
        fields = ", ".join(name for name in _columns(WantedImage) if name not in {*_WANTED_TAGS, "state"})
        where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
        tags = ", ".join(f'"{tag}"' for tag in _WANTED_TAGS)
        query = f"SELECT last(state) AS state, {fields} FROM precache_wanted {where}GROUP BY {tags}"  # noqa: S608
        return latest_wanted(self._records(WantedImage, query))

    def bridges(self) -> list[BridgeState]:
        """See :meth:`precache.query.api.Reader.bridges`."""
        fields = ", ".join(_BRIDGE_FIELDS)
        query = f'SELECT last(state) AS state, {fields} FROM precache_bridge GROUP BY "cloud", "instance"'  # noqa: S608
        return sorted(self._records(BridgeState, query), key=lambda each: (each.cloud, each.instance))

    def close(self) -> None:
        """See :meth:`precache.query.api.Reader.close`: each request has a connection of its own."""

    def _records(self, shape: type[T], query: str) -> Iterator[T]:
        for columns, rows in self._influx.rows(query):
            yield from map(maker(shape, columns), rows)


def _columns(shape: type[Struct]) -> list[str]:
    return [name for name in names_of(shape) if name != "time"]


def _within(period: Period) -> list[str]:
    return [f"time >= {period.first_ns}", f"time <= {period.last_ns}"]
