"""The store written anew from the log and from the decisions holds what the processor had written."""

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, cast

import msgspec
from confluent_kafka import Message, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from precache.runtime.shutdown import Stop
from precache.runtime.watchdog import Watched
from processor.config import ProcessorConfig
from processor.maintenance.rebuild_store import StoreRebuild
from tests.support.events import Source
from tests.unit.processor.core.stories import SHORT, Step, Table, Written, play, stories

if TYPE_CHECKING:
    from precache.kafka.groups import GroupCommits
    from precache.kafka.log_reader import LogReader

NOVA, OTHER = Source(), Source(request="req-2")
CONFIG = ProcessorConfig.model_validate(
    {
        "kafka": {"bootstrap.servers": "localhost:9092"},
        "store": {"type": "sqlite", "path": "unused.db"},
        "operations": {
            "grace_period": SHORT.grace_period_ms / 1_000,
            "stall_after": SHORT.stall_after_ms / 1_000,
            "abandon_after": SHORT.abandon_after_ms / 1_000,
            "allowed_lateness": SHORT.allowed_lateness_ms / 1_000,
        },
    }
)


class Record:
    """A record as a consumer returns it."""

    def __init__(self, offset: int, ts_ms: int, key: bytes, value: bytes) -> None:
        self._all = offset, ts_ms, key, value

    def offset(self) -> int:
        return self._all[0]

    def timestamp(self) -> tuple[int, int]:
        return 1, self._all[1]

    def key(self) -> bytes:
        return self._all[2]

    def value(self) -> bytes:
        return self._all[3]


class Reader:
    """Two topics of one partition each."""

    def __init__(self, written: Written, batch: int, start: int, watched: Watched) -> None:
        self.silent_s = 0.0
        self._watched = watched
        self._batch = batch
        self._start = start
        topics = CONFIG.topics
        self._logs = {
            topics.notifications: [
                Record(offset, ts_ms, event.key, event.value) for offset, (ts_ms, event) in enumerate(written.log)
            ],
            topics.operations: [
                Record(offset, at_ms, b"", msgspec.json.encode(record))
                for offset, (at_ms, record) in enumerate(written.decisions)
            ],
        }

    def partitions(self, topic: str, _timeout_s: float) -> int:
        return int(topic in self._logs)

    def bounds(self, topic: str, _number: int, _timeout_s: float) -> tuple[int, int]:
        return self._start if topic == CONFIG.topics.notifications else 0, len(self._logs[topic])

    def read(self, topic: str, _number: int, start: int, end: int) -> Generator[list[Message], None, None]:
        for first in range(start, end, self._batch):
            self._watched.pass_time(1.0)
            self.silent_s = max(self.silent_s, self._watched.silent_s)
            yield cast("list[Message]", self._logs[topic][first : min(first + self._batch, end)])


class Committed:
    """What the group has committed."""

    def __init__(self, written: Written) -> None:
        self._written = written

    def read(self, topic: str, numbers: Iterable[int], _timeout_s: float) -> list[TopicPartition]:
        written = self._written
        return [TopicPartition(topic, number, written.next_offset, metadata=written.commit) for number in numbers]


def rebuilt(written: Written, batch: int, start: int = 0) -> Table:
    table, watched = Table(), Watched("rebuild")
    watched.beat()
    reader = Reader(written, batch, start, watched)
    committed = cast("GroupCommits", Committed(written))
    StoreRebuild(CONFIG, cast("LogReader", reader), committed, table, Stop(), lambda _: None, watched).run(
        lambda: 10**12
    )
    assert reader.silent_s == 0.0, "a beat with each batch: else the watchdog would end a long rebuild"
    return table


def test_images_of_an_operation_that_runs_again() -> None:
    told = [Step(0, NOVA.start(["a", "b"])), Step(0, NOVA.report("a", ["image-1"], ["image-2"])), Step(800, None)]
    written = play([*told, Step(1, NOVA.report("b", ["image-1"]))], SHORT, set(), set(), clocks_agree=True)
    assert [record["status"] for _, record in written.decisions] == ["running", "stalled", "abandoned", "running"]
    images = {
        row["image"]: row["hosts_cached"] for key, row in written.store.rows.items() if key[0] == "precache_image"
    }
    assert images == {"image-1": 2, "image-2": 0}, "as now known, not as when it was abandoned"
    assert rebuilt(written, 2).rows == written.store.rows


def test_a_report_that_came_late_by_the_clock_alone() -> None:
    told = [Step(0, NOVA.end(["a"])), Step(50, NOVA.report("b")), Step(300, OTHER.end([])), Step(-60, NOVA.report("a"))]
    written = play(told, SHORT, set(), set(), clocks_agree=True)
    assert written.refused == [(3, "late")]
    assert rebuilt(written, 2).rows == written.store.rows


def test_operations_older_than_the_log_keep_their_last_row_without_points() -> None:
    told = [Step(0, event) for event in (NOVA.start(["a"]), NOVA.report("a", ["image-1"]), NOVA.end(["a"]))]
    told += [Step(0, OTHER.start(["b"])), Step(0, OTHER.report("b", ["image-2"])), Step(0, OTHER.end(["b"]))]
    written = play(told, SHORT, set(), set(), clocks_agree=True)
    found = rebuilt(written, 2, start=3).rows
    assert found == {
        key: row
        for key, row in written.store.rows.items()
        if not (key[0] == "precache_progress" and row["operation"] == NOVA.operation)
    }
    assert len(found) == len(written.store.rows) - 1


@given(stories(), st.integers(1, 5), st.data())
def test_the_store_written_anew_is_the_same(steps: list[Step], batch: int, data: st.DataObject) -> None:
    cuts = data.draw(st.sets(st.integers(0, len(steps) - 1)))
    lost = data.draw(st.sets(st.integers(0, len(steps) - 1)))
    written = play(steps, SHORT, cuts, lost, clocks_agree=True)
    assert rebuilt(written, batch).rows == written.store.rows


def test_a_stamp_that_was_not_believed_is_not_believed_later() -> None:
    """When it was read, it was a day ahead; now it lies in the past. The late report still waits for its revision."""
    told = [Step(0, NOVA.end(["a"])), Step(SHORT.grace_period_ms, None)]
    told += [Step(10, OTHER.start(["c"]), ahead_ms=25 * 3_600_000), Step(10, NOVA.report("a"))]
    written = play(told, SHORT, set(), set(), clocks_agree=True)
    assert [row["host"] for key, row in written.store.rows.items() if key[0] == "precache_progress"] == ["a"]
    assert rebuilt(written, 2).rows == written.store.rows


@given(stories(), st.integers(1, 5), st.data())
def test_clocks_that_disagree_change_nothing(steps: list[Step], batch: int, data: st.DataObject) -> None:
    cuts = data.draw(st.sets(st.integers(0, len(steps) - 1)))
    lost = data.draw(st.sets(st.integers(0, len(steps) - 1)))
    written = play(steps, SHORT, cuts, lost)
    assert rebuilt(written, batch).rows == written.store.rows
