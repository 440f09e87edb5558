"""The watcher: which operation it follows, and the order in which it tells of it."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.watch.events import Event, Finished, Progressed, Resumed, Stalled, Started, TimedOut
from console.watch.follow import GRACE_S, MAX_EARLY_REPORTS, Follow, Want
from precache.contract.operation import Operation
from precache.contract.progress import Progress
from tests.support.watched import OPERATION, completed, operation, progress

OTHER = "paris/ccf82bd4-a15e-43c5-83ad-b23970338139/req-2"


def feed(follow: Follow, records: Sequence[Operation | Progress], now: float = 0.0) -> list[Event]:
    events: list[Event] = []
    for record in records:
        if isinstance(record, Progress):
            events += follow.progress(record, now)
        else:
            events += follow.operation(record, now)
    return events


def told(events: Sequence[Event]) -> list[str]:
    """Return what was told, in short: started, a report's hosts_done, finished/EXIT_CODE..."""
    short: list[str] = []
    for event in events:
        match event:
            case Progressed(report):
                short.append(str(report.hosts_done))
            case Finished(_, code):
                short.append(f"finished/{code}")
            case TimedOut(_, _, code):
                short.append(f"timeout/{code}")
            case _:
                short.append(type(event).__name__.lower())
    return short


WHOLE: list[Operation | Progress] = [operation(1, "running"), progress(1), progress(2), progress(3), completed()]

WHOLE_OF_OTHER: list[Operation | Progress] = [
    operation(1, "running", total=0, operation=OTHER),
    completed(0, operation=OTHER),
]


def test_in_order() -> None:
    follow = Follow(Want())
    assert told(feed(follow, WHOLE)) == ["started", "1", "2", "3", "finished/0"]
    assert follow.exit_code == 0


def test_where_all_is_heard_an_operation_without_its_start_began_before() -> None:
    running: list[Operation | Progress] = [
        operation(1, "running", total=1, start_missing=True),
        progress(1, total=1),
        completed(1, start_missing=True),
    ]
    follow = Follow(Want(from_start=True))
    assert told(feed(follow, [*running, *WHOLE_OF_OTHER])) == ["started", "finished/0"]
    assert told(feed(Follow(Want(from_start=True, operation=OPERATION)), running)) == ["started", "1", "finished/0"]
    assert told(feed(Follow(Want()), running)) == ["started", "1", "finished/0"], "in Kafka its start may come late"


@given(st.data())
def test_any_interleaving_of_the_two_topics_reports_the_same(data: st.DataObject) -> None:
    operations, reports = [WHOLE[0], WHOLE[4]], WHOLE[1:4]
    slots = data.draw(st.permutations(["o"] * 2 + ["p"] * 3))
    mixed = [operations.pop(0) if slot == "o" else reports.pop(0) for slot in slots]
    assert told(feed(Follow(Want()), mixed)) == ["started", "1", "2", "3", "finished/0"]


@given(st.permutations(WHOLE[1:4]))
def test_reports_are_reported_by_hosts_done_whatever_their_order(reports: list[Operation | Progress]) -> None:
    assert told(feed(Follow(Want()), [WHOLE[0], *reports, WHOLE[4]])) == ["started", "1", "2", "3", "finished/0"]


def test_the_end_waits_for_the_reports_it_counts_but_not_for_ever() -> None:
    follow = Follow(Want())
    assert told(feed(follow, [operation(1, "running"), progress(1), completed()], now=10.0)) == ["started", "1"]
    assert follow.exit_code is None
    assert follow.due_at() == 10.0 + GRACE_S
    assert follow.advance(10.0 + GRACE_S - 0.001) == []
    assert told(follow.advance(10.0 + GRACE_S)) == ["finished/0"]
    assert follow.exit_code == 0


def test_a_gap_in_the_reports_is_waited_for_but_not_for_ever() -> None:
    follow = Follow(Want())
    feed(follow, [operation(1, "running", total=9), progress(1, total=9)])
    assert feed(follow, [progress(3, total=9)], now=1.0) == []
    assert feed(follow, [progress(4, total=9)], now=2.0) == []
    assert follow.due_at() == 1.0 + GRACE_S
    assert told(follow.advance(1.0 + GRACE_S)) == ["3", "4"]
    assert feed(follow, [progress(2, total=9)], now=7.0) == []  # its turn has ended: it would tell of going back


def test_held_reports_are_reported_before_the_end() -> None:
    follow = Follow(Want())
    feed(follow, [operation(1, "running"), progress(1), progress(3), completed()])
    assert told(follow.advance(GRACE_S)) == ["3", "finished/0"]


def test_an_operation_that_began_before_is_not_followed() -> None:
    follow = Follow(Want())
    old: list[Operation | Progress] = [
        operation(2, "ending", operation=OTHER),
        progress(1, operation=OTHER),
        completed(sequence=3, operation=OTHER),
    ]
    assert feed(follow, old) == []
    assert told(feed(follow, WHOLE)) == ["started", "1", "2", "3", "finished/0"]


def test_the_first_that_begins_is_followed_and_the_second_left_alone() -> None:
    follow = Follow(Want())
    second: list[Operation | Progress] = [
        operation(1, "running", operation=OTHER),
        progress(1, operation=OTHER),
        completed(operation=OTHER),
    ]
    assert told(feed(follow, [WHOLE[0], *second, *WHOLE[1:]])) == ["started", "1", "2", "3", "finished/0"]


@pytest.mark.parametrize(
    ("want", "code"),
    [
        (Want(cloud="paris"), 0),
        (Want(aggregate="foo"), 0),
        (Want(aggregate="ccf82bd4-a15e-43c5-83ad-b23970338139"), 0),
        (Want(cloud="paris", aggregate="foo"), 0),
        (Want(operation=OPERATION), 0),
        (Want(cloud="rome"), None),
        (Want(aggregate="fo"), None),
        (Want(cloud="paris", aggregate="bar"), None),
        (Want(operation=OTHER), None),
        (Want(cloud="rome", operation=OPERATION), None),
    ],
)
def test_what_is_wanted(want: Want, code: int | None) -> None:
    follow = Follow(want)
    feed(follow, WHOLE)
    assert follow.exit_code == code


def test_an_operation_by_its_id_is_taken_up_wherever_it_stands() -> None:
    follow = Follow(Want(operation=OPERATION))
    events = feed(follow, [completed(sequence=7), progress(1), progress(2), progress(3)])
    assert told(events) == ["started", "1", "2", "3", "finished/0"]


def test_an_operation_that_opens_and_ends_with_one_event() -> None:
    assert told(feed(Follow(Want()), [completed(total=0, sequence=1)])) == ["started", "finished/0"]


def test_a_stall_is_reported_once_and_so_is_going_on() -> None:
    follow = Follow(Want())
    events = feed(
        follow,
        [
            operation(1, "running"),
            operation(2, "stalled"),
            operation(3, "stalled"),
            operation(4, "running"),
            progress(1),
            operation(5, "stalled"),
            progress(2),
            progress(3),
            completed(sequence=6),
        ],
    )
    assert told(events) == ["started", "stalled", "resumed", "1", "stalled", "2", "3", "finished/0"]
    assert [type(event) for event in events[1:3]] == [Stalled, Resumed]


def test_a_stall_ends_the_watch_where_it_is_to_fail_after_its_reports() -> None:
    follow = Follow(Want(), fail_on_stall=True)
    events = feed(follow, [operation(1, "running"), operation(2, "stalled", done=1)])
    assert told(events) == ["started", "stalled"]
    assert told(feed(follow, [progress(1)])) == ["1", "finished/4"]


def test_revisions_after_the_end_are_not_reported() -> None:
    follow = Follow(Want())
    late = completed(sequence=3, revision=2, failed=["host3"])
    assert told(feed(follow, [*WHOLE[:3], WHOLE[4], late, WHOLE[3]])) == ["started", "1", "2", "3", "finished/0"]


def test_a_report_beyond_the_end_is_not_reported() -> None:
    follow = Follow(Want())
    end = operation(2, "completed_with_errors", total=3, done=2, hosts_silent=1, silent_hosts=["host3"])
    assert told(feed(follow, [WHOLE[0], WHOLE[1], end, WHOLE[3], WHOLE[2]])) == ["started", "1", "2", "finished/3"]


def test_repeated_records_are_reported_once() -> None:
    follow = Follow(Want())
    assert told(feed(follow, [record for record in WHOLE for _ in range(2)])) == [
        "started",
        "1",
        "2",
        "3",
        "finished/0",
    ]


def test_time_is_up_before_anything_began() -> None:
    follow = Follow(Want(cloud="paris"), deadline=60.0)
    assert follow.due_at() == 60.0
    assert follow.advance(59.9) == []
    assert told(follow.advance(60.0)) == ["timeout/5"]
    assert follow.exit_code == 5
    assert feed(follow, WHOLE) == []


def test_time_is_up_while_it_runs() -> None:
    follow = Follow(Want(), deadline=60.0)
    feed(follow, WHOLE[:3])
    events = follow.advance(60.0)
    assert told(events) == ["timeout/7"]
    assert isinstance(events[0], TimedOut)
    assert events[0].hosts_done == 2
    assert follow.exit_code == 7


def test_time_is_up_while_the_end_waits_for_reports() -> None:
    follow = Follow(Want(), deadline=60.0)
    feed(follow, [WHOLE[0], WHOLE[4]], now=58.0)
    assert told(follow.advance(60.0)) == ["finished/0"]
    assert follow.exit_code == 0


def test_never_due_without_a_deadline() -> None:
    assert Follow(Want()).due_at() is None


def test_early_reports_of_others_cost_bounded_memory() -> None:
    follow = Follow(Want())
    for count in range(MAX_EARLY_REPORTS + 10):
        follow.progress(progress(count + 1, total=10**6, operation=OTHER), 0.0)
    assert len(follow._early) == MAX_EARLY_REPORTS


def test_started_reports_the_first_record() -> None:
    events = feed(Follow(Want()), WHOLE[:1])
    assert isinstance(events[0], Started)
    assert events[0].operation.hosts_total == 3
