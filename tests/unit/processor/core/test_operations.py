"""What becomes of an operation, case by case."""

from typing import Any

import pytest
from msgspec import to_builtins

from precache.contract.topics import MAX_RECORD_BYTES
from processor.core.effects import Effects
from processor.core.operation import OperationState
from processor.core.partition import Partition
from processor.core.records import operation_record
from processor.core.settings import Timers
from tests.support.events import AGGREGATE, Event, Source

NOVA = Source()
TIMERS = Timers(grace_period_ms=5_000, stall_after_ms=60_000, abandon_after_ms=300_000, allowed_lateness_ms=1_000_000)


class Story:
    """A partition that is fed event by event; ``at`` is the record's timestamp in milliseconds."""

    def __init__(self, timers: Timers = TIMERS) -> None:
        self.partition = Partition(timers)
        self.out = Effects()
        self.offset = 0

    def feed(self, at: int, event: Event) -> "Story":
        self.partition.apply(at, self.offset, event.key, event.value, self.out)
        self.offset += 1
        return self

    def wait(self, until: int) -> "Story":
        self.partition.advance(until, self.out)
        return self

    @property
    def statuses(self) -> list[str]:
        return [decision.record.status for decision in self.out.decisions]

    @property
    def last(self) -> dict[str, Any]:
        last: dict[str, Any] = to_builtins(self.out.decisions[-1].record)
        return last


def test_the_usual_course() -> None:
    story = Story().feed(0, NOVA.start(["a", "b"])).feed(10, NOVA.report("a")).feed(20, NOVA.report("b", [], ["x"]))
    assert story.statuses == ["running"]
    story.feed(30, NOVA.end(["a", "b"]))
    assert story.statuses == ["running", "completed_with_errors"]
    assert story.last["final_at"] == "1970-01-01T00:00:00.030Z"
    assert (story.last["hosts_silent"], story.last["errors"], story.last["failed_hosts"]) == (0, 1, ["b"])
    assert [point.record.percent for point in story.out.points] == [50.0, 100.0]


def test_an_event_that_opens_and_ends_makes_one_record() -> None:
    story = Story().feed(0, NOVA.end([]))
    assert story.statuses == ["completed"]
    assert (story.last["sequence"], story.last["revision"], story.last["start_missing"]) == (1, 1, True)
    assert story.last["percent"] == 100.0


def test_start_without_hosts_settles_without_an_end() -> None:
    story = Story().feed(100, NOVA.start([])).wait(5_099)
    assert story.statuses == ["running"]
    story.wait(6_000)
    assert story.statuses == ["running", "completed"]
    assert story.last["end_missing"] is True
    assert story.last["final_at"] == "1970-01-01T00:00:05.100Z", "due time, not the clock when it fired"


def test_silent_hosts_are_waited_for_until_settle_which_progress_does_not_put_off() -> None:
    story = Story().feed(0, NOVA.start(["a", "b", "c"])).feed(1_000, NOVA.end(["a", "b", "c"]))
    story.feed(5_900, NOVA.report("a")).wait(6_000)
    assert story.statuses == ["running", "ending", "completed_with_errors"]
    assert story.last["silent_hosts"] == ["b", "c"]
    assert story.last["hosts_silent"] == 2
    assert story.last["final_at"] == "1970-01-01T00:00:06.000Z"


def test_the_last_host_after_the_end_completes_at_once() -> None:
    story = Story().feed(0, NOVA.start(["a"])).feed(1_000, NOVA.end(["a"])).feed(1_500, NOVA.report("a"))
    assert story.statuses == ["running", "ending", "completed"]


def test_stalled_is_reported_once_and_taken_back_by_an_event() -> None:
    story = Story().feed(0, NOVA.start(["a", "b"])).wait(60_000).wait(70_000)
    assert story.statuses == ["running", "stalled"]
    story.feed(80_000, NOVA.report("a"))
    assert story.statuses == ["running", "stalled", "running"]


def test_a_repeated_event_does_not_take_a_stall_back() -> None:
    story = Story().feed(0, NOVA.start(["a", "b"])).wait(60_000).feed(70_000, NOVA.start(["a", "b"])).wait(300_000)
    assert story.statuses == ["running", "stalled", "abandoned"]
    assert story.out.repeated == 1
    assert story.last["final_at"] == "1970-01-01T00:05:00.000Z"


def test_overdue_timers_fire_in_order_each_at_its_due_time() -> None:
    story = Story().feed(0, NOVA.start(["a", "b"])).wait(999_999)
    assert story.statuses == ["running", "stalled", "abandoned"]
    assert [decision.at_ms for decision in story.out.decisions] == [0, 60_000, 300_000]


def test_timers_fire_before_a_record_with_their_due_time() -> None:
    story = Story().feed(0, NOVA.start(["a", "b"])).feed(60_000, NOVA.report("a"))
    assert story.statuses == ["running", "stalled", "running"]


def test_equal_due_times_fire_in_the_order_of_the_ids() -> None:
    story = Story()
    for request in ("req-9", "req-1", "req-5"):
        story.feed(0, Source(request=request).start(["a"]))
    story.wait(60_000)
    stalled = [decision.record.request_id for decision in story.out.decisions[3:]]
    assert stalled == ["req-1", "req-5", "req-9"]


def test_a_late_event_for_an_abandoned_operation_takes_it_up_again() -> None:
    story = Story().feed(0, NOVA.start(["a", "b"])).wait(300_000).feed(310_000, NOVA.report("a"))
    assert story.statuses[-2:] == ["abandoned", "running"]
    assert (story.last["revision"], story.last["final_at"], story.last["hosts_silent"]) == (1, "", 0)
    story.feed(311_000, NOVA.report("b")).feed(312_000, NOVA.end(["a", "b"]))
    assert story.statuses[-1] == "completed"
    assert story.last["revision"] == 2


def test_an_event_that_completes_an_abandoned_operation_is_one_record() -> None:
    story = Story().feed(0, NOVA.start(["a"])).feed(1, NOVA.report("a"))
    story = Story().feed(0, NOVA.start(["a", "b"])).feed(1, NOVA.report("a")).wait(400_000)
    assert story.statuses == ["running", "stalled", "abandoned"]
    story.feed(500_000, NOVA.end(["a", "b"]))
    assert story.statuses[-1] == "ending"
    story.feed(500_001, NOVA.report("b"))
    assert story.statuses == ["running", "stalled", "abandoned", "ending", "completed"]
    assert story.last["revision"] == 2


def test_a_late_report_revises_and_keeps_final_at() -> None:
    story = Story().feed(0, NOVA.start(["a", "b"])).feed(1, NOVA.report("a")).feed(2, NOVA.end(["a", "b"])).wait(6_000)
    before = story.last
    story.feed(7_000, NOVA.report("b"))
    assert story.last == before, "what comes late is gathered first"
    assert story.partition.due_at() == 9_000
    story.wait(9_000)
    assert (before["status"], before["revision"]) == ("completed_with_errors", 1)
    assert (story.last["status"], story.last["revision"]) == ("completed", 2)
    assert story.last["final_at"] == before["final_at"]
    assert len(story.out.points) == 2


def test_a_late_end_takes_end_missing_away() -> None:
    story = Story().feed(0, NOVA.start(["a"])).feed(1, NOVA.report("a")).wait(10_000)
    assert story.last["end_missing"] is True
    story.feed(11_000, NOVA.end(["a"])).wait(13_000)
    assert (story.last["end_missing"], story.last["revision"], story.last["status"]) == (False, 2, "completed")


def test_hosts_that_only_a_late_start_names_make_it_run_again() -> None:
    story = Story().feed(0, NOVA.report("a", total=1)).wait(10_000)
    assert story.statuses == ["running", "completed"]
    story.feed(11_000, NOVA.start(["a", "b"]))
    assert story.statuses[-1] == "running"
    assert (story.last["final_at"], story.last["revision"], story.last["hosts_total"]) == ("", 1, 2)
    story.wait(1_000_000)
    assert story.statuses[-2:] == ["stalled", "abandoned"], "as if START had come first"


def test_after_keep_it_is_closed_and_what_comes_is_late() -> None:
    story = Story().feed(0, NOVA.start(["a", "b"])).feed(1, NOVA.end(["a", "b"])).wait(5_001)
    story.feed(1_005_000, NOVA.report("a"))
    story.feed(1_005_001, NOVA.report("b"))
    assert story.statuses[-1] == "completed_with_errors"
    assert (story.last["revision"], story.last["silent_hosts"]) == (2, ["b"]), "one millisecond before it is closed"
    assert story.out.decisions[-1].at_ms == 1_005_001, "closing waits for no revision, and drops none"
    assert [refused.reason for refused in story.out.refused] == ["late"]
    assert len(story.out.points) == 1
    assert list(story.partition.operations()) == []


def test_closing_has_the_rows_written_once_more_and_reports_nothing() -> None:
    story = Story().feed(0, NOVA.end([]))
    told = len(story.out.decisions)
    story.out.changed.clear()
    story.wait(1_000_000 + TIMERS.grace_period_ms)
    (closed,) = story.out.changed
    assert closed.record == story.out.decisions[-1].record
    assert len(story.out.decisions) == told
    assert list(story.partition.operations()) == []


@pytest.mark.parametrize("repeated", [NOVA.start(["a", "b"]), NOVA.report("a"), NOVA.end(["a", "b"])])
def test_what_repeats_itself_changes_no_row(repeated: Event) -> None:
    story = Story().feed(0, NOVA.start(["a", "b"])).feed(1, NOVA.report("a")).feed(2, NOVA.end(["a", "b"]))
    for until in (3, 6_000):  # ending, and final
        story.wait(until)
        story.out = Effects()
        story.feed(until, repeated)
        assert (story.out.points, story.out.decisions, dict(story.out.changed), story.out.repeated) == ([], [], {}, 1)


def test_low_counts_what_was_closed_until_it_is_forgotten() -> None:
    story = Story().feed(0, Source(request="req-0").start(["z"])).feed(0, NOVA.end([]))
    assert story.partition.replay_from(2) == 0
    story.wait(1_400_000)
    assert list(story.partition.operations()) == []
    assert story.partition.replay_from(2) == 0
    story.partition.forget()
    assert story.partition.replay_from(2) == 2


def test_due_at_is_true_after_events_put_it_off() -> None:
    story = Story()
    assert story.partition.due_at() is None
    story.feed(0, NOVA.start(["a", "b"]))
    assert story.partition.due_at() == 60_000
    story.feed(50_000, NOVA.report("a"))
    assert story.partition.due_at() == 110_000
    story.feed(51_000, NOVA.end(["a", "b"]))
    assert story.partition.due_at() == 56_000


@pytest.mark.parametrize(("hosts", "total"), [(None, 3), (["a"], 1), (["a", "b", "c", "d"], 4)])
def test_hosts_total(hosts: list[str] | None, total: int) -> None:
    story = Story().feed(0, NOVA.report("a", total=3)).feed(1, NOVA.start(hosts))
    assert story.partition.operations().__next__().facts.total == total


def test_two_operations_on_one_aggregate_and_one_request_in_two_clouds() -> None:
    story = Story()
    for source in (NOVA, Source(request="req-2"), Source(cloud="london")):
        story.feed(0, source.start(["a"])).feed(1, source.report("a")).feed(2, source.end(["a"]))
    assert {decision.record.operation for decision in story.out.decisions} == {
        f"paris/{AGGREGATE}/req-1",
        f"paris/{AGGREGATE}/req-2",
        f"london/{AGGREGATE}/req-1",
    }
    assert len({operation.time_ns for operation in story.partition.operations()}) == 3
    assert story.statuses.count("completed") == 3


def test_renamed_during_the_operation_keeps_the_first_name() -> None:
    story = (
        Story()
        .feed(0, NOVA.start(["a"]))
        .feed(1, Source(name="new").report("a"))
        .feed(2, Source(name="new").end(["a"]))
    )
    assert story.last["aggregate_name"] == "my-application"
    assert story.out.points[0].record.aggregate_name == "my-application"
    story.feed(3, Source(name="new", request="req-2").start(["a"]))
    assert story.last["aggregate_name"] == "new"


def test_names_are_sorted_as_people_do() -> None:
    hosts = ["db10", "db2", "db1", "app007", "app7", "9", "é1", "db²"]
    story = Story().feed(0, NOVA.start(hosts)).feed(1, NOVA.end(hosts)).wait(10_000)
    assert story.last["silent_hosts"] == ["9", "app007", "app7", "db1", "db2", "db10", "db²", "é1"]


def test_a_record_too_large_is_cut_at_whole_names_and_says_so() -> None:
    hosts = [f"compute-{'x' * 200}-{number:05}" for number in range(6_000)]
    story = Story().feed(0, NOVA.start(hosts)).feed(1, NOVA.end(hosts)).wait(10_000)
    decision = story.out.decisions[-1]
    assert len(decision.value) < MAX_RECORD_BYTES
    assert story.last["lists_cut"] is True
    assert story.last["hosts_silent"] == 6_000
    assert 0 < len(story.last["silent_hosts"]) < 6_000
    assert story.last["silent_hosts"] == sorted(hosts)[: len(story.last["silent_hosts"])]


def test_every_list_may_have_to_be_cut() -> None:
    images = [f"image-{'y' * 180}-{number:05}" for number in range(2_500)]
    story = Story().feed(0, NOVA.start(["a"])).feed(1, NOVA.report("a", [], images)).feed(2, NOVA.end(["a"]))
    decision = story.out.decisions[-1]
    assert len(decision.value) < MAX_RECORD_BYTES
    assert (story.last["lists_cut"], story.last["errors"]) == (True, 2_500)


def test_an_image_named_twice_counts_once() -> None:
    story = Story().feed(0, NOVA.start(["a"])).feed(1, NOVA.report("a", ["x"], ["y", "y"])).feed(2, NOVA.end(["a"]))
    assert story.last["errors"] == 1
    assert story.last["image_counts"]["y"] == {"hosts_cached": 0, "hosts_failed": 1}


def test_replay_passes_over_what_came_when_it_was_closed() -> None:
    story = Story().feed(0, NOVA.start(["a", "b"])).feed(1, NOVA.end(["a", "b"])).wait(5_001)
    again = Partition(TIMERS)
    again.restore([story.out.decisions[-1].record], 0)
    for at, event in ((0, NOVA.start(["a", "b"])), (1, NOVA.end(["a", "b"])), (1_005_001, NOVA.report("a"))):
        assert again.replay(at, event.key, event.value)
    assert [operation.facts.done for operation in again.operations()] == [0]


def test_restore_closes_what_began_before_low() -> None:
    story = Story().feed(0, NOVA.start(["a"])).feed(1, Source(request="req-2").start(["a"]))
    again, out = Partition(TIMERS), Effects()
    again.restore([decision.record for decision in story.out.decisions], replay_from=1)
    assert [operation.request_id for operation in again.operations()] == ["req-2"]
    event = NOVA.report("a")
    again.apply(2, 2, event.key, event.value, out)
    assert [refused.reason for refused in out.refused] == ["late"]


def test_replay_says_when_a_decision_is_missing() -> None:
    event = NOVA.start(["a"])
    assert Partition(TIMERS).replay(0, event.key, event.value) is False


def test_timers_must_be_in_order() -> None:
    with pytest.raises(ValueError, match="abandon_after must be longer"):
        Timers(grace_period_ms=5, stall_after_ms=10, abandon_after_ms=10)
    with pytest.raises(ValueError, match="grace_period must not be longer than stall_after"):
        Timers(grace_period_ms=11, stall_after_ms=10, abandon_after_ms=20)
    with pytest.raises(ValueError, match="longer than zero"):
        Timers(grace_period_ms=0)


def test_an_operation_whose_events_cannot_be_read_again_has_a_record_all_the_same() -> None:
    partition, out = Partition(Timers()), Effects()
    event = Source().start(["a", "b"])
    partition.apply(1_000, 0, event.key, event.value, out)
    (decision,) = out.decisions
    record = operation_record(OperationState.from_record(decision.record))
    assert (record.started_at, record.operation) == (decision.record.started_at, decision.record.operation)
