"""The partitions of topics whose every record is one point: no state, only a next offset."""

from collections.abc import Mapping
from time import monotonic
from typing import Final, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Message, TopicPartition

from precache.contract.tables.measurements import BY_RECORD, Row
from precache.contract.topics import Role
from precache.kafka.errors import KafkaRetry
from precache.runtime.backoff import backoff_s
from precache.runtime.logs import log
from processor import metrics
from processor.core.effects import Refused
from processor.core.explain import Unreadable
from processor.core.points import point_row
from processor.group.membership import Membership, Place

_CAP_S: Final = 5.0


class PointRecord(NamedTuple):
    """A record that was read: where it lies, when Kafka got it (milliseconds), and its value."""

    place: Place
    offset: int
    ts_ms: int
    value: bytes

    @property
    def origin(self) -> str:
        """Return ``topic/partition/offset``."""
        return f"{self.place.topic}/{self.place.number}/{self.offset}"


class PointPartitions:
    """What this processor reads of such topics, and what a round has read of them.

    Rows are written before the offsets are committed: after a kill in between they are written again, as the same rows.

    Attributes:
        rows: those of this round; ``sources`` has the record of each.
        refused: records of this round that can't be used, and the partition of each.

    Args:
        membership: says which partitions are ours.
        roles: by topic.
        call_s: how long Kafka may take to say what is committed.
    """

    def __init__(self, membership: Membership, roles: Mapping[str, Role], call_s: float) -> None:
        self.rows: list[Row] = []
        self.sources: list[PointRecord] = []
        self.refused: list[tuple[Place, Refused]] = []
        self._membership = membership
        self._roles = roles
        self._call_s = call_s
        self._next: dict[Place, int] = {}
        self._dirty: set[Place] = set()
        self._failed = 0
        self._not_before_s = 0.0

    @property
    def next_offsets(self) -> Mapping[Place, int]:
        """Return, by partition, where to read on; those that are still to be looked up are not among them."""
        return self._next

    @property
    def dirty(self) -> bool:
        """Return whether this round has something to commit."""
        return bool(self._dirty)

    def apply_changes(self) -> None:
        """Let go of what the group took away, and look up where to read what it gave; between rounds only."""
        self.drop_lost()
        new = self._membership.owned_points - self._next.keys()
        if not new or monotonic() < self._not_before_s:
            return
        try:
            for place in sorted(new):
                committed = self._membership.committed(place, self._call_s).offset
                self._next[place] = committed if committed >= 0 else OFFSET_BEGINNING
        except KafkaRetry as error:
            log.warning("processor.points_waiting", topics=sorted({place.topic for place in new}), why=str(error))
            self._not_before_s = monotonic() + backoff_s(self._failed, cap_s=_CAP_S)
            self._failed += 1
        else:
            self._failed = 0

    def drop_lost(self) -> None:
        """Let go of what the group took away since this was last called, and of what this round read there."""
        lost = self._membership.take_lost_points()
        if not lost:
            return
        for place in lost:
            self._next.pop(place, None)
            # It may be ours again, with another next offset, before the client is asked to read something else.
            self._membership.read_anew(place)
        self._dirty -= lost
        kept = [(row, one) for row, one in zip(self.rows, self.sources, strict=True) if one.place not in lost]
        self.rows, self.sources = [row for row, _ in kept], [one for _, one in kept]
        self.refused = [(place, one) for place, one in self.refused if place not in lost]

    def drop_all(self) -> None:
        """Forget what was read, to read it again from what is committed."""
        for place in self._next:
            self._membership.read_anew(place)
        self._next.clear()
        self._begin_round()

    def read_from_start(self, place: Place) -> None:
        """Have a partition read from its first record: what is committed is no longer in the log."""
        if place in self._next:
            self._next[place] = OFFSET_BEGINNING
            self._membership.read_anew(place)

    def take(self, message: Message) -> None:
        """Take a record: its row, or its dead letter, goes out with this round."""
        place = Place.of(message)
        if place not in self._next:
            return  # taken away in this very poll
        offset, ts_ms, value = message.offset() or 0, message.timestamp()[1], message.value() or b""
        self._next[place] = offset + 1
        self._dirty.add(place)
        try:
            row = point_row(self._roles[place.topic], message.key(), value)
        except Unreadable as error:
            self.refused.append((place, Refused(ts_ms, offset, message.key(), value, error.reason, error.detail)))
            return
        if row is not None:
            self.rows.append(row)
            self.sources.append(PointRecord(place, offset, ts_ms, value))

    def offsets(self) -> list[TopicPartition]:
        """Return what this round's commit says of these partitions."""
        return [TopicPartition(place.topic, place.number, self._next[place]) for place in sorted(self._dirty)]

    def end_round(self) -> None:
        """Count what the round's commit has made safe, and begin the next round."""
        for row in self.rows:
            metrics.POINT_ROWS.labels(BY_RECORD[type(row.record)].name).inc()
        self._begin_round()

    def _begin_round(self) -> None:
        self.rows, self.sources, self.refused = [], [], []
        self._dirty.clear()
