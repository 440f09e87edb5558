"""From what the core says to the store's rows."""

from collections.abc import Iterator

from precache.contract.operation import ImageResult, Operation
from precache.contract.tables.measurements import Row
from precache.contract.times import ns_from_rfc3339
from processor.core.operation import OperationState
from processor.core.records import operation_record


def operation_rows(operation: OperationState) -> Iterator[Row]:
    """Return the rows of an operation: a final one's from its last record alone, an open one's from its facts."""
    return record_rows(operation.record or operation_record(operation))


def record_rows(record: Operation) -> Iterator[Row]:
    """Return the rows that a record makes: its images' once it was final, also if it is open again.

    Its images have rows from then on: left as they are while it is open again, they would say what nothing else does.
    """
    time_ns = ns_from_rfc3339(record.time)
    yield Row(time_ns, record)
    if record.revision:
        for image, counts in record.image_counts.items():
            yield Row(
                time_ns,
                ImageResult(
                    cloud=record.cloud,
                    aggregate_uuid=record.aggregate_uuid,
                    aggregate_name=record.aggregate_name,
                    image=image,
                    operation=record.operation,
                    hosts_cached=counts.hosts_cached,
                    hosts_failed=counts.hosts_failed,
                ),
            )
