"""Bars fit a terminal, however wide."""

import io

from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from console.watch.pace import UNKNOWN, Estimate
from console.watch.show.bars import Bar, Bars, table

ESTIMATES = st.builds(Estimate, st.none() | st.floats(0, 100), st.none() | st.floats(0, 1e6))
ROWS = st.builds(
    Bar,
    st.text(max_size=60),
    st.integers(0, 100_000),
    st.none() | st.integers(0, 100_000),
    st.integers(0, 10_000),
    ESTIMATES,
    st.sampled_from(["", "stalled", "waiting for Nova", "may wait behind another-application"]),
)
LONG = Bar("paris my-application-with-a-long-name", 12_340, 20_000, 12, Estimate(1.2, 3_725.0))


def drawn(rows: list[Bar], columns: int) -> list[str]:
    console = Console(width=columns, height=20, file=io.StringIO(), force_terminal=True, color_system=None)
    console.print(table(rows, columns))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@given(st.lists(ROWS, min_size=1, max_size=4), st.integers(60, 200))
@example([LONG], 60)
def test_a_line_each_within_the_width(rows: list[Bar], columns: int) -> None:
    lines = drawn(rows, columns)
    assert len(lines) == len(rows)
    assert all(cell_len(line) <= columns for line in lines)


def test_what_a_line_reports_in_60_columns() -> None:
    [line] = drawn([LONG], 60)
    assert "paris my-app" in line
    assert "12340/20000" in line
    assert "12 err" in line
    assert "1h02m left" in line
    assert "━" in line


def test_what_a_line_reports_in_100_columns() -> None:
    [line] = drawn([LONG], 100)
    assert "72/min" in line


def test_more_rows_than_lines_are_counted() -> None:
    console = Console(width=80, height=10, file=io.StringIO(), force_terminal=True, color_system=None)
    bars = Bars(console)
    bars.draw([Bar(f"cloud{n}", 0, 10, 0, UNKNOWN) for n in range(30)])
    bars.clear()
    assert isinstance(console.file, io.StringIO)
    assert "and 24 more" in console.file.getvalue()
