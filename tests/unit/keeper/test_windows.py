"""Windows, and when to ask again so that an image stays."""

from dataclasses import replace
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.core.declaration import Window
from keeper.core.moments.timing import MAX_BACKOFF_S, backoff_s, renewal_s
from keeper.core.moments.windows import is_open, opening_at
from tests.unit.keeper.build import DECLARED, HOUR

PARIS = ZoneInfo("Europe/Paris")
NIGHT = Window(time(22), time(6), PARIS)
DAY = 24 * HOUR


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("moment", "start", "end"),
    [
        ("2026-01-01T12:00", "2026-01-01T21:00", "2026-01-02T05:00"),
        ("2026-01-01T21:00", "2026-01-01T21:00", "2026-01-02T05:00"),
        ("2026-01-02T04:59", "2026-01-01T21:00", "2026-01-02T05:00"),
        ("2026-01-02T05:00", "2026-01-02T21:00", "2026-01-03T05:00"),
        # The nights in which the clocks change have 7 and 9 hours.
        ("2026-03-29T00:30", "2026-03-28T21:00", "2026-03-29T04:00"),
        ("2026-10-25T04:30", "2026-10-24T20:00", "2026-10-25T05:00"),
    ],
)
def test_a_window_opens_each_day_by_the_clocks_of_its_zone(moment: str, start: str, end: str) -> None:
    opening = opening_at(NIGHT, at(moment))
    assert (opening.start_s, opening.end_s) == (at(start), at(end))
    assert is_open(NIGHT, at(moment)) == (at(start) <= at(moment))


@pytest.mark.parametrize(
    ("expires", "now", "asks"),
    [
        # With the margin of 4 h it is due within the night.
        ("2026-01-02T06:00", "2026-01-01T12:00", "2026-01-02T02:00"),
        # Due by day: late enough in the night before, so that it lasts until the next night, margin included.
        ("2026-01-02T18:00", "2026-01-01T22:00", "2026-01-02T01:00"),
        # Asked for after that moment: it lasts until the next night.
        ("2026-01-03T03:00", "2026-01-02T03:30", "2026-01-02T23:00"),
        # Expired by day: as soon as the window opens.
        ("2026-01-01T09:00", "2026-01-01T12:00", "2026-01-01T21:00"),
    ],
)
def test_what_would_expire_between_two_openings_is_asked_for_in_the_one_before(
    expires: str, now: str, asks: str
) -> None:
    declared = replace(DECLARED, window=NIGHT)
    assert renewal_s(at(expires), declared, DAY, at(now)) == at(asks)


def test_without_a_window_the_margin_decides() -> None:
    assert renewal_s(at("2026-01-02T18:00"), DECLARED, DAY, at("2026-01-01T00:00")) == at("2026-01-02T14:00")


@given(
    opens=st.times(),
    closes=st.times(),
    zone=st.sampled_from(["UTC", "Europe/Paris", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia"]),
    moment_s=st.floats(1.5e9, 2e9),
)
def test_the_opening_ends_after_the_moment_and_the_next_one_follows(
    opens: time, closes: time, zone: str, moment_s: float
) -> None:
    window = Window(opens, closes, ZoneInfo(zone))
    opening = opening_at(window, moment_s)
    assert opening.end_s > moment_s
    assert opening.start_s <= moment_s + 2 * DAY
    following = opening_at(window, opening.end_s)
    assert opening.end_s <= following.end_s


@given(st.integers(1, 200))
def test_the_backoff_doubles_up_to_six_hours(attempt: int) -> None:
    assert backoff_s(600.0, attempt) == min(600.0 * 2 ** (attempt - 1), MAX_BACKOFF_S)
