"""When a request has ended, and with which exit code: every answer, with and without a START."""

import itertools

import pytest

from console.start.outcome import START_WITHIN_S, RequestState, due_at, exit_code, is_worth_a_retry, of_all, of_error
from precache.openstack.api import (
    CloudConfigError,
    CloudUnreachableError,
    NoResponseError,
    OpenStackError,
    RefusedError,
)

LOST = NoResponseError("lost")
LATE = 10.0 + START_WITHIN_S


@pytest.mark.parametrize(
    ("standing", "now", "code"),
    [
        (RequestState(), 1000.0, None),
        (RequestState(answered_at=10.0), 10.0, None),
        (RequestState(answered_at=10.0), LATE - 0.1, None),
        (RequestState(answered_at=10.0), LATE, 5),
        (RequestState(answered_at=10.0, received_since=40.0), LATE, None),
        (RequestState(answered_at=10.0, received_since=40.0), 40.0 + START_WITHIN_S, 5),
        (RequestState(answered_at=10.0, began=True), LATE, None),
        (RequestState(answered_at=10.0, error=LOST), LATE - 0.1, None),
        (RequestState(answered_at=10.0, error=LOST), LATE, 9),
        (RequestState(answered_at=10.0, error=LOST, receives=False, wait=False), 10.0, 9),
        (RequestState(answered_at=10.0, receives=False, wait=False), 10.0, 0),
        (RequestState(answered_at=10.0, error=LOST, began=True), LATE, None),
        (RequestState(began=True), 1000.0, None),
        (RequestState(answered_at=10.0, error=RefusedError("no", 403)), 10.0, 8),
        (RequestState(answered_at=10.0, error=CloudUnreachableError("no")), 10.0, 6),
        (RequestState(answered_at=10.0, error=CloudConfigError("no")), 10.0, 2),
        (RequestState(answered_at=10.0, began=True, ended=1), 11.0, 1),
        (RequestState(began=True, ended=3), 11.0, 3),
        # --timeout, before anything began:
        (RequestState(answered_at=10.0, ended=5), 11.0, 5),
        (RequestState(ended=5), 11.0, 9),
        (RequestState(answered_at=10.0, error=LOST, ended=5), 11.0, 9),
        # --no-wait:
        (RequestState(wait=False), 11.0, None),
        (RequestState(answered_at=10.0, wait=False), 10.0, 0),
        (RequestState(began=True, wait=False), 10.0, 0),
        (RequestState(answered_at=10.0, error=LOST, wait=False), 11.0, None),
        (RequestState(answered_at=10.0, error=LOST, wait=False), LATE, 9),
        (RequestState(answered_at=10.0, error=LOST, began=True, wait=False), 11.0, 0),
        (RequestState(answered_at=10.0, error=RefusedError("no", 404), wait=False), 10.0, 8),
    ],
)
def test_exit_code(standing: RequestState, now: float, code: int | None) -> None:
    assert exit_code(standing, now) == code


def test_due() -> None:
    assert due_at(RequestState()) is None
    assert due_at(RequestState(answered_at=10.0)) == LATE
    assert due_at(RequestState(answered_at=10.0, received_since=20.0)) == 20.0 + START_WITHIN_S
    assert due_at(RequestState(answered_at=10.0, began=True)) is None


def test_a_request_whose_end_is_due_ends_then() -> None:
    for error, heard, wait in itertools.product((None, LOST), (0.0, 50.0), (True, False)):
        standing = RequestState(answered_at=10.0, error=error, received_since=heard, wait=wait)
        due = due_at(standing)
        assert due is not None
        assert exit_code(standing, due) is not None


def test_of_several_the_first_that_applies() -> None:
    order = [130, 2, 9, 8, 6, 5, 4, 7, 1, 3, 0]
    for left, right in itertools.combinations(order, 2):
        assert of_all([right, left]) == of_all([left, right]) == left
    assert of_all([]) == 0


@pytest.mark.parametrize(
    ("error", "code"),
    [(RefusedError("", 400), 8), (CloudConfigError(""), 2), (CloudUnreachableError(""), 6), (LOST, 9)],
)
def test_faults(error: OpenStackError, code: int) -> None:
    assert of_error(error) == code


def test_what_is_worth_a_retry() -> None:
    assert [code for code in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9) if is_worth_a_retry(code)] == [1, 3]
