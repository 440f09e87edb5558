"""Rate and time left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.watch.pace import UNKNOWN, Pace


def reported(every_s: float, count: int, first_at: float = 1_000.0) -> Pace:
    pace = Pace()
    for done in range(1, count + 1):
        pace.report(done, first_at + every_s * (done - 1), every_s * (done - 1))
    return pace


def test_nothing_is_known_at_first() -> None:
    assert Pace().estimate(10, 0.0) == UNKNOWN
    assert reported(5.0, 2).estimate(10, 5.0) == UNKNOWN, "one interval tells little"


def test_rate_and_time_left_count_from_the_first_report() -> None:
    estimate = reported(5.0, 5).estimate(10, 20.0)
    assert estimate.rate == pytest.approx(0.2)
    assert estimate.left_s == pytest.approx(25.0)


def test_time_runs_between_reports() -> None:
    assert reported(5.0, 5).estimate(10, 22.0).left_s == pytest.approx(23.0)


def test_a_rate_falls_while_nothing_comes() -> None:
    rate = reported(5.0, 5).estimate(10, 200.0).rate
    assert rate is not None
    assert rate < 0.03


def test_what_is_read_of_the_past_comes_at_once_and_has_its_times() -> None:
    pace = Pace()
    for done in range(1, 6):
        pace.report(done, 1_000.0 + 5.0 * done, 77.0)
    assert pace.estimate(10, 77.0).left_s == pytest.approx(25.0)


def test_nothing_is_left() -> None:
    assert reported(5.0, 10).estimate(10, 45.0).left_s == 0.0


def test_history_until_it_has_a_rate_of_its_own() -> None:
    pace = Pace(host_s=3.0)
    assert pace.estimate(10, 0.0) == (None, 30.0)
    pace.report(1, 1_000.0, 0.0)
    assert pace.estimate(10, 2.0) == (None, 25.0)
    pace.report(3, 1_010.0, 10.0)
    assert pace.estimate(10, 10.0).rate == pytest.approx(0.2)


@given(
    st.lists(st.tuples(st.integers(1, 1_000), st.floats(0, 1e6), st.floats(0, 1e6)), max_size=20),
    st.integers(0, 2_000),
    st.floats(0, 1e7),
)
def test_never_negative(reports: list[tuple[int, float, float]], total: int, now: float) -> None:
    pace = Pace()
    for report in reports:
        pace.report(*report)
    estimate = pace.estimate(total, now)
    assert estimate.rate is None or estimate.rate >= 0
    assert estimate.left_s is None or estimate.left_s >= 0
