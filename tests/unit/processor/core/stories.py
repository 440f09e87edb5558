"""Hypothesis: what may happen to operations, and a partition that may be cut anywhere by restarts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from msgspec import convert, to_builtins

from precache.contract.operation import Operation as OperationRecord
from precache.contract.tables.measurements import BY_RECORD, Row
from processor.core.effects import Effects
from processor.core.partition import MAX_AHEAD_MS, Partition
from processor.core.records import operation_record
from processor.core.settings import Timers
from processor.group import commit_metadata as commits
from processor.group.assigned_partition import AssignedPartition
from processor.output.rows import operation_rows
from processor.stores.api import WriteReport
from tests.support.events import Event, Source

TIMERS = Timers(grace_period_ms=5_000, stall_after_ms=60_000, abandon_after_ms=300_000, allowed_lateness_ms=100_000_000)
SHORT = Timers(
    grace_period_ms=50, stall_after_ms=200, abandon_after_ms=700, allowed_lateness_ms=300, revise_after_ms=90
)
IMAGES = ("image-1", "image-2")
HOSTS = tuple(f"host{number}" for number in range(4))
GAPS_MS = (0, 1, 40, 60, 250, 800, -20, -120)
# By so much, over a whole story, records' timestamps may go back.
BACKWARDS_MS = 100_000
# What somebody else may write: a key that names no aggregate, or another one than the payload; a value that is none.
JUNK = (
    Event(b"paris", Source().start(HOSTS).body),
    Event(b"paris/another", Source().report("host0").body),
    Event(b"", {"event_type": "aggregate.cache_images.start"}),
)


@st.composite
def operations(draw: st.DrawFn, source: Source | None = None) -> list[Event]:
    """Return the events of one operation, each once: START and END may be missing or not tell the hosts, a host may be
    silent, or one that nobody named."""
    source = source or Source()
    hosts = draw(st.lists(st.sampled_from(HOSTS), unique=True))
    events = []
    if draw(st.booleans()):
        events.append(source.start(draw(st.sampled_from([hosts, None, hosts[:2]])), draw(st.integers(0, 3_000_000))))
    for host in draw(st.lists(st.sampled_from((*HOSTS, "stranger")), unique=True)):
        images = draw(st.lists(st.sampled_from(IMAGES), unique=True))
        cut = draw(st.integers(0, len(images)))
        events.append(
            source.report(
                host,
                images[:cut],
                images[cut:],
                draw(st.integers(0, 3_000_000)),
                index=draw(st.integers(0, 9)),
                total=draw(st.sampled_from([len(hosts), len(hosts) + 1, 1])),
                conductor=draw(st.sampled_from(["ctrl01", "ctrl02"])),
            )
        )
    if draw(st.booleans()) or not events:
        events.append(source.end(draw(st.sampled_from([hosts, None])), draw(st.integers(0, 3_000_000))))
    for event in events:
        event.body["context"]["global_request_id"] = draw(st.sampled_from([None, "req-a", "req-b"]))
    return events


@dataclass(frozen=True)
class Step:
    """One record (``event``) or, without one, wall time (``advance``), ``gap_ms`` after the step before.

    The record is stamped ``ahead_ms`` later than it was written.
    """

    gap_ms: int
    event: Event | None
    ahead_ms: int = 0


@st.composite
def stories(draw: st.DrawFn) -> list[Step]:
    """Return a log of some operations, interleaved, with repetitions, and wall time in between."""
    sources = [
        Source(),
        Source(request="req-2"),
        Source(cloud="london"),
        Source(name="renamed", request="req-3"),
    ]
    events = [
        event
        for source in draw(st.lists(st.sampled_from(sources), min_size=1, max_size=3, unique=True))
        for event in draw(operations(source))
    ]
    chosen = draw(st.lists(st.sampled_from([*events, *JUNK, None]), min_size=len(events), max_size=2 * len(events) + 3))
    return [Step(draw(st.sampled_from(GAPS_MS)), event) for event in chosen]


class Table:
    """A store that keeps the last row of the same measurement, tags and time."""

    def __init__(self) -> None:
        self.rows: dict[tuple[object, ...], dict[str, Any]] = {}

    def check(self) -> None:
        """Nothing to check."""

    def write(self, rows: Sequence[Row]) -> WriteReport:
        for row in rows:
            self.rows[_series(row)] = _stored(row)
        return WriteReport()

    def interrupt(self) -> None:
        """Nothing to interrupt."""

    def close(self) -> None:
        """Nothing to close."""


def _stored(row: Row) -> dict[str, Any]:
    """Return what a store keeps of a row."""
    measurement = BY_RECORD[type(row.record)]
    return dict(zip(measurement.columns(), (*measurement.values()(row.record), row.time_ns), strict=True))


def _series(row: Row) -> tuple[object, ...]:
    measurement = BY_RECORD[type(row.record)]
    return (measurement.name, row.time_ns, *(getattr(row.record, tag.name) for tag in measurement.tags))


@dataclass
class Written:
    """What outlives a process: committed derived records, points, rows, the commit."""

    points: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    store: Table = field(default_factory=Table)
    log: list[tuple[int, Event]] = field(default_factory=list)
    next_offset: int = 0
    commit: str = ""

    @property
    def metadata(self) -> commits.CommitMetadata | None:
        """What stands beside the committed offset."""
        return commits.read(self.commit)

    def take(self, out: Effects) -> None:
        """Write what a round led to."""
        self.store_points(out)
        self.points += [to_builtins(point.record) for point in out.points]
        self.decisions += [(decision.at_ms, to_builtins(decision.record)) for decision in out.decisions]
        self.refused += [(refused.offset, refused.reason) for refused in out.refused]
        for operation in out.changed:
            self.rows[operation.id] = to_builtins(operation.record or operation_record(operation))
            self.store.write([*operation_rows(operation)])

    def store_points(self, out: Effects) -> None:
        """Write what comes before the commit."""
        self.store.write(out.points)


def play(steps: list[Step], timers: Timers, cuts: set[int], lost: set[int], *, clocks_agree: bool = False) -> Written:
    """Return what is written of a log, with a restart after each step in ``cuts``.

    A step in ``lost`` is the first of a round that is cut short before its commit: it is done again. When the clocks
    agree, no record is stamped with a time to which wall time has moved the partition's clock before, nor earlier by
    ``allowed_lateness`` than another before it.
    """
    written = Written()
    log = written.log
    partition = Partition(timers)
    now = latest = 1_000_000
    wall = 0
    for number, step in enumerate(steps):
        now += step.gap_ms
        if clocks_agree:
            now = max(now, wall, latest - timers.allowed_lateness_ms + 1)
            latest = max(latest, now)
            wall = now if step.event is None else wall
        if number in lost:
            written.store_points(_do(partition, step, now, len(log)))
            partition = _restarted(written, log, timers, now)
        if step.event is not None:
            log.append((now + step.ahead_ms, step.event))
        out = _do(partition, step, now, len(log) - 1)
        assert partition.clock_ms <= now + BACKWARDS_MS + MAX_AHEAD_MS, "moved by a timestamp far ahead"
        written.take(out)
        written.next_offset = len(log)
        written.commit = commits.write(AssignedPartition(0, partition, len(log), 1).metadata(""))
        partition.forget()
        if number in cuts:
            partition = _restarted(written, log, timers, now)
            out = Effects()
            out.changed.update(dict.fromkeys(partition.operations()))
            written.take(out)
    return written


def _do(partition: Partition, step: Step, now: int, offset: int) -> Effects:
    out = Effects()
    assert not partition.observe(now), "nothing took the clock there"
    if step.event is None:
        partition.advance(now, out)
    else:
        partition.apply(now + step.ahead_ms, offset, step.event.key, step.event.value, out)
    return out


def _restarted(written: Written, log: list[tuple[int, Event]], timers: Timers, now: int) -> Partition:
    metadata = written.metadata
    if metadata is None:
        return Partition(timers)
    partition = Partition(timers, metadata.clock_ms, metadata.revise_at_ms, now)
    last = {record["operation"]: convert(record, OperationRecord) for _, record in written.decisions}
    partition.restore(last.values(), metadata.replay_from)
    for ts_ms, event in log[metadata.replay_from : written.next_offset]:
        assert partition.replay(ts_ms, event.key, event.value), "an event without a decision"
    partition.resume()
    return partition
