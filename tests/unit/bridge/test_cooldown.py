"""When a cloud rests, and for how long."""

import pytest

from bridge.cooldown import cooldown_s


@pytest.mark.parametrize(
    ("spent_s", "messages", "expected"),
    [
        (0.0, 0, 0.0),
        (0.02, 0, 0.0),
        (0.04, 1_000, 0.0),  # what a thousand usual messages cost
        (0.03, 1, 0.03),
        (0.2, 1, 0.2),
        (0.2, 600, 0.2),
        (2.0, 1, 0.5),
    ],
)
def test_a_cloud_rests_for_as_long_as_costly_messages_took(spent_s: float, messages: int, expected: float) -> None:
    assert cooldown_s(spent_s, messages) == expected
