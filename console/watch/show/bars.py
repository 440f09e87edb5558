"""A bar for each operation on a terminal, on stderr, in as many columns as there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from console.cli.output.texts import printable
from console.watch.pace import UNKNOWN, Estimate
from console.watch.show.lines import duration

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.table import Table

# Below this width of a terminal the rate is left out: it says least, as the time left is made of it.
_RATE_COLUMNS: Final = 72
_LABEL_COLUMNS: Final = 10
_SMALLEST_BAR: Final = 6
_LARGEST_BAR: Final = 40
_MINUTE_S: Final = 60.0
# A live display that is higher than the terminal can't be rewritten.
_OTHER_LINES: Final = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """What one bar shows.

    Attributes:
        label: which operation.
        done, total: hosts; a total of None is not known yet.
        errors: failed (host, image) pairs.
        estimate: rate and time left.
        note: instead of the time left: what is waited for.
    """

    label: str
    done: int = 0
    total: int | None = None
    errors: int = 0
    estimate: Estimate = UNKNOWN
    note: str = ""


class Bars:
    """Draws bars, and takes them away where other text is to stand.

    Args:
        console: where; stderr by default.
    """

    def __init__(self, console: "Console | None" = None) -> None:
        from rich.console import Console

        self._console = console or Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._live: Live | None = None

    def draw(self, rows: Sequence[Bar], above: str = "") -> None:
        """Show these rows, in place of those before, below a line of text."""
        from rich.console import Group
        from rich.live import Live
        from rich.text import Text

        if not rows and not above:
            self.clear()
            return
        parts: list[RenderableType] = [Text(above, overflow="ellipsis", no_wrap=True)] if above else []
        room = max(1, self._console.height - _OTHER_LINES)
        shown = rows if len(rows) <= room else rows[: room - 1]
        parts.append(table(shown, self._console.width))
        if len(shown) < len(rows):
            parts.append(Text(f"and {len(rows) - len(shown)} more"))
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(Group(*parts), refresh=True)

    def clear(self) -> None:
        """Take the bars away."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def table(rows: Sequence[Bar], columns: int) -> "Table":
    """Return the rows as a table that fits a terminal of that many columns."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    texts = [_texts(row, with_rate=columns >= _RATE_COLUMNS) for row in rows]
    used = [any(column) for column in zip(*texts, strict=True)]
    texts = [[text for text, is_used in zip(row, used, strict=True) if is_used] for row in texts]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    longest = max((cell_len(printable(row.label)) for row in rows), default=0)
    label, bar = _widths(columns - sum(widths) - len(widths), longest)
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=label, no_wrap=True, overflow="ellipsis")
    if bar:
        grid.add_column(width=bar, no_wrap=True)
    for width in widths:
        grid.add_column(width=width, justify="right", no_wrap=True, overflow="ellipsis")
    for row, cells in zip(rows, texts, strict=True):
        drawn = [ProgressBar(total=max(1, row.total or 1), completed=_filled(row), pulse=False)] if bar else []
        style = "yellow" if row.errors else ""
        grid.add_row(Text(printable(row.label)), *drawn, *(Text(cell, style=style) for cell in cells))
    return grid


def _widths(room: int, label: int) -> tuple[int, int]:
    """Return the columns of the label and of the bar, 0 for no bar; room is what the other columns leave."""
    if room < _LABEL_COLUMNS + _SMALLEST_BAR + 1:
        return max(1, min(label, room)), 0
    bar = max(_SMALLEST_BAR, min(_LARGEST_BAR, room - 1 - label))
    return min(label, room - 1 - bar), bar


def _filled(row: Bar) -> int:
    """Return how much of the bar is full; an aggregate without hosts has nothing left to do."""
    return 1 if row.total == 0 else min(row.done, max(1, row.total or 1))


def _texts(row: Bar, *, with_rate: bool) -> list[str]:
    hosts = f"{row.done}/{'?' if row.total is None else row.total}"
    errors = f"{row.errors} err" if row.errors else ""
    return [hosts, errors, *([rate(row.estimate)] if with_rate else []), row.note or left(row.estimate)]


def rate(estimate: Estimate) -> str:
    """Return ``4.2/min``; ``""`` when it is not known."""
    return "" if estimate.rate is None else f"{estimate.rate * _MINUTE_S:.3g}/min"


def left(estimate: Estimate) -> str:
    """Return ``12m31s left``, or ``~12m31s left`` where it comes from former operations; ``""``: not known."""
    if estimate.left_s is None:
        return ""
    guess = "~" if estimate.rate is None and estimate.left_s > 0 else ""
    return f"{guess}{duration(estimate.left_s)} left"
