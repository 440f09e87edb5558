"""Tables that are too wide for a terminal: no value is broken that fits a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.cli.output.tables import fits, flowing

HEADINGS = ("started", "cloud", "aggregate", "status", "request")
ROW = ("2026-11-25 22:04:28", "oslo", "web-tier", "completed", "req-07697e21-56fd-440b-a68b-27353d02d59f")


def test_pairs_flow_and_the_first_line_begins_at_the_edge() -> None:
    assert list(flowing(HEADINGS, ROW, 60)) == [
        "started 2026-11-25 22:04:28  cloud oslo  aggregate web-tier",
        "  status completed",
        "  request req-07697e21-56fd-440b-a68b-27353d02d59f",
    ]


@given(
    st.lists(st.tuples(st.text("abc", min_size=1, max_size=9), st.text("xyz-", max_size=40)), min_size=1, max_size=12),
    st.integers(20, 200),
)
def test_every_value_is_there_whole_and_lines_fit(pairs: list[tuple[str, str]], width: int) -> None:
    headings, row = zip(*pairs, strict=True)
    lines = list(flowing(headings, row, width))
    text = "  ".join(lines)
    assert all(f"{heading} {cell}".strip() in text for heading, cell in pairs)
    longest = max(len(f"{heading} {cell}") for heading, cell in pairs)
    assert all(len(line) <= max(width, longest + 2) for line in lines)


@pytest.mark.parametrize(
    ("widths", "width", "shown_as"),
    [
        ([10, 10, 10], 34, "table"),
        ([10, 10, 10], 33, "lines"),
        # A text may be broken, down to 24 columns.
        ([10, 200], 36, "table"),
        ([10, 200], 35, "lines"),
        ([10, 40], 51, "lines"),
    ],
)
def test_a_table_fits_when_its_names_and_figures_do(widths: list[int], width: int, shown_as: str) -> None:
    assert fits(widths, width) is (shown_as == "table")
