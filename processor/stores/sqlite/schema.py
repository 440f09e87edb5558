"""SQLite's tables, with the names of the measurements, and the views of ``views.sql``."""

import sqlite3
from importlib import resources
from pathlib import Path
from typing import Final

from precache.contract.tables.measurements import MEASUREMENTS, Field, Kind, Measurement
from precache.contract.tables.sqlite_file import APPLICATION_ID, VERSION
from processor.stores.api import StoreFatal

_COLUMN_TYPES: Final = {
    Kind.INTEGER: "INTEGER",
    Kind.BOOLEAN: "INTEGER",
    Kind.FLOAT: "REAL",
    Kind.STRING: "TEXT",
    Kind.LIST: "TEXT",
    Kind.NAMES: "TEXT",
}


def table_ddl(measurement: Measurement) -> str:
    """Return the statement that makes a measurement's table: tags and time are the key, as they are in InfluxDB."""
    tags = [tag.name for tag in measurement.tags]
    keys = (*tags, "time")
    columns = (
        *(f'"{tag}" TEXT NOT NULL' for tag in tags),
        '"time" INTEGER NOT NULL',
        *map(_column, measurement.fields),
        f"PRIMARY KEY ({', '.join(keys)})",
    )
    inside = ",\n  ".join(columns)
    return f"CREATE TABLE {measurement.name} (\n  {inside}\n) WITHOUT ROWID"


def views_ddl() -> list[str]:
    """Return the statements that make the views."""
    text = resources.files(__package__).joinpath("views.sql").read_text(encoding="utf-8")
    return ["CREATE VIEW " + statement.rstrip("; \n") for statement in text.split("CREATE VIEW ")[1:]]


def upsert(measurement: Measurement) -> str:
    """Return the statement that writes a row, its values in the order of :meth:`Measurement.columns`."""
    names = measurement.columns()
    columns = ", ".join(f'"{name}"' for name in names)
    return f"INSERT OR REPLACE INTO {measurement.name} ({columns}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make tables and views in a new file; leave those of this version as they are.

    Raises:
        StoreFatal: a newer precache made the file, or another program.
    """
    version = _pragma(connection, "user_version")
    if version > VERSION:
        raise StoreFatal(
            f"the store {path} was made by a newer precache (its schema is {version}, this one knows {VERSION}): "
            "run that version, or set `store.path` to another file"
        )
    if version == VERSION and _pragma(connection, "application_id") == APPLICATION_ID:
        _add_columns(connection)
        return
    if version or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StoreFatal(f"{path} is another program's database: set `store.path` to a file of its own")
    connection.execute("BEGIN IMMEDIATE")
    for measurement in MEASUREMENTS:
        connection.execute(table_ddl(measurement))
    for statement in views_ddl():
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _add_columns(connection: sqlite3.Connection) -> None:
    """Add tables and columns of later versions of 1.x to a file that an earlier one made; that can still write it."""
    connection.execute("BEGIN IMMEDIATE")
    for measurement in MEASUREMENTS:
        there = {row[1] for row in connection.execute(f"PRAGMA table_info({measurement.name})")}
        if not there:
            connection.execute(table_ddl(measurement))
            continue
        for field in measurement.fields:
            if field.name not in there:
                connection.execute(f"ALTER TABLE {measurement.name} ADD COLUMN {_column(field)}")
    connection.execute("COMMIT")


def _column(field: Field) -> str:
    # What came after version 1.0 has a default, so that a processor of 1.0 can still write.
    default = (" DEFAULT ''" if field.kind is Kind.STRING else " DEFAULT 0") if field.added else ""
    return f'"{field.name}" {_COLUMN_TYPES[field.kind]} NOT NULL{default}'


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value
