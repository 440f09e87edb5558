"""What the bridge's service decides by itself."""

import pytest

from bridge.service import linger_ms, max_body_bytes


@pytest.mark.parametrize(("clouds", "expected"), [(1, 5), (10, 5), (14, 5), (25, 10), (50, 20), (500, 20)])
def test_records_wait_longer_for_others_of_their_batch_where_many_clouds_share_a_bridge(
    clouds: int, expected: int
) -> None:
    assert linger_ms(clouds) == expected


@pytest.mark.parametrize(
    ("kafka", "expected"),
    [(400_000, 2_000_000), (1_000_000, 2_000_000), (4_000_000, 8_000_000), (100_000_000, 16_000_000)],
)
def test_bodies_are_looked_into_as_far_as_kafka_could_take_a_record_of_them(kafka: int, expected: int) -> None:
    assert max_body_bytes(kafka) == expected
