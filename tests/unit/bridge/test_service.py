"""What the bridge's service decides by itself."""

import pytest

from bridge.service import linger_ms


@pytest.mark.parametrize(("clouds", "expected"), [(1, 5), (10, 5), (14, 5), (25, 10), (50, 20), (500, 20)])
def test_records_wait_longer_for_others_of_their_batch_where_many_clouds_share_a_bridge(
    clouds: int, expected: int
) -> None:
    assert linger_ms(clouds) == expected
