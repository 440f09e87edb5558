r"""InfluxDB's line protocol for our measurements.

Source: the line protocol's reference and InfluxDB 2.7's parser (``models/points.go``), checked by writing to the real
server and reading back. In a tag ``,``, ``=`` and the space are escaped by a backslash; a backslash itself is not, and
before any other character it stands for itself. In a string field ``"`` and ``\`` are escaped; all else, newlines too,
stands as it is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from precache.contract.tables.measurements import MEASUREMENTS, Kind, Measurement
from processor.stores.api import Numbered, RefusedRow
from processor.stores.values import Column, Converters, Slice, hosts_text, images_text, slices, tag_text

_TAG_MEMO_SIZE: Final = 65_536  # distinct hosts, aggregates, clouds; each costs some 200 bytes
_STRING_MEMO_SIZE: Final = 1_024  # operations and conductors of a batch; a name has 4 kB at most
_LIST_MEMO_SIZE: Final = 1_024  # distinct lists of images: a handful an operation
_TAG_ESCAPES: Final = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})

_PLACES: Final = {
    Kind.INTEGER: "%di",
    Kind.FLOAT: "%r",
    Kind.BOOLEAN: "%s",
    Kind.STRING: '"%s"',
    Kind.LIST: '"%s"',
    Kind.NAMES: '"%s"',
}


@dataclass(slots=True)
class Batch:
    """Lines for one request, and the row that each was made from."""

    rows: list[Numbered] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    chars: int = 0

    def __len__(self) -> int:
        return len(self.lines)

    @classmethod
    def of(cls, part: Slice) -> "Batch":
        """Return a slice's rows as lines."""
        # zip and % run in C: no Python is executed for a single row.
        lines = list(map(_TEMPLATES[part.measurement.name].__mod__, zip(*part.columns, strict=True)))
        return cls(list(part.rows), lines, sum(map(len, lines)))

    def extend(self, other: "Batch") -> None:
        """Add another's rows and lines after these."""
        self.rows += other.rows
        self.lines += other.lines
        self.chars += other.chars

    def body(self) -> bytes:
        """Return the request's body."""
        return "\n".join(self.lines).encode()

    def halves(self) -> "tuple[Batch, Batch]":
        """Return the first half and the rest."""
        middle = len(self) // 2
        return self.part(0, middle), self.part(middle, len(self))

    def by_time(self) -> "Batch":
        """Return the same by measurement and time; rows with the same tags and time keep their order."""
        pairs = sorted(zip(self.rows, self.lines, strict=True), key=_measurement_and_time)
        return Batch([row for row, _ in pairs], [line for _, line in pairs], self.chars)

    def only(self, rows: Sequence[Numbered]) -> "Batch":
        """Return these rows of it, which must stand in its order."""
        wanted = {each.index for each in rows}
        lines = [line for each, line in zip(self.rows, self.lines, strict=True) if each.index in wanted]
        return Batch(list(rows), lines, sum(map(len, lines)))

    def part(self, first: int, end: int) -> "Batch":
        """Return its lines from ``first`` to before ``end``."""
        lines = self.lines[first:end]
        return Batch(self.rows[first:end], lines, sum(map(len, lines)))


def _measurement_and_time(pair: tuple[Numbered, str]) -> tuple[str, int]:
    row = pair[0].row
    return type(row.record).__name__, row.time_ns


def batches(rows: Iterable[Numbered], *, max_lines: int, max_chars: int, refused: list[RefusedRow]) -> Iterator[Batch]:
    """Yield rows as batches of lines, encoded as they are asked for; rows that can't be written go to ``refused``.

    A batch has up to ``max_lines`` lines and about ``max_chars`` characters, but always one line. Rows of one type keep
    their order: of two with the same tags and time the later one wins.
    """
    batch = Batch()
    for part in slices(rows, _CONVERTERS, refused):
        for piece in _pieces(Batch.of(part), max_lines, max_chars):
            if batch.lines and (len(batch) + len(piece) > max_lines or batch.chars + piece.chars > max_chars):
                yield batch
                batch = Batch()
            batch.extend(piece)
    if batch.lines:
        yield batch


def _pieces(batch: Batch, max_lines: int, max_chars: int) -> Iterator[Batch]:
    if len(batch) <= max_lines and batch.chars <= max_chars:
        yield batch
        return
    first = chars = 0
    for number, line in enumerate(batch.lines):
        if number > first and (number - first >= max_lines or chars + len(line) > max_chars):
            yield batch.part(first, number)
            first, chars = number, 0
        chars += len(line)
    yield batch.part(first, len(batch))


@lru_cache(maxsize=_TAG_MEMO_SIZE)
def _tag(value: str) -> str:
    return tag_text(value).translate(_TAG_ESCAPES)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


_quoted_name: Final = lru_cache(maxsize=_STRING_MEMO_SIZE)(_quoted)


def _strings(values: Sequence[str]) -> Column:
    return map(_quoted_name, values)


@lru_cache(maxsize=_LIST_MEMO_SIZE)
def _listed(images: tuple[str, ...]) -> str:
    return _quoted(images_text(images))


def _names(hosts: tuple[str, ...]) -> str:
    return _quoted(hosts_text(hosts))


def _template(measurement: Measurement) -> str:
    tags = ",".join(f"{tag}=%s" for tag in measurement.sorted_tags())
    fields = ",".join(f"{each.name}={_PLACES[each.kind]}" for each in measurement.fields)
    return f"{measurement.name},{tags} {fields} %d"


_CONVERTERS: Final = Converters(_tag, _strings, _listed, _names)
_TEMPLATES: Final = {measurement.name: _template(measurement) for measurement in MEASUREMENTS}
