"""What the planner sees of a cloud, made of what Nova, Glance and the store said. Pure."""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence

from keeper.core.declaration import ImageChoice
from keeper.core.observed import (
    ObservedAggregate,
    ObservedHost,
    ObservedHostImage,
    ObservedImage,
    ObservedOperation,
    Result,
)
from precache.contract.times import NS_PER_S, parse_ns
from precache.openstack.api import Aggregate, ComputeHost, Image
from precache.query.records import StoredOperation
from precache.query.residency import HostImage, Residency, start_of

_RESULTS: Mapping[str, Result] = {"failed": "failed", "silent": "silent"}


class HostClock:
    """Remembers since when each host has been in its aggregate and up."""

    def __init__(self) -> None:
        # By aggregate and host; None: it was so when the keeper first looked.
        self._since: MutableMapping[tuple[str, str], float | None] = {}
        self._looked = False

    def hosts(self, aggregate: Aggregate, up: Mapping[str, bool], now_s: float) -> list[ObservedHost]:
        """Return an aggregate's hosts; one that Nova's list of services lacks counts as up."""
        return [self._host(aggregate.uuid, name, is_up=up.get(name, True), now_s=now_s) for name in aggregate.hosts]

    def end_look(self, aggregates: Iterable[Aggregate]) -> None:
        """Note that all aggregates were looked at; what is no longer there is forgotten."""
        self._looked = True
        there = {(each.uuid, name) for each in aggregates for name in each.hosts}
        for key in self._since.keys() - there:
            del self._since[key]

    def _host(self, uuid: str, name: str, *, is_up: bool, now_s: float) -> ObservedHost:
        if not is_up:
            self._since.pop((uuid, name), None)
            # Once it is back, it is one that came back, also for a keeper that has just begun.
            return ObservedHost(name, up=False)
        since_s = self._since.setdefault((uuid, name), now_s if self._looked else None)
        return ObservedHost(name, up=True, since_s=since_s)


def observed_aggregates(
    aggregates: Sequence[Aggregate], services: Sequence[ComputeHost], clock: HostClock, now_s: float
) -> list[ObservedAggregate]:
    """Return aggregates as the planner takes them."""
    up = {each.name: each.up for each in services}
    made = [ObservedAggregate(each.id, each.uuid, each.name, clock.hosts(each, up, now_s)) for each in aggregates]
    clock.end_look(aggregates)
    return made


def observed_images(choice: ImageChoice, found: Iterable[Image]) -> list[ObservedImage]:
    """Return images that Glance found for a choice: they have the properties that it was asked for."""
    properties = dict(choice.properties)
    return [ObservedImage(each.id, each.name, each.status, each.created_at, properties) for each in found]


def merged(images: Iterable[ObservedImage]) -> list[ObservedImage]:
    """Return images once each, with the properties that any choice found them by."""
    by_id: dict[str, ObservedImage] = {}
    for each in images:
        before = by_id.get(each.id)
        known = {} if before is None else before.properties
        by_id[each.id] = ObservedImage(each.id, each.name, each.status, each.created_at, {**known, **each.properties})
    return list(by_id.values())


def observed_operation(row: StoredOperation) -> ObservedOperation:
    """Return an operation as the planner takes it; of an open one the duration runs to its last event."""
    started_ns = start_of(row)
    ended_ns = parse_ns(row.ended_at) if row.ended_at else started_ns + int(row.duration_s * NS_PER_S)
    return ObservedOperation(
        id=row.operation,
        aggregate_uuid=row.aggregate_uuid,
        global_request_id=row.global_request_id,
        status=row.status,
        images=row.images,
        hosts_total=row.hosts_total,
        hosts_done=row.hosts_done,
        started_s=started_ns / NS_PER_S,
        last_event_s=ended_ns / NS_PER_S,
    )


def observed_residency(found: Iterable[Residency]) -> dict[tuple[str, str], dict[str, ObservedHostImage]]:
    """Return, by aggregate's uuid and image, what is known of each host."""
    known: dict[tuple[str, str], dict[str, ObservedHostImage]] = {}
    for each in found:
        for pair in each.pairs:
            if pair.state != "missing":
                known.setdefault((each.aggregate_uuid, pair.image), {})[pair.host] = _host_image(pair)
    return known


def _host_image(pair: HostImage) -> ObservedHostImage:
    touched_s = pair.touched / NS_PER_S if pair.touched else None
    return ObservedHostImage(_RESULTS.get(pair.state, "cached"), touched_s)
