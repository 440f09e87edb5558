"""The tables of ``docs/schema.md``, written from the records themselves.

``python -m precache.contract.tables.schema docs/schema.md`` writes them between their marks; a test compares.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from msgspec import Struct

from precache.contract.deadletters import DeadLetterHeaders, header
from precache.contract.operation import Operation
from precache.contract.progress import Progress
from precache.contract.tables import fields
from precache.contract.tables.measurements import MEASUREMENTS, Measurement, keys, role
from precache.contract.wanted import Wanted

_MARKED: Final = re.compile(r"(<!-- table: (?P<name>[\w.]+) -->\n\n).*?(\n<!-- end of table -->)", re.DOTALL)


def measurement_table(measurement: Measurement) -> str:
    """Return a measurement's tags and fields as a table in Markdown."""
    tags = ((f"`{tag.name}`", "tag", "", tag.meaning) for tag in measurement.tags)
    kept = ((f"`{field.name}`", field.kind.value, field.unit, field.meaning) for field in measurement.fields)
    return _table(("name", "type", "unit", "meaning"), (*tags, *kept))


def record_table(shape: type[Struct]) -> str:
    """Return, as a table in Markdown, the keys of a Kafka record that the store has no field for."""
    return _table(
        ("key", "meaning"),
        ((f"`{name}`", meta.description or "") for name, _, meta, _ in keys(shape) if role(meta) == fields.RECORD),
    )


def header_table(shape: type[Struct]) -> str:
    """Return the headers of a record as a table in Markdown."""
    return _table(
        ("header", "meaning"), ((f"`{header(name)}`", meta.description or "") for name, _, meta, _ in keys(shape))
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(cells).replace("|  |", "| |") + " |\n" for cells in lines)


TABLES: Final = {measurement.name: measurement_table(measurement) for measurement in MEASUREMENTS} | {
    "precache.progress": record_table(Progress),
    "precache.operations": record_table(Operation),
    "precache.deadletters": header_table(DeadLetterHeaders),
    "precache.wanted": record_table(Wanted),
}


def written(text: str) -> str:
    """Return a document with its marked tables as they should be.

    Raises:
        KeyError: a mark names no table.
    """
    return _MARKED.sub(lambda found: found[1] + TABLES[found["name"]] + found[3], text)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")
