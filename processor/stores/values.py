"""From rows to plain values, the same for every store: what is refused, encoded and cut is decided here.

Column by column, since a batch has thousands of rows of few types: checks and conversions then run in C (``min``,
``map`` over cached functions), and the encoder of line protocol reaches several hundred thousand rows a second.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

import orjson

from processor.stores import RefusedRow
from processor.stores.rows import BY_ROW, MEASUREMENTS, Field, Kind, Measurement, Row

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
# InfluxDB keeps the two lowest and the highest for itself (models.MinNanoTime, models.MaxNanoTime).
TIME_MIN_NS: Final = INT64_MIN + 2
TIME_MAX_NS: Final = INT64_MAX - 1
# The longest string field that InfluxDB takes (tsdb.MaxFieldValueLength); a longer one costs its point.
MAX_STRING_BYTES: Final = 1_048_576
# Lists of hosts: enough for some two thousand names, and cheap to query.
MAX_NAMES_BYTES: Final = 64 * 1024
# Measurement and tags together may have 65,535 bytes in InfluxDB; four tags of this size fit, escaped and all.
MAX_TAG_BYTES: Final = 8_000
EMPTY_TAG: Final = "-"

# Small enough that what one slice needs is memory just freed by the slice before: 5,000 at once are a quarter slower.
_SLICE_ROWS: Final = 500
# C0, DEL and C1. Line protocol ends a point at a newline, escaped or not; the others are no better in a name.
_CONTROL_CODES: Final = (*range(0x20), *range(0x7F, 0xA0))
_CONTROLS: Final = {code: "".join(f"%{byte:02X}" for byte in chr(code).encode()) for code in _CONTROL_CODES}

Column = Iterable[Any]


class UnwritableError(Exception):
    """No store can hold this; the text says which value and why."""


@dataclass(frozen=True, slots=True)
class Converters:
    """How one store writes the kinds that differ; numbers, booleans and times are the same everywhere.

    ``listed`` and ``names`` make a JSON list from its strings (see :func:`json_list`). What ``string`` returns
    must not raise when it is read.
    """

    tag: Callable[[str], str]
    string: Callable[[Sequence[str]], Column]
    listed: Callable[[tuple[str, ...]], str]
    names: Callable[[tuple[str, ...]], str]


@dataclass(frozen=True, slots=True)
class Slice:
    """Some rows of one measurement, and their values in the order of :meth:`Measurement.columns`."""

    measurement: Measurement
    rows: Sequence[Row]
    columns: list[Column]


def slices(rows: Iterable[Row], converters: Converters, refused: list[RefusedRow]) -> Iterator[Slice]:
    """Yield rows by measurement in small slices, in their order; those that no store can hold go to ``refused``."""
    by_type: dict[type[Row], list[Row]] = {measurement.row: [] for measurement in MEASUREMENTS}
    for row in rows:
        by_type[type(row)].append(row)
    for same in by_type.values():
        for first in range(0, len(same), _SLICE_ROWS):
            yield from _writable(same[first : first + _SLICE_ROWS], converters, refused)


def _writable(rows: list[Row], converters: Converters, refused: list[RefusedRow]) -> Iterator[Slice]:
    try:
        values = columns(rows, converters)
    except UnwritableError as error:
        if len(rows) == 1:
            refused.append(RefusedRow(rows[0], str(error)))
            return
        middle = len(rows) // 2
        yield from _writable(rows[:middle], converters, refused)
        yield from _writable(rows[middle:], converters, refused)
    else:
        yield Slice(BY_ROW[type(rows[0])], rows, values)


def columns(rows: Sequence[Row], converters: Converters) -> list[Column]:
    """Return the values of rows of one type in the order of :meth:`Measurement.columns`.

    Raises:
        UnwritableError: a value in some row can't be stored; to find the row, ask for fewer.
    """
    measurement = BY_ROW[type(rows[0])]
    times, *rest = zip(*rows, strict=True)
    _check_range("time", times, TIME_MIN_NS, TIME_MAX_NS)
    attributes = (field.name for field in measurement.fields if field.kind is not Kind.COUNT)
    by_name = dict(zip((*measurement.tags, *attributes), rest, strict=True))
    try:
        return [
            *(list(map(converters.tag, by_name[tag])) for tag in sorted(measurement.tags)),
            *(_field(field, by_name[field.of or field.name], converters) for field in measurement.fields),
            times,
        ]
    except UnicodeEncodeError as error:
        raise UnwritableError(f"text that is not Unicode: {error.reason} at character {error.start}") from error


def _field(field: Field, values: Sequence[Any], converters: Converters) -> Column:
    column: Column = values
    match field.kind:
        case Kind.INTEGER:
            _check_range(field.name, values, INT64_MIN, INT64_MAX)
        case Kind.FLOAT:
            if not all(map(isfinite, values)):
                raise UnwritableError(f"{field.name} is not a finite number")
        case Kind.STRING:
            _check_strings(field.name, values)
            column = converters.string(values)
        case Kind.BOOLEAN:
            pass
        case Kind.LIST:
            column = list(map(converters.listed, map(tuple, values)))
        case Kind.NAMES:
            column = list(map(converters.names, map(tuple, values)))
        case Kind.COUNT:
            column = map(len, values)
    return column


def _check_range(name: str, values: Sequence[int], lowest: int, highest: int) -> None:
    if min(values) < lowest or max(values) > highest:
        raise UnwritableError(f"{name} is beyond {lowest} to {highest}")


def _check_strings(name: str, values: Sequence[str]) -> None:
    if len("".join(values).encode()) <= MAX_STRING_BYTES:
        return
    longest = max(len(value.encode()) for value in values)
    if longest > MAX_STRING_BYTES:
        raise UnwritableError(f"{name} has {longest} bytes; a string may have {MAX_STRING_BYTES}")


def tag_text(value: str) -> str:
    """Return a tag's value as it stands in a store: percent-encoded where line protocol can't hold the true text.

    Control characters, and a backslash at the end, which would take the next separator with it; an empty one is ``-``.
    Everything else stays, a percent sign too: the encoding is for reading, the true text is in the Kafka records.

    Raises:
        UnwritableError: longer than :data:`MAX_TAG_BYTES`.
        UnicodeEncodeError: half a surrogate pair.
    """
    text = value.translate(_CONTROLS) or EMPTY_TAG
    if text[-1] == "\\":
        text = text[:-1] + "%5C"
    size = len(text.encode())
    if size > MAX_TAG_BYTES:
        raise UnwritableError(f"a tag of {size} bytes, beginning with {text[:40]!r}; it may have {MAX_TAG_BYTES}")
    return text


def json_list(names: tuple[str, ...], limit_bytes: int) -> str:
    """Return a JSON list of as many of the names, from the first, as fit into so many bytes of UTF-8.

    Raises:
        UnicodeEncodeError: half a surrogate pair.
    """
    try:
        text = orjson.dumps(names)
    except TypeError:
        "".join(names).encode()  # says which character
        raise
    if len(text) > limit_bytes:
        text = orjson.dumps(names[: _how_many_fit(names, limit_bytes)])
    return text.decode()


def _how_many_fit(names: tuple[str, ...], limit_bytes: int) -> int:
    size = 1  # "[" and, after each name, a comma or the "]"
    for count, name in enumerate(names):
        size += len(orjson.dumps(name)) + 1
        if size > limit_bytes:
            return count
    return len(names)


def images_text(images: tuple[str, ...]) -> str:
    """Return a list of images as JSON: whole, but for one that no string field would hold."""
    return json_list(images, MAX_STRING_BYTES)


def hosts_text(hosts: tuple[str, ...]) -> str:
    """Return a list of hosts as JSON, cut at a whole name by :data:`MAX_NAMES_BYTES`."""
    return json_list(hosts, MAX_NAMES_BYTES)
