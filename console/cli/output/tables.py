"""Tables: with colour on a terminal, aligned plain text in a pipe."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

_SEPARATOR: Final = "  "
_STYLES: Final = {
    **dict.fromkeys(("completed", "resident", "cached", "running", "ok"), "green"),
    **dict.fromkeys(("completed_with_errors", "abandoned", "failed"), "red"),
    **dict.fromkeys(("stalled", "silent", "unsure", "expiring", "missing", "WARN"), "yellow"),
    "FAIL": "bold red",
}


def write(lines: Iterable[str]) -> None:
    """Write lines to stdout, some at a time: there may be a hundred thousand."""
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on stdout; nothing when there are no rows.

    Args:
        headings: one for each column.
        rows: cells of one line each. A cell that is a word of state has its colour on a terminal.
    """
    cells = list(rows)
    if not cells:
        return
    if sys.stdout.isatty():
        _print_rich(headings, cells)
    else:
        write(aligned([headings, *cells]))


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows as lines with their cells one below the other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield _SEPARATOR.join(padded).rstrip()


def _print_rich(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    Console().print(table)
