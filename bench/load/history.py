"""What a store holds after three months: 100,000 operations and 5 million points, made row by row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from msgspec import structs

from precache.contract.identity import operation_id
from precache.contract.operation import ImageResult, Operation
from precache.contract.progress import Progress
from precache.contract.tables.measurements import Row
from precache.contract.times import NS_PER_S, point_time_ns, rfc3339_ns, rfc3339_us, spare_digits

DAYS: Final = 90
DAY_NS: Final = 86_400 * NS_PER_S
# Of every operation: between START and the first report, and from one report to the next.
_STEP_NS: Final = NS_PER_S
# One host in that many fails its last image.
_FAILS_EVERY: Final = 50


def _uuid(text: str) -> str:
    return str(uuid5(NAMESPACE_URL, text))


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One aggregate's hosts, and how often how many images were cached on them."""

    cloud: str
    name: str
    hosts: int
    operations: int
    images: int

    @property
    def uuid(self) -> str:
        """Its id."""
        return _uuid(f"{self.cloud}/{self.name}")

    def host_names(self) -> list[str]:
        """Return its hosts."""
        return [f"{self.name}-{number:04d}.example.org" for number in range(self.hosts)]

    def image_ids(self) -> list[str]:
        """Return the images of each of its operations."""
        return [_uuid(f"{self.name}/image/{number}") for number in range(self.images)]

    def request(self, number: int) -> tuple[str, str]:
        """Return the request id and the global request id of one of its operations, from 0, the newest."""
        return f"req-{_uuid(f'{self.name}/request/{number}')}", f"req-{_uuid(f'{self.name}/global/{number}')}"

    def operation(self, number: int) -> str:
        """Return the id of one of its operations."""
        return operation_id(self.cloud, self.uuid, self.request(number)[0])


RESIDENCY: Final = Aggregate("paris", "five-thousand", hosts=5_000, operations=DAYS, images=20)
DETAIL: Final = Aggregate("paris", "two-thousand", hosts=2_000, operations=DAYS, images=2)


def aggregates(*, clouds: int = 50) -> Iterator[Aggregate]:
    """Yield the aggregates: two large ones in one cloud, and ten small ones in each of many others."""
    yield RESIDENCY
    yield DETAIL
    for cloud in range(clouds):
        for number in range(10):
            yield Aggregate(f"cloud-{cloud:02d}", f"tier-{cloud:02d}-{number:02d}", hosts=44, operations=200, images=2)


def rows(end_ns: int, of: Sequence[Aggregate]) -> Iterator[Row]:
    """Yield all rows of aggregates' operations, the last of which began an hour before ``end_ns``."""
    for aggregate in of:
        hosts, images = aggregate.host_names(), aggregate.image_ids()
        for number in range(aggregate.operations):
            began = end_ns - DAY_NS // 24 - number * DAYS * DAY_NS // aggregate.operations
            yield from _operation(aggregate, number, began - began % 1_000, hosts, images)


def running(now_ns: int, of: Sequence[Aggregate]) -> Iterator[Row]:
    """Yield the rows of one operation of each aggregate that began a minute ago, half of its hosts done."""
    for aggregate in of:
        hosts, images = aggregate.host_names(), aggregate.image_ids()
        began = now_ns - 60 * NS_PER_S
        done = aggregate.hosts // 2
        for row in _operation(aggregate, -1, began - began % 1_000, hosts, images):
            if isinstance(row.record, Progress) and row.record.index <= done:
                yield row
            elif isinstance(row.record, Operation):
                open_ = structs.replace(row.record, status="running", revision=0, ended_at="", final_at="")
                yield Row(row.time_ns, structs.replace(open_, hosts_done=done, percent=100.0 * done / aggregate.hosts))


def _operation(
    aggregate: Aggregate, number: int, began_ns: int, hosts: Sequence[str], images: Sequence[str]
) -> Iterator[Row]:
    operation = aggregate.operation(number)
    spare = spare_digits(operation)
    failed = 0
    for index, host in enumerate(hosts, 1):
        fails = index % _FAILS_EVERY == 0
        failed += fails
        bad = images[-1:] if fails else []
        yield Row(
            point_time_ns(began_ns + index * _STEP_NS, spare),
            Progress(
                cloud=aggregate.cloud,
                aggregate_uuid=aggregate.uuid,
                aggregate_name=aggregate.name,
                host=host,
                operation=operation,
                index=index,
                hosts_total=len(hosts),
                hosts_done=index,
                hosts_failed=failed,
                percent=100.0 * index / len(hosts),
                images_cached=images[:-1] if fails else images,
                images_failed=bad,
                images_cached_count=len(images) - len(bad),
                images_failed_count=len(bad),
                errors=failed,
                message_id="",
                conductor="ctrl01",
            ),
        )
    yield from _end(aggregate, number, point_time_ns(began_ns, spare), images, hosts[_FAILS_EVERY - 1 :: _FAILS_EVERY])


def _end(
    aggregate: Aggregate, number: int, time_ns: int, images: Sequence[str], failed: Sequence[str]
) -> Iterator[Row]:
    request, global_request = aggregate.request(number)
    duration_ns = aggregate.hosts * _STEP_NS
    record = Operation(
        cloud=aggregate.cloud,
        aggregate_uuid=aggregate.uuid,
        aggregate_name=aggregate.name,
        operation=aggregate.operation(number),
        status="completed_with_errors" if failed else "completed",
        revision=1,
        hosts_total=aggregate.hosts,
        hosts_done=aggregate.hosts,
        hosts_failed=len(failed),
        hosts_silent=0,
        errors=len(failed),
        percent=100.0,
        images=images,
        failed_hosts=failed,
        silent_hosts=(),
        started_at=rfc3339_us(time_ns),
        ended_at=rfc3339_us(time_ns + duration_ns),
        duration_s=duration_ns / NS_PER_S,
        start_missing=False,
        end_missing=False,
        request_id=request,
        project_id="",
        user_id="admin",
        image_counts={},
        time=rfc3339_ns(time_ns),
        sequence=2,
        first_offset=0,
        final_at=rfc3339_ns(time_ns + duration_ns),
        lists_cut=False,
        global_request_id=global_request,
        conductor="ctrl01",
    )
    yield Row(time_ns, record)
    for position, image in enumerate(images, 1):
        bad = len(failed) if position == len(images) else 0
        yield Row(
            time_ns,
            ImageResult(
                cloud=aggregate.cloud,
                aggregate_uuid=aggregate.uuid,
                aggregate_name=aggregate.name,
                image=image,
                operation=record.operation,
                hosts_cached=aggregate.hosts - bad,
                hosts_failed=bad,
            ),
        )
