"""Which operations run, from records of two topics in any order."""

from hypothesis import given
from hypothesis import strategies as st

from console.watch.board import Board
from precache.contract.operation import Operation
from tests.support.watched import IMAGE, OPERATION, completed, operation, progress

RECORDS = [operation(1, "running", images=[]), operation(2, "stalled", images=[]), progress(1), progress(2, errors=1)]


@given(st.permutations(RECORDS))
def test_any_order_reports_the_same(records: list[object]) -> None:
    board = Board()
    for record in records:
        if isinstance(record, Operation):
            board.operation(record)
        else:
            board.progress(record, 0.0, 0.0)  # type: ignore[arg-type]
    [entry] = board.running()
    assert (entry.operation.sequence, entry.hosts_done, entry.errors) == (2, 2, 1)
    assert entry.images == {IMAGE}


def test_what_is_over_goes_unless_it_is_kept() -> None:
    for keep, count in ((False, 0), (True, 1)):
        board = Board(keep_final=keep)
        board.operation(operation(1, "running"))
        board.operation(completed())
        assert board.running() == []
        assert len(board.entries()) == count


def test_by_cloud_and_aggregate() -> None:
    board = Board()
    board.operation(operation(1, "running"))
    board.operation(operation(1, "running", operation="rome/uuid/req-2", started_at="2026-11-22T06:24:00Z"))
    assert [each.operation.cloud for each in board.running()] == ["rome", "paris"]
    assert [each.operation.operation for each in board.running("paris", "foo")] == [OPERATION]
    assert board.running("paris", "bar") == []
    assert board.running(aggregate="uuid")[0].operation.cloud == "rome"
