"""One formatter for all lists: a command has columns and rows; `-o` and `-c` decide how they are printed."""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar, get_args

import click

from console.cli.exits import USAGE, CommandError
from console.cli.output.tables import print_table, write
from console.cli.output.texts import escaped_json, json_line, printable

T = TypeVar("T")

Format = Literal["table", "json", "yaml", "value", "wide"]
_MOST_CHARS: Final = 60


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """One column.

    Attributes:
        name: the key in JSON and YAML, and what `-c` takes.
        value: what a row has there, as JSON takes it.
        label: the heading in a table; the name unless given.
        show: the value for people; else its text.
        is_wide: only in `-o wide`, and where it is asked for.
        is_long: shortened on a terminal, but for `-o wide`.
    """

    name: str
    value: Callable[[T], Any]
    label: str = ""
    show: Callable[[Any], str] | None = None
    is_wide: bool = False
    is_long: bool = False

    def text(self, row: T, *, cut: bool = False) -> str:
        """Return the value for a table, on one line; ``cut``: shortened, if it may be long."""
        value = self.value(row)
        text = printable(" ".join((self.show(value) if self.show else plain(value)).split()))
        return text if not (cut and self.is_long) or len(text) <= _MOST_CHARS else text[: _MOST_CHARS - 1] + "…"


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """What a command found: rows, and the columns that they may be printed in."""

    columns: Sequence[Column[T]]
    rows: Sequence[T]


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """What `-o` and `-c` ask for."""

    format: Format
    columns: tuple[str, ...] = ()

    def print(self, listing: Listing[T]) -> None:
        """Print a list on stdout.

        Raises:
            CommandError: `-c` names a column that there is not.
        """
        columns = self.choose(listing.columns)
        if self.format in {"table", "wide"}:
            _print_table(columns, listing.rows, is_wide=self.format == "wide")
        elif self.format == "value":
            write(_SEPARATOR_OF_VALUES.join(_value(column.value(row)) for column in columns) for row in listing.rows)
        else:
            self.print_objects({column.name: column.value(row) for column in columns} for row in listing.rows)

    def print_objects(self, objects: Iterable[dict[str, Any]]) -> None:
        """Print objects as JSON, one a line, or as one list in YAML."""
        if self.format == "json":
            write(json_line(each) for each in objects)
        else:
            write([yaml_text(list(objects)).removesuffix("\n")])

    def print_object(self, found: dict[str, Any]) -> None:
        """Print one object: as a line of JSON, or as a document in YAML."""
        write([json_line(found) if self.format == "json" else yaml_text(found).removesuffix("\n")])

    def choose(self, columns: Sequence[Column[T]]) -> list[Column[T]]:
        """Return the columns to print.

        Raises:
            CommandError: `-c` names one that there is not.
        """
        if not self.columns:
            shows_all = self.format not in {"table", "value"}
            return [column for column in columns if shows_all or not column.is_wide]
        by_name = {name: column for column in columns for name in (column.label or column.name, column.name)}
        for name in self.columns:
            if name not in by_name:
                raise CommandError(f"no column {name!r}: choose from {', '.join(each.name for each in columns)}", USAGE)
        return [by_name[name] for name in self.columns]


_SEPARATOR_OF_VALUES: Final = "\t"


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `-o`, `-c` and `--json`; :func:`output_of` reads them."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Short for -o json."),
        click.option("-c", "--column", "columns", multiple=True, metavar="COLUMN", help="Print this; may be repeated."),
        click.option(
            "-o",
            "--output",
            "output",
            type=click.Choice(get_args(Format)),
            default="table",
            show_default=True,
            help="json: one object a line; value: no headings; wide: a table of all columns.",
        ),
    ):
        command = option(command)
    return command


def output_of(*, output: Format, columns: tuple[str, ...], as_json: bool) -> OutputOptions:
    """Return what the options of :func:`output_options` ask for."""
    return OutputOptions("json" if as_json else output, columns)


def yaml_text(value: Any) -> str:
    """Return a value as YAML."""
    import yaml

    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=False, width=1_000)
    return escaped_json(text)


def plain(value: Any) -> str:
    """Return a value for people."""
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value))
    return "" if value is None else str(value)


def _value(value: Any) -> str:
    return json_line(value) if isinstance(value, list | tuple | dict) else printable(plain(value))


def _print_table(columns: Sequence[Column[T]], rows: Sequence[T], *, is_wide: bool) -> None:
    cut = sys.stdout.isatty() and not is_wide
    cells = ([column.text(row, cut=cut) for column in columns] for row in rows)
    print_table([column.label or column.name for column in columns], cells)
