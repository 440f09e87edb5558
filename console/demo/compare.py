"""Holds what the store has against what the simulated clouds sent, and names each difference."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from console.simulator.clouds import SimulatedRequest

Row = dict[str, Any]

# The store keeps lists as JSON; their order says nothing.
_LISTS: Final = frozenset({"images", "failed_hosts", "silent_hosts", "images_cached", "images_failed"})


@dataclass(frozen=True, slots=True)
class Table:
    """One measurement: its rows by what names them."""

    name: str
    rows: dict[tuple[str, ...], Row]


def expected(requests: Sequence[SimulatedRequest]) -> list[Table]:
    """Return the rows that must be in the store, with the fields that the simulators know."""
    return [
        Table("precache_operation", {(request.operation,): _operation(request) for request in requests}),
        Table(
            "precache_progress",
            {
                (request.operation, report.host): {
                    "cloud": request.cloud,
                    "aggregate_name": request.aggregate.name,
                    "hosts_total": len(request.aggregate.hosts),
                    "images_cached": sorted(report.cached),
                    "images_failed": sorted(report.failed),
                    "images_cached_count": len(report.cached),
                    "images_failed_count": len(report.failed),
                }
                for request in requests
                for report in request.reports
            },
        ),
        Table(
            "precache_image",
            {(request.operation, image): _image(request, image) for request in requests for image in request.images},
        ),
    ]


def stored(path: Path) -> list[Table]:
    """Return the rows that are in the store.

    Raises:
        sqlite3.Error: the file is no store of precache.
    """
    keys = {
        "precache_operation": ("operation",),
        "precache_progress": ("operation", "host"),
        "precache_image": ("operation", "image"),
    }
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [Table(name, _by_key(connection, name, key)) for name, key in keys.items()]


def operations(have: Sequence[Table]) -> dict[str, Row]:
    """Return the rows of ``precache_operation`` by the operation's id."""
    return {key[0]: row for table in have if table.name == "precache_operation" for key, row in table.rows.items()}


def differences(want: Sequence[Table], have: Sequence[Table]) -> list[str]:
    """Return what is different, one sentence each; none when the store says what was sent."""
    found = {table.name: table.rows for table in have}
    return [text for table in want for text in _table_differences(table, found.get(table.name, {}))]


def _operation(request: SimulatedRequest) -> Row:
    failed = [report for report in request.reports if report.failed]
    errors = sum(len(report.failed) for report in failed)
    total, done = len(request.aggregate.hosts), len(request.reports)
    return {
        "cloud": request.cloud,
        "aggregate_uuid": request.aggregate.uuid,
        "aggregate_name": request.aggregate.name,
        "status": "completed_with_errors" if errors or request.silent_hosts else "completed",
        "hosts_total": total,
        "hosts_done": done,
        "hosts_failed": len(failed),
        "hosts_silent": len(request.silent_hosts),
        "errors": errors,
        "percent": 100.0 * done / total,
        "images": sorted(request.images),
        "failed_hosts": sorted(report.host for report in failed),
        "silent_hosts": sorted(request.silent_hosts),
        "start_missing": False,
        "end_missing": False,
        "request_id": request.request_id,
        "project_id": "admin",
        "user_id": "admin",
    }


def _image(request: SimulatedRequest, image: str) -> Row:
    return {
        "cloud": request.cloud,
        "aggregate_name": request.aggregate.name,
        "hosts_cached": sum(image in report.cached for report in request.reports),
        "hosts_failed": sum(image in report.failed for report in request.reports),
    }


def _by_key(connection: sqlite3.Connection, table: str, key: tuple[str, ...]) -> dict[tuple[str, ...], Row]:
    rows: dict[tuple[str, ...], Row] = {}
    for found in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608 - a fixed name
        row = {name: _value(name, found[name]) for name in found.keys()}  # noqa: SIM118 - a sqlite3.Row is no dict
        name = tuple(str(row[part]) for part in key)
        # A second row of one name would hide behind the first: its own name shows it as one too many.
        rows[name if name not in rows else (*name, f"(row {len(rows) + 1})")] = row
    return rows


def _value(name: str, value: Any) -> Any:
    return sorted(json.loads(value)) if name in _LISTS else value


def _table_differences(want: Table, have: Mapping[tuple[str, ...], Row]) -> Iterator[str]:
    for key, row in want.rows.items():
        there = have.get(key)
        if there is None:
            yield f"{want.name}: no row for {_name(key)}"
            continue
        for field, value in row.items():
            if field not in there or there[field] != value:
                yield f"{want.name}: {_name(key)}: {field} is {there.get(field)!r}, sent was {value!r}"
    for key in have.keys() - want.rows.keys():
        yield f"{want.name}: a row for {_name(key)}, which nobody sent"


def _name(key: Iterable[str]) -> str:
    return " ".join(key)
