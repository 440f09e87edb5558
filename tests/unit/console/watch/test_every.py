"""`watch --all`: everything that runs, told apart by its id."""

from hypothesis import given
from hypothesis import strategies as st

from console.watch.events import Event, Finished, Progressed, Started
from console.watch.every import Every
from console.watch.feeds.api import OperationRecord, ProgressRecord, Record
from console.watch.follow import Want
from console.watch.show.screens import Manner, PlainScreen
from tests.support.watched import OPERATION, completed, operation, progress

ROME = "rome/0f6f0b9e-5f0e-4a39-8f0d-1c1f3b1f7d18/req-9"


class Recording(PlainScreen):
    def __init__(self) -> None:
        super().__init__(Manner())
        self.shown: list[tuple[str, str]] = []

    def show(self, event: Event, who: str = "") -> None:
        match event:
            case Progressed(report):
                self.shown.append((who, str(report.hosts_done)))
            case Started() | Finished():
                self.shown.append((who, type(event).__name__))
            case _:
                pass

    def of(self, operation_id: str) -> list[str]:
        return [text for who, text in self.shown if who == operation_id]


def story(name: str) -> list[Record]:
    return [
        OperationRecord(operation(1, "running", operation=name)),
        *(ProgressRecord(progress(done, operation=name)) for done in (1, 2, 3)),
        OperationRecord(completed(operation=name)),
    ]


@given(st.data())
def test_each_is_reported_whole_however_they_mix(data: st.DataObject) -> None:
    stories = {OPERATION: story(OPERATION), ROME: story(ROME)}
    screen = Recording()
    every = Every(Want(), screen)
    for name in data.draw(st.permutations([OPERATION] * 5 + [ROME] * 5)):
        every.take(stories[name].pop(0), 0.0)
        every.advance(0.0)
    for name in (OPERATION, ROME):
        assert screen.of(name) == ["Started", "1", "2", "3", "Finished"]
    assert not every.runs
    assert every.rows(0.0) == []


def test_reports_that_come_before_their_operation() -> None:
    screen = Recording()
    every = Every(Want(), screen)
    first, *reports, last = story(OPERATION)
    for record in [*reports, first, last]:
        every.take(record, 0.0)
    assert screen.of(OPERATION) == ["Started", "1", "2", "3", "Finished"]


def test_what_was_over_before_is_left_alone() -> None:
    screen = Recording()
    every = Every(Want(), screen)
    every.take(OperationRecord(completed(sequence=7)), 0.0)
    assert screen.shown == []


def test_rows_and_filters() -> None:
    every = Every(Want(cloud="rome"), Recording())
    for name in (OPERATION, ROME):
        for record in story(name)[:2]:
            every.take(record, 0.0)
    [row] = every.rows(0.0)
    assert (row.label, row.done, row.total) == ("rome foo c3b84ecf", 1, 3)
    assert every.runs
