import pytest

from precache.runtime.backoff import backoff_s


@pytest.mark.parametrize(
    ("attempt", "share", "seconds"),
    [
        (0, 1.0, 0.5),
        (0, 0.0, 0.0),
        (1, 1.0, 1.0),
        (2, 0.5, 1.0),
        (3, 1.0, 4.0),
        (4, 1.0, 5.0),
        (7, 0.5, 2.5),
        (1_000_000, 1.0, 5.0),
    ],
)
def test_the_wait_doubles_up_to_the_cap_and_is_a_random_share(attempt: int, share: float, seconds: float) -> None:
    assert backoff_s(attempt, random=lambda: share) == seconds


def test_other_bounds() -> None:
    assert backoff_s(3, base_s=0.1, cap_s=0.4, random=lambda: 1.0) == pytest.approx(0.4)
    assert all(0 <= backoff_s(0) < 0.5 for _ in range(100))
