import pytest
from hypothesis import given
from hypothesis import strategies as st

from precache.contract import times

NOVA_CASES = [
    ("2026-11-22 06:24:38.695481", "2026-11-22T06:24:38.695481Z"),
    ("2026-11-22 06:24:38", "2026-11-22T06:24:38.000000Z"),
    ("2026-11-22T06:24:38.695481", "2026-11-22T06:24:38.695481Z"),
    ("2026-11-22T07:24:38.695481+01:00", "2026-11-22T06:24:38.695481Z"),
    ("2026-11-22T06:24:38.695481Z", "2026-11-22T06:24:38.695481Z"),
    ("1969-12-31 23:59:59.999999", "1969-12-31T23:59:59.999999Z"),
]


@pytest.mark.parametrize(("nova", "rfc3339"), NOVA_CASES)
def test_novas_naive_time_becomes_utc(nova: str, rfc3339: str) -> None:
    assert times.rfc3339_from_nova(nova) == rfc3339


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01 00:00:00", "12:00:00", "NaN"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        times.parse_ns(text)


@given(st.integers(min_value=0, max_value=4_000_000_000_000_000_000))
def test_nine_digits_survive_the_round_trip(ns: int) -> None:
    assert times.ns_from_rfc3339(times.rfc3339_ns(ns)) == ns


@given(st.integers(min_value=0, max_value=4_000_000_000_000))
def test_milliseconds_survive_the_round_trip(ms: int) -> None:
    assert times.ms_from_rfc3339(times.rfc3339_ms(ms)) == ms


def test_a_time_without_digits_is_not_taken_for_nanoseconds() -> None:
    with pytest.raises(ValueError, match="nine digits"):
        times.ns_from_rfc3339("2026-11-22T06:24:38Z")
