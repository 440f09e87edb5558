"""What a partition asks to be done: gathered while records are applied, carried out by the loop."""

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from precache.contract.heartbeat import Heartbeat
from precache.contract.operation import Operation
from precache.contract.progress import Progress
from precache.contract.tables.measurements import Row
from processor.core.explain import Reason

if TYPE_CHECKING:
    from processor.core.operation import OperationState


class Point(Row, frozen=True, gc=False):
    """A host's first report as a row, with the counts as after it; its record goes to ``precache.progress`` too.

    Attributes:
        record: the report.
        moment: the notification's time.
        offset: its record's in the input.
    """

    record: Progress
    moment: datetime
    offset: int


class Decision(NamedTuple):
    """A record for ``precache.operations``; ``at_ms`` is the partition's clock when it was decided."""

    at_ms: int
    record: Operation
    value: bytes


class Refused(NamedTuple):
    """A record of the input that could not be used."""

    ts_ms: int
    offset: int
    key: bytes | None
    value: bytes
    reason: Reason
    detail: str


class HeartbeatRow(Row, frozen=True, gc=False):
    """A bridge's heartbeat as a row, and where it lies in the input."""

    record: Heartbeat
    offset: int


class Effects:
    """Everything that some records and timers led to, in order.

    Attributes:
        points: the hosts that reported.
        decisions: openings, changes of status and revisions, one at most by record or timer.
        refused: for the dead-letter topic.
        heartbeats: the bridges' heartbeats.
        changed: the operations whose row must be written, closed ones included.
        ignored, repeated: records that meant nothing here, and those that brought nothing new.
        ahead: records whose timestamp was too far ahead of wall time; ``ahead_ms``: the largest such timestamp.
    """

    __slots__ = (
        "ahead",
        "ahead_ms",
        "changed",
        "decisions",
        "heartbeats",
        "ignored",
        "points",
        "refused",
        "repeated",
    )

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.decisions: list[Decision] = []
        self.refused: list[Refused] = []
        self.heartbeats: list[HeartbeatRow] = []
        self.changed: dict[OperationState, None] = {}
        self.ignored = 0
        self.repeated = 0
        self.ahead = self.ahead_ms = 0
