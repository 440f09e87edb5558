"""One operation in memory: who it is, what is known of it, and what was decided."""

from typing import TYPE_CHECKING

from precache.contract.identity import operation_id
from precache.contract.operation import FINAL_STATUSES, Operation, Status
from precache.contract.times import ms_from_rfc3339, ns_from_rfc3339, point_time_ns, spare_digits
from processor.core.facts import Facts

if TYPE_CHECKING:
    from processor.core.transitions import State


class OperationState:
    """Facts come from the log, decisions from ``precache.operations``; this holds both.

    Attributes:
        id: ``CLOUD/AGGREGATE_UUID/REQUEST_ID``.
        aggregate_name: the name in the event that opened it.
        first_offset: where that event lies in the input partition.
        time_ns: the time of its point: that event's, with the operation's spare digits.
        status, revision, sequence, final_at_ms: the decision; ``opening`` and zeros until the first.
        record: the last record of a final operation: the only source of its row.
        revise_at_ms: when late events that the last record does not count become a revision; ``None``: there are none.
        armed_ms: the earliest time at which the partition's timers will look at it.
    """

    __slots__ = (
        "aggregate_name",
        "aggregate_uuid",
        "armed_ms",
        "cloud",
        "facts",
        "final_at_ms",
        "first_offset",
        "id",
        "record",
        "request_id",
        "revise_at_ms",
        "revision",
        "sequence",
        "spare",
        "status",
        "time_ns",
    )

    def __init__(
        self, *, cloud: str, aggregate_uuid: str, aggregate_name: str, request_id: str, first_offset: int, at_ns: int
    ) -> None:
        self.id = operation_id(cloud, aggregate_uuid, request_id)
        self.cloud = cloud
        self.aggregate_uuid = aggregate_uuid
        self.aggregate_name = aggregate_name
        self.request_id = request_id
        self.first_offset = first_offset
        self.spare = spare_digits(self.id)
        self.time_ns = point_time_ns(at_ns, self.spare)
        self.facts = Facts()
        self.status: State = "opening"
        self.revision = 0
        self.sequence = 0
        self.final_at_ms: int | None = None
        self.record: Operation | None = None
        self.revise_at_ms: int | None = None
        self.armed_ms: int | None = None

    @classmethod
    def from_record(cls, record: Operation) -> "OperationState":
        """Return an operation with the decision of a record, and no facts yet.

        Raises:
            ValueError: the record is not one of ``precache.operations``.
        """
        operation = cls(
            cloud=record.cloud,
            aggregate_uuid=record.aggregate_uuid,
            aggregate_name=record.aggregate_name,
            request_id=record.request_id,
            first_offset=record.first_offset,
            at_ns=ns_from_rfc3339(record.time),
        )
        operation.status = record.status
        operation.revision = record.revision
        operation.sequence = record.sequence
        if operation.is_final:
            operation.final_at_ms = ms_from_rfc3339(record.final_at)
            operation.record = record
        return operation

    @property
    def is_final(self) -> bool:
        """Whether the last decision was a final one."""
        return self.status in FINAL_STATUSES

    @property
    def unreported(self) -> int:
        """How many events the last record, a final one, does not count; negative while some that it counts are missing.

        Each event that brought something new added a host, START or END, and the record says how many of these it knew.
        """
        record = self.record
        if record is None:
            return 0
        known = record.hosts_done + (not record.start_missing) + (not record.end_missing)
        return self.facts.event_count - known

    def become(self, status: Status, final_at_ms: int | None) -> None:
        """Take a decision: one more record, and one more revision when it is final.

        Args:
            status: the new one, or the same in a new revision.
            final_at_ms: when it became final; ``None`` while it is open.
        """
        self.status = status
        self.final_at_ms = final_at_ms
        self.record = None
        self.revise_at_ms = None
        self.sequence += 1
        if final_at_ms is not None:
            self.revision += 1
