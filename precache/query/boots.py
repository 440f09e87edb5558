"""What pre-caching bought: how long instances took to boot where their image was resident, and where it was not. Pure.

An image was resident when the instance was created if a report, or the end of an earlier boot from it on that host, had
touched it by then, and Nova had not had the time to purge it since. An estimate, as residency is.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import ceil
from statistics import median
from typing import Final

from msgspec import Struct

from precache.contract.times import NS_PER_S
from precache.query.api import Evidence
from precache.query.records import StoredBoot
from precache.query.residency import AggregateKey, Question, start_of

UNKNOWN: Final = "unknown"
_P95: Final = 0.95


class BootTimes(Struct, frozen=True, kw_only=True):
    """Instances that booted from one image on the hosts of one aggregate. Times are seconds; 0.0 where there are none.

    Attributes:
        aggregate_uuid, aggregate_name: ``unknown`` for hosts that no operation placed in an aggregate.
        resident: instances whose image was on the host; then the median and the 95th percentile of their times.
        absent: the same of those whose image was not, as far as is known.
        failed: instances that did not become active; their times count nowhere.
    """

    cloud: str
    aggregate_uuid: str
    aggregate_name: str
    image: str
    resident: int
    resident_median_s: float
    resident_p95_s: float
    absent: int
    absent_median_s: float
    absent_p95_s: float
    failed: int


class _Gathered:
    def __init__(self) -> None:
        self.resident: list[float] = []
        self.absent: list[float] = []
        self.failed = 0


def boot_times(boots: Sequence[StoredBoot], evidence: Evidence, question: Question, since_ns: int) -> list[BootTimes]:
    """Return the times by cloud, aggregate and image. A host that is in several aggregates counts in each.

    Args:
        boots: by time; from as long before ``since_ns`` as Nova keeps an image.
        evidence: likewise.
        question: narrows it down, and says when Nova purges.
        since_ns: boots that ended before that count as touches alone.
    """
    touches, members = _touches(boots, evidence)
    names = {(each.cloud, each.aggregate_uuid): each.aggregate_name for each in reversed(evidence.operations)}
    gathered: dict[tuple[str, str, str], _Gathered] = defaultdict(_Gathered)
    for boot in boots:
        if boot.time < since_ns or question.image not in {"", boot.image}:
            continue
        for uuid in members.get((boot.cloud, boot.host)) or {UNKNOWN}:
            name = names.get((boot.cloud, uuid), UNKNOWN)
            if question.aggregate in {"", uuid, name}:
                purge_after = int(question.purge_after_s(boot.cloud, uuid, name) * NS_PER_S)
                found = touches.get((boot.cloud, boot.host, boot.image), [])
                _note(gathered[boot.cloud, uuid, boot.image], boot, found, purge_after)
    made = [_figures((cloud, uuid), names, image, each) for (cloud, uuid, image), each in gathered.items()]
    return sorted(made, key=lambda each: (each.cloud, each.aggregate_name, each.aggregate_uuid, each.image))


def _touches(
    boots: Iterable[StoredBoot], evidence: Evidence
) -> tuple[dict[tuple[str, str, str], list[tuple[int, int]]], dict[tuple[str, str], set[str]]]:
    """Return, for hosts with boots: when an image was seen and when it was touched; and the aggregates of each host."""
    images: dict[tuple[str, str], set[str]] = defaultdict(set)
    touches: dict[tuple[str, str, str], list[tuple[int, int]]] = defaultdict(list)
    for boot in boots:
        images[boot.cloud, boot.host].add(boot.image)
        if boot.result == "active":
            touches[boot.cloud, boot.host, boot.image].append((boot.time, _created(boot)))
    operations = {each.operation: each for each in evidence.operations}
    members: dict[tuple[str, str], set[str]] = defaultdict(set)
    for outcome in evidence.outcomes:
        booted = images.get((outcome.cloud, outcome.host))
        if booted is not None:
            operation = operations[outcome.operation]
            members[outcome.cloud, outcome.host].add(operation.aggregate_uuid)
            if not operation.start_missing:
                for image in booted & outcome.cached:
                    touches[outcome.cloud, outcome.host, image].append((outcome.time, start_of(operation)))
    return touches, members


def _created(boot: StoredBoot) -> int:
    return boot.time - int(boot.duration_s * NS_PER_S)


def _note(gathered: _Gathered, boot: StoredBoot, touches: Iterable[tuple[int, int]], purge_after: int) -> None:
    if boot.result != "active":
        gathered.failed += 1
        return
    created = _created(boot)
    touched = max((touched for seen, touched in touches if seen <= created), default=None)
    is_resident = touched is not None and created < touched + purge_after
    (gathered.resident if is_resident else gathered.absent).append(boot.duration_s)


def _figures(key: AggregateKey, names: dict[AggregateKey, str], image: str, gathered: _Gathered) -> BootTimes:
    return BootTimes(
        cloud=key[0],
        aggregate_uuid=key[1],
        aggregate_name=names.get(key, UNKNOWN),
        image=image,
        resident=len(gathered.resident),
        resident_median_s=_median(gathered.resident),
        resident_p95_s=_p95(gathered.resident),
        absent=len(gathered.absent),
        absent_median_s=_median(gathered.absent),
        absent_p95_s=_p95(gathered.absent),
        failed=gathered.failed,
    )


def _median(values: Sequence[float]) -> float:
    return median(values) if values else 0.0


def _p95(values: Sequence[float]) -> float:
    """Return the 95th percentile by nearest rank: a value that was measured."""
    return sorted(values)[ceil(_P95 * len(values)) - 1] if values else 0.0
