"""Clocks that a group has committed."""

import pytest

from console.doctor.clock import found
from processor.core.partition import MAX_AHEAD_MS

NOW = 1_790_000_000_000


@pytest.mark.parametrize(
    ("clocks", "state", "text"),
    [
        ({}, "ok", "nothing is committed yet"),
        ({0: NOW, 1: NOW - 10**9, 2: NOW + MAX_AHEAD_MS}, "ok", "3 partitions, none ahead of this machine's"),
        (
            {3: NOW + 90_000_000, 0: NOW + MAX_AHEAD_MS + 1, 1: NOW},
            "WARN",
            "ahead of this machine's: partition 0 by 300 s, partition 3 by 90000 s",
        ),
    ],
)
def test_what_is_found(clocks: dict[int, int], state: str, text: str) -> None:
    finding = found("clock of g", clocks, NOW)
    assert (finding.what, finding.state, finding.text) == ("clock of g", state, text)
    assert bool(finding.remedy) == (state == "WARN")
