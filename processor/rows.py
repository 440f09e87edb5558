"""From what the core says to the store's rows."""

from collections.abc import Iterator
from typing import Final

from precache.contract.points import point_time_ns
from precache.contract.records import Operation as OperationRecord
from precache.contract.times import ns_from_rfc3339
from processor.core.decode import Sign
from processor.core.effects import Point
from processor.core.operation import Operation
from processor.core.records import operation_record, percent, to_ns
from processor.stores import BridgeRow, ImageRow, OperationRow, ProgressPoint, Row

_new: Final = tuple.__new__  # a NamedTuple's own constructor takes twice as long


def progress_point(point: Point) -> ProgressPoint:
    """Return a host's report as a point."""
    operation, report, total, done, failed, _, _ = point
    cached, failed_images = report.images
    return _new(
        ProgressPoint,
        (
            point_time_ns(to_ns(report.moment), operation.spare),
            operation.cloud,
            operation.aggregate_uuid,
            operation.aggregate_name,
            report.host,
            operation.id,
            report.nth,
            total,
            done,
            failed,
            percent(done, total),
            cached,
            failed_images,
        ),
    )


def bridge_row(sign: Sign) -> BridgeRow:
    """Return a bridge's sign of life as a row."""
    return BridgeRow(
        to_ns(sign.moment),
        sign.cloud,
        sign.instance,
        sign.state,
        sign.version,
        sign.received,
        sign.forwarded,
        sign.deadlettered,
        sign.in_flight,
    )


def operation_rows(operation: Operation) -> Iterator[Row]:
    """Return the rows of an operation: a final one's from its last record alone, an open one's from its facts."""
    return record_rows(operation.record or operation_record(operation))


def record_rows(record: OperationRecord) -> Iterator[Row]:
    """Return the rows that a record tells: its images' once it was final, be it open again now.

    Its images have rows from then on: left as they are while it is open again, they would tell what nothing else does.
    """
    yield operation_row(record)
    if record["revision"]:
        yield from image_rows(record)


def operation_row(record: OperationRecord) -> OperationRow:
    """Return a record of an operation as a row."""
    return OperationRow(
        ns_from_rfc3339(record["time"]),
        record["cloud"],
        record["aggregate_uuid"],
        record["aggregate_name"],
        record["operation"],
        record["status"],
        record["revision"],
        record["hosts_total"],
        record["hosts_done"],
        record["hosts_failed"],
        record["hosts_silent"],
        record["errors"],
        record["percent"],
        record["images"],
        record["failed_hosts"],
        record["silent_hosts"],
        record["started_at"],
        record["ended_at"],
        record["duration_s"],
        record["start_missing"],
        record["end_missing"],
        record["request_id"],
        record["project_id"],
        record["user_id"],
    )


def image_rows(record: OperationRecord) -> Iterator[ImageRow]:
    """Return a record's images as rows."""
    time_ns = ns_from_rfc3339(record["time"])
    for image, counts in record["image_counts"].items():
        yield ImageRow(
            time_ns,
            record["cloud"],
            record["aggregate_uuid"],
            record["aggregate_name"],
            image,
            record["operation"],
            counts["hosts_cached"],
            counts["hosts_failed"],
        )
