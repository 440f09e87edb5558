"""From rows to plain values, the same for every store: what is refused, encoded and cut is decided here.

Column by column, since a batch has thousands of rows of few types: checks and conversions then run in C (``min``,
``map`` over cached functions), and the encoder of line protocol reaches several hundred thousand rows a second.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

import orjson

from precache.contract.tables.fields import INT64_MAX, INT64_MIN
from precache.contract.tables.measurements import BY_RECORD, MEASUREMENTS, Field, Kind, Measurement, Record, Row
from processor.stores.api import Numbered, RefusedRow

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

_VALUES: Final = {measurement.record: measurement.values() for measurement in MEASUREMENTS}


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
    rows: Sequence[Numbered]
    columns: list[Column]


def slices(rows: Iterable[Numbered], converters: Converters, refused: list[RefusedRow]) -> Iterator[Slice]:
    """Yield rows by measurement in small slices, in their order; those that no store can hold go to ``refused``."""
    by_type: dict[type[Record], list[Numbered]] = {measurement.record: [] for measurement in MEASUREMENTS}
    for each in rows:
        by_type[type(each.row.record)].append(each)
    for same in by_type.values():
        for first in range(0, len(same), _SLICE_ROWS):
            yield from _writable(same[first : first + _SLICE_ROWS], converters, refused)


def _writable(rows: list[Numbered], converters: Converters, refused: list[RefusedRow]) -> Iterator[Slice]:
    try:
        values = columns([each.row for each in rows], converters)
    except UnwritableError as error:
        if len(rows) == 1:
            refused.append(RefusedRow(*rows[0], str(error)))
            return
        middle = len(rows) // 2
        yield from _writable(rows[:middle], converters, refused)
        yield from _writable(rows[middle:], converters, refused)
    else:
        yield Slice(BY_RECORD[type(rows[0].row.record)], rows, values)


def columns(rows: Sequence[Row], converters: Converters) -> list[Column]:
    """Return the values of rows of one measurement in the order of :meth:`Measurement.columns`.

    Raises:
        UnwritableError: a value in some row can't be stored; to find the row, ask for fewer.
    """
    times = [row.time_ns for row in rows]
    shape = type(rows[0].record)
    measurement = BY_RECORD[shape]
    _check_range("time", times, TIME_MIN_NS, TIME_MAX_NS)
    take = _VALUES[shape]
    values = list(zip(*(take(row.record) for row in rows), strict=True))
    count = len(measurement.tags)
    try:
        return [
            *(list(map(converters.tag, column)) for column in values[:count]),
            *(_field(*each, converters) for each in zip(measurement.fields, values[count:], strict=True)),
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
    """Return a JSON list of as many of the names, from the first, as fit into that many bytes of UTF-8.

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
