"""A clock that was ahead, and is put right: what was a dead letter meanwhile is not counted after a restart."""

from msgspec import convert, to_builtins

from precache.contract.operation import Operation as OperationRecord
from processor.core.effects import Effects
from processor.core.partition import Partition
from processor.core.settings import Timers
from processor.group import commit_metadata as commits
from processor.group.assigned_partition import AssignedPartition
from tests.support.events import Event, Source

NOW = 1_790_000_000_000
HOUR_MS = 3_600_000
TIMERS = Timers()
OPEN, ENDED = Source(request="req-1"), Source(request="req-2")


class Story:
    """One partition, what is committed of it, and its log."""

    def __init__(self) -> None:
        self.partition, self.out = Partition(TIMERS), Effects()
        self.partition.observe(NOW)
        self.log: list[tuple[int, Event]] = []

    def feed(self, *events: Event) -> None:
        for event in events:
            self.partition.apply(NOW, len(self.log), event.key, event.value, self.out)
            self.log.append((NOW, event))

    def restarted(self) -> Partition:
        """Return the partition as a processor finds it that starts now."""
        metadata = commits.read(commits.write(AssignedPartition(0, self.partition, len(self.log), 1).metadata("")))
        assert metadata is not None
        again = Partition(TIMERS, metadata.clock_ms, metadata.revise_at_ms, NOW)
        last = {one.record.operation: convert(to_builtins(one.record), OperationRecord) for one in self.out.decisions}
        again.restore(last.values(), metadata.replay_from)
        for stamp, event in self.log[metadata.replay_from :]:
            assert again.replay(stamp, event.key, event.value)
        again.resume()
        return again


def test_what_came_late_while_the_clock_was_ahead_is_not_counted_after_a_restart() -> None:
    story = Story()
    story.feed(OPEN.start(["x"]), ENDED.start(["a", "b"]), ENDED.report("a"), ENDED.end(["a", "b"]))
    story.partition.advance(NOW + TIMERS.grace_period_ms, story.out)
    assert [one.record.status for one in story.out.decisions][-1] == "completed_with_errors"
    story.partition.advance(NOW + 2 * HOUR_MS, story.out)  # as by a machine's clock that is ahead
    story.feed(ENDED.report("b"))
    assert [refused.reason for refused in story.out.refused] == ["late"]
    assert story.partition.observe(NOW), "the clock is put right"
    out = Effects()
    story.restarted().advance(NOW + 60_000, out)
    assert out.decisions == [], "it was a dead letter, and is counted, too"


def test_what_is_owed_at_the_restart_is_counted() -> None:
    story = Story()
    story.feed(ENDED.start(["a", "b"]), ENDED.report("a"), ENDED.end(["a", "b"]))
    story.partition.advance(NOW + TIMERS.grace_period_ms, story.out)
    story.feed(ENDED.report("b"))
    out = Effects()
    story.restarted().advance(NOW + 60_000, out)
    assert [(one.record.status, one.record.revision) for one in out.decisions] == [("completed", 2)]


def test_a_round_that_is_cut_short_decides_anew_and_every_replay_as_what_was_committed() -> None:
    ahead = NOW + HOUR_MS
    first = Partition(TIMERS)
    first.observe(NOW)
    start = OPEN.start(["x"])
    first.apply(ahead, 0, start.key, start.value, Effects())
    assert first.clock_ms < ahead, "not believed; and never committed"
    story = Story()
    story.partition.observe(ahead)
    story.partition.apply(ahead, 0, start.key, start.value, story.out)
    story.log.append((ahead, start))
    assert story.partition.clock_ms == ahead
    again = story.restarted()
    assert (again.clock_ms, again.due_at()) == (ahead, ahead + TIMERS.stall_after_ms)
