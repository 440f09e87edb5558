from hypothesis import given
from hypothesis import strategies as st

from precache.contract.times import point_time_ns, spare_digits


@given(st.text())
def test_spare_digits_fit_below_a_microsecond(operation: str) -> None:
    assert 0 <= spare_digits(operation) < 1_000


def test_spare_digits_are_frozen() -> None:
    # A change would write every point of a rebuilt store beside the old one.
    assert spare_digits("paris/ccf82bd4-a15e-43c5-83ad-b23970338139/req-5f0d8a52-9c1b-4f6e-8a33-0b6f2f1c9e11") == 37


def test_two_operations_at_one_microsecond_keep_their_points_apart() -> None:
    moment = 1_795_328_678_695_481_000
    one, other = (point_time_ns(moment, spare_digits(f"paris/aggregate/req-{n}")) for n in range(2))
    assert one != other
    assert one // 1_000 == other // 1_000 == moment // 1_000
