"""Tables: with colour on a terminal, aligned plain text in a pipe."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

_SEPARATOR: Final = "  "
# A longer cell is a text, which may be broken; a shorter one is a name, a figure or an id.
_LONG: Final = 45
# So narrow that nobody likes to read a text.
_NARROW: Final = 24
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


def fits(widths: Sequence[int], width: int) -> bool:
    """Whether a table with columns of these widths can be read in a terminal; texts among them may be broken."""
    least = [_NARROW if each > _LONG else each for each in widths]
    return sum(least) + len(_SEPARATOR) * (len(widths) - 1) <= width


def flowing(headings: Sequence[str], row: Sequence[str], width: int) -> Iterator[str]:
    """Yield one row as lines of `heading value` pairs, for a terminal that is too narrow for a table.

    The first line begins at the left edge, the others are indented. No value is broken that fits a line of its own, so
    an id can be copied.
    """
    line = ""
    for heading, cell in zip(headings, row, strict=True):
        pair = f"{heading} {cell}".strip()
        if not pair:
            continue
        longer = f"{line}{_SEPARATOR}{pair}" if line else pair
        if line and len(longer) > width:
            yield line
            longer = f"{_SEPARATOR}{pair}"
        line = longer
    yield line


def _print_rich(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    if not fits(widths, console.width):
        for row in rows:
            write(flowing(headings, row, console.width))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, width in zip(headings, widths, strict=True):
        is_text = width > _LONG and sum(widths) > console.width - len(_SEPARATOR) * len(widths)
        table.add_column(heading, overflow="fold", no_wrap=not is_text)
    for row in rows:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    console.print(table)
