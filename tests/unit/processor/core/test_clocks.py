"""Clocks that are wrong: of a broker, of this machine, and the one that was committed."""

from collections.abc import Iterator

import pytest
import structlog

from processor.core.effects import Effects
from processor.core.partition import MAX_AHEAD_MS, Partition, believed_ms
from processor.core.settings import Timers
from processor.wall_time import SteadyWall
from tests.support.events import Source

NOVA, OTHER = Source(), Source(request="req-2")
DAY_MS = 86_400_000
NOW = 1_790_000_000_000
HOUR_MS = 3_600_000


class Clocked:
    """A partition that is reported wall time with each record."""

    def __init__(self, clock_ms: int | None = None) -> None:
        self.partition, self.out = Partition(Timers(), clock_ms), Effects()
        self.offset = 0

    def feed(self, wall: int, stamp: int, source: Source, kind: str = "start") -> "Clocked":
        self.partition.observe(wall)
        event = {"start": source.start, "end": source.end}[kind](["a", "b"])
        self.partition.apply(stamp, self.offset, event.key, event.value, self.out)
        self.offset += 1
        return self

    @property
    def statuses(self) -> list[tuple[str, str]]:
        return [(one.record.request_id, one.record.status) for one in self.out.decisions]


def test_a_record_stamped_a_day_ahead_gives_nothing_up() -> None:
    story = (
        Clocked().feed(NOW, NOW, NOVA).feed(NOW + 10, NOW + 10 + 25 * HOUR_MS, OTHER).feed(NOW + 20, NOW + 20, OTHER)
    )
    assert story.statuses == [("req-1", "running"), ("req-2", "running")]
    assert story.partition.clock_ms == NOW + 20
    assert (story.out.ahead, story.out.ahead_ms) == (1, NOW + 10 + 25 * HOUR_MS)
    assert story.partition.due_at() == NOW + Timers().stall_after_ms
    story.partition.advance(NOW + HOUR_MS, story.out)
    assert story.statuses[2:] == [("req-1", "stalled"), ("req-2", "stalled")], "it counts as stamped when it was read"


@pytest.mark.parametrize(("ahead", "clock"), [(0, 0), (MAX_AHEAD_MS, MAX_AHEAD_MS), (MAX_AHEAD_MS + 1, 0)])
def test_clocks_may_differ_by_five_minutes(ahead: int, clock: int) -> None:
    assert Clocked().feed(NOW, NOW, NOVA).feed(NOW, NOW + ahead, OTHER).partition.clock_ms == NOW + clock


def test_the_first_record_of_all_may_be_the_wrong_one() -> None:
    story = Clocked().feed(NOW, NOW + DAY_MS, NOVA)
    story.partition.advance(NOW + 1_000, story.out)
    assert story.statuses == [("req-1", "running")]
    assert story.partition.due_at() == NOW + Timers().stall_after_ms


def test_an_end_stamped_ahead_is_waited_for_as_any_other() -> None:
    story = Clocked().feed(NOW, NOW, NOVA).feed(NOW + 10, NOW + DAY_MS, NOVA, "end")
    story.partition.advance(NOW + 5_010, story.out)
    assert story.statuses == [("req-1", "running"), ("req-1", "ending"), ("req-1", "completed_with_errors")]


def test_a_replay_decides_by_the_committed_clock_what_was_distrusted() -> None:
    story = Clocked().feed(NOW, NOW, NOVA).feed(NOW + 10, NOW + HOUR_MS, OTHER)
    again = Partition(Timers(), story.partition.clock_ms, wall_ms=NOW + 60_000)
    again.restore([one.record for one in story.out.decisions], 0)
    for stamp, source in ((NOW, NOVA), (NOW + HOUR_MS, OTHER)):
        event = source.start(["a", "b"])
        assert again.replay(stamp, event.key, event.value)
    again.resume()
    # Two hours later that stamp would be believed, had the clock not told.
    again.observe(NOW + 2 * HOUR_MS)
    assert again.clock_ms == NOW
    dues = [NOW + Timers().stall_after_ms, NOW + 60_000 + Timers().stall_after_ms]
    assert again.due_at() == dues[0]
    out = Effects()
    again.advance(dues[1] - 1, out)
    assert [one.record.request_id for one in out.decisions] == ["req-1"]
    assert again.due_at() == dues[1], "later than before the restart, never earlier: nobody tells a false stall"


def test_a_committed_clock_that_is_far_ahead_is_taken_back() -> None:
    assert believed_ms(NOW + DAY_MS, NOW) == NOW
    assert believed_ms(NOW + MAX_AHEAD_MS, NOW) == NOW + MAX_AHEAD_MS
    story = Clocked(NOW + 25 * HOUR_MS)
    assert story.partition.observe(NOW) == 25 * HOUR_MS
    story.feed(NOW, NOW, NOVA).feed(NOW, NOW + 10, NOVA, "end")
    assert story.statuses == [("req-1", "running"), ("req-1", "ending")]
    assert story.partition.clock_ms == NOW + 10


def test_a_machine_that_is_behind_delays_timers_until_it_is_put_right() -> None:
    behind = NOW - HOUR_MS
    story = Clocked().feed(NOW, NOW, NOVA)
    assert story.partition.observe(behind) == HOUR_MS
    for number in range(5):
        story.feed(behind + number, NOW + number * 60_000, Source(request=f"req-{number + 5}"))
    story.partition.advance(behind + 10, story.out)
    assert {status for _, status in story.statuses} == {"running"}
    assert story.out.ahead == 5
    story.feed(NOW + HOUR_MS, NOW + HOUR_MS, OTHER)
    assert story.partition.clock_ms == NOW + HOUR_MS


def test_revisions_that_are_owed_come_when_the_clock_is_taken_back() -> None:
    story = Clocked().feed(NOW, NOW, NOVA).feed(NOW, NOW, NOVA, "end")
    story.partition.advance(NOW + HOUR_MS, story.out)
    report = NOVA.report("a")
    story.partition.apply(NOW, 2, report.key, report.value, story.out)
    assert story.partition.observe(NOW) == HOUR_MS
    assert story.partition.due_at() == NOW + 2_000
    story.partition.advance(NOW + 2_000, story.out)
    assert story.out.decisions[-1].record.revision == 2


class Clocks:
    """A machine's two clocks."""

    def __init__(self) -> None:
        self.wall, self.steady = NOW, 1_000

    def pass_ms(self, ms: int) -> None:
        self.wall += ms
        self.steady += ms


@pytest.fixture
def clocks() -> Iterator[Clocks]:
    with structlog.testing.capture_logs():
        yield Clocks()


def test_a_step_of_the_system_clock_is_believed_once_it_lasts(clocks: Clocks) -> None:
    wall = SteadyWall(lambda: clocks.wall, lambda: clocks.steady)
    clocks.pass_ms(5_000)
    assert wall.now() == (NOW + 5_000, NOW + 5_000)
    clocks.wall += DAY_MS
    for _ in range(4):
        clocks.pass_ms(60_000)
        assert wall.now() == (clocks.wall - DAY_MS, clocks.wall), "either may be right"
    clocks.pass_ms(120_000)
    assert wall.now() == (clocks.wall, clocks.wall)


@pytest.mark.parametrize("step", [DAY_MS, -DAY_MS])
def test_a_step_that_is_taken_back_leaves_nothing(clocks: Clocks, step: int) -> None:
    wall = SteadyWall(lambda: clocks.wall, lambda: clocks.steady)
    clocks.wall += step
    assert wall.now() == (min(NOW, NOW + step), max(NOW, NOW + step))
    clocks.pass_ms(60_000)
    clocks.wall -= step
    assert wall.now() == (NOW + 60_000, NOW + 60_000)
    clocks.pass_ms(HOUR_MS)
    assert wall.now() == (clocks.wall, clocks.wall)


def test_small_steps_are_followed_at_once(clocks: Clocks) -> None:
    wall = SteadyWall(lambda: clocks.wall, lambda: clocks.steady)
    for step in (MAX_AHEAD_MS, MAX_AHEAD_MS, -MAX_AHEAD_MS):
        clocks.wall += step
        assert wall.now() == (clocks.wall, clocks.wall)
