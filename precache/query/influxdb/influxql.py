"""InfluxQL's texts for what is asked. Pure.

Source: InfluxQL's reference, and the scanner of InfluxDB 2.7, checked on the real server.
"""

import re
from collections.abc import Iterable, Sequence

import orjson

from precache.query.api import OperationFilter

_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n"})


def text(value: str) -> str:
    """Return a string as a literal."""
    return f"'{value.translate(_ESCAPES)}'"


def name(value: str) -> str:
    """Return the name of a tag, a field or a measurement; ours need no escape, but some are keywords."""
    return f'"{value}"'


def holds(field: str, item: str) -> str:
    """Return the condition that a JSON list of strings holds this one."""
    pattern = re.escape(orjson.dumps(item).decode()).replace("/", "\\/")
    return f"{name(field)} =~ /{pattern}/"


def select(
    columns: Sequence[str],
    measurement: str,
    conditions: Iterable[str] = (),
    *,
    newest_first: bool = False,
    limit: int = 0,
) -> str:
    """Return a query for points as they are, the oldest first; ``limit`` 0: all of them."""
    parts = [f"SELECT {', '.join(map(name, columns))} FROM {name(measurement)}"]  # noqa: S608 - values come as literals of `text`
    where = " AND ".join(conditions)
    parts += [f"WHERE {where}"] if where else []
    parts += ["ORDER BY time DESC"] if newest_first else []
    parts += [f"LIMIT {limit}"] if limit else []
    return " ".join(parts)


def equal(**values: str) -> list[str]:
    """Return a condition for each tag or field that has to have a value; an empty one asks for nothing."""
    return [f"{name(key)} = {text(value)}" for key, value in values.items() if value]


def either(**values: str) -> str:
    """Return the condition that one tag or field has its value."""
    return f"({' OR '.join(equal(**values))})"


def conditions_of(wanted: OperationFilter) -> list[str]:
    """Return what an operation must fulfil."""
    found = equal(cloud=wanted.cloud)
    if wanted.aggregate:
        found.append(either(aggregate_uuid=wanted.aggregate, aggregate_name=wanted.aggregate))
    if wanted.image:
        found.append(holds("images", wanted.image))
    if wanted.statuses:
        found.append(f"({' OR '.join(one for status in sorted(wanted.statuses) for one in equal(status=status))})")
    if wanted.since_ns:
        found.append(f"time >= {wanted.since_ns}")
    return found
