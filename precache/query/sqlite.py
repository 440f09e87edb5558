"""Reads a SQLite store, which a processor may write meanwhile. Opened read-only.

Time stands last in the tables' keys: to ask for it alone reads the whole table. So reports are looked for host by host,
with one step down the tree for each.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson
from msgspec import Struct

from precache.contract.tables.sqlite_file import APPLICATION_ID, VERSION
from precache.query.api import (
    BootFilter,
    Evidence,
    HostOutcome,
    OperationFilter,
    QueryError,
    WantedFilter,
    latest_wanted,
    oldest_first,
    parts_of,
)
from precache.query.periods import ALWAYS, SLACK_NS, Period, period_of
from precache.query.records import BridgeState, HostReport, StoredBoot, StoredOperation, WantedImage, maker, names_of

T = TypeVar("T", bound=Struct)
Values = Sequence[Any]

# The processor's own commits; readers wait for nothing else.
_BUSY_TIMEOUT_S: Final = 5.0

# One step for each host of an aggregate, then one to its period. ?1 to ?3: the aggregate; ?4 and ?5: the period.
_BY_HOST: Final = """
WITH RECURSIVE hosts(name) AS (
  SELECT min(host) FROM precache_progress WHERE cloud = ?1 AND aggregate_uuid = ?2 AND aggregate_name = ?3
  UNION ALL
  SELECT (SELECT min(host) FROM precache_progress
          WHERE cloud = ?1 AND aggregate_uuid = ?2 AND aggregate_name = ?3 AND host > hosts.name)
  FROM hosts WHERE hosts.name IS NOT NULL)
SELECT {columns} FROM hosts JOIN precache_progress ON cloud = ?1 AND aggregate_uuid = ?2 AND aggregate_name = ?3
  AND host = hosts.name AND time BETWEEN ?4 AND ?5
"""
_ADVICE: Final = {
    sqlite3.SQLITE_BUSY: "another program holds it: try again",
    sqlite3.SQLITE_LOCKED: "another program holds it: try again",
    sqlite3.SQLITE_CANTOPEN: "let this user read the file, and write its folder while the processor runs",
    sqlite3.SQLITE_READONLY: "let this user write its folder while the processor runs",
    sqlite3.SQLITE_PERM: "let this user read the file",
    sqlite3.SQLITE_NOTADB: "it is no SQLite database: set `store.path` to the processor's",
    sqlite3.SQLITE_CORRUPT: "it is damaged: run the processor with --rebuild-store on a new file",
}
# What opening gives where the file of locks can't be made.
_NO_LOCKS: Final = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
_OUTCOME: Final = ("time", "cloud", "host", "operation", "images_cached", "images_failed")
# ?1 to ?3: cloud, aggregate and image; an empty one asks for nothing.
_WANTED: Final = """
SELECT {columns} FROM precache_wanted AS w
WHERE ?1 IN ('', cloud) AND ?2 IN ('', aggregate_uuid, aggregate_name) AND ?3 IN ('', image)
  AND time = (SELECT max(time) FROM precache_wanted AS p WHERE p.cloud = w.cloud
              AND p.aggregate_uuid = w.aggregate_uuid AND p.aggregate_name = w.aggregate_name AND p.image = w.image)
"""
_BRIDGES: Final = """
SELECT {columns} FROM precache_bridge AS b
WHERE time = (SELECT max(time) FROM precache_bridge AS p WHERE p.cloud = b.cloud AND p.instance = b.instance)
ORDER BY cloud, instance
"""


class SqliteReader:
    """A :class:`precache.query.api.Reader` of one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def operations(self, wanted: OperationFilter) -> list[StoredOperation]:
        """See :meth:`precache.query.api.Reader.operations`."""
        where, values = _conditions(wanted)
        # -1: no limit.
        values.append(-1 if wanted.limit is None else wanted.limit)
        text = f"SELECT {{columns}} FROM precache_operation WHERE {where} ORDER BY time DESC, operation LIMIT ?"  # noqa: S608
        return list(self._rows(StoredOperation, "precache_operation", text, values))

    def find(self, identity: str) -> list[StoredOperation]:
        """See :meth:`precache.query.api.Reader.find`."""
        if not identity:
            return []
        if (parts := parts_of(identity)) is not None:
            where, values = "cloud = ? AND aggregate_uuid = ? AND operation = ?", [*parts, identity]
        else:
            where, values = "request_id = ?1 OR global_request_id = ?1", [identity]
            if "global_request_id" not in self._columns("precache_operation"):
                where = "request_id = ?1"
        text = f"SELECT {{columns}} FROM precache_operation WHERE {where}"  # noqa: S608
        return oldest_first(self._rows(StoredOperation, "precache_operation", text, values))

    def reports(self, operation: StoredOperation) -> list[HostReport]:
        """See :meth:`precache.query.api.Reader.reports`."""
        found = self._reports_in(period_of(operation), operation)
        if len(found) < operation.hosts_done:
            found = self._reports_in(ALWAYS, operation)
        return sorted(found, key=lambda each: (each.time, each.host))

    def _reports_in(self, period: Period, operation: StoredOperation) -> list[HostReport]:
        values = [operation.cloud, operation.aggregate_uuid, operation.aggregate_name, *period, operation.operation]
        text = _BY_HOST + "WHERE operation = ?6"
        return list(self._rows(HostReport, "precache_progress", text, values))

    def evidence(self, since_ns: int, cloud: str = "") -> Evidence:
        """See :meth:`precache.query.api.Reader.evidence`."""
        operations = self.operations(OperationFilter(cloud=cloud, since_ns=since_ns))
        return Evidence(operations, self._outcomes(max(0, since_ns - SLACK_NS), operations))

    def _outcomes(self, first_ns: int, operations: Sequence[StoredOperation]) -> Iterator[HostOutcome]:
        known = {each.operation for each in operations}
        text = _BY_HOST.format(columns=", ".join(_OUTCOME))
        for aggregate in sorted({(each.cloud, each.aggregate_uuid, each.aggregate_name) for each in operations}):
            with self._words():
                for row in self._open().execute(text, [*aggregate, first_ns, ALWAYS.last_ns]):
                    if row[3] in known:
                        yield HostOutcome.of(row)

    def boots(self, wanted: BootFilter) -> list[StoredBoot]:
        """See :meth:`precache.query.api.Reader.boots`."""
        if not self._columns("precache_boot"):
            return []
        given = {"cloud = ?": wanted.cloud, "image = ?": wanted.image, "time >= ?": wanted.since_ns}
        conditions = {condition: value for condition, value in given.items() if value} or {"?": 1}
        text = f"SELECT {{columns}} FROM precache_boot WHERE {' AND '.join(conditions)} ORDER BY time, instance"  # noqa: S608
        return list(self._rows(StoredBoot, "precache_boot", text, list(conditions.values())))

    def wanted(self, wanted: WantedFilter) -> list[WantedImage]:
        """See :meth:`precache.query.api.Reader.wanted`."""
        if not self._columns("precache_wanted"):
            return []
        return latest_wanted(
            self._rows(WantedImage, "precache_wanted", _WANTED, [wanted.cloud, wanted.aggregate, wanted.image])
        )

    def bridges(self) -> list[BridgeState]:
        """See :meth:`precache.query.api.Reader.bridges`."""
        return list(self._rows(BridgeState, "precache_bridge", _BRIDGES, []))

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _rows(self, shape: type[T], table: str, text: str, values: Values) -> Iterator[T]:
        there = self._columns(table)
        names = [name for name in names_of(shape) if name in there]
        make = maker(shape, names)
        with self._words():
            for row in self._open().execute(text.format(columns=", ".join(names)), values):
                yield make(row)

    def _columns(self, table: str) -> frozenset[str]:
        """Return the columns of a table: an older processor made fewer; none where there is no such table."""
        with self._words():
            return frozenset(row[1] for row in self._open().execute(f"PRAGMA table_info({table})"))

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            if not self._path.exists():
                raise QueryError(
                    f"the store {self._path} is not there: see that `store.path` is right, and that a processor has run"
                )
            self._connection = _connect(self._path)
            _check(self._connection, self._path)
        return self._connection

    @contextmanager
    def _words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            self.close()
            raise QueryError(f"the store {self._path} can't be read: {_advice(error)} (SQLite: {error})") from error


def _conditions(wanted: OperationFilter) -> tuple[str, list[Any]]:
    conditions: dict[str, list[Any]] = {}
    if wanted.cloud:
        conditions["cloud = ?"] = [wanted.cloud]
    if wanted.aggregate:
        conditions["(aggregate_uuid = ? OR aggregate_name = ?)"] = [wanted.aggregate, wanted.aggregate]
    if wanted.image:
        conditions["instr(images, ?) > 0"] = [orjson.dumps(wanted.image).decode()]
    if wanted.statuses:
        conditions[f"status IN ({', '.join('?' * len(wanted.statuses))})"] = sorted(wanted.statuses)
    if wanted.since_ns:
        conditions["time >= ?"] = [wanted.since_ns]
    return " AND ".join(conditions) or "true", [value for values in conditions.values() for value in values]


def _connect(path: Path) -> sqlite3.Connection:
    try:
        return _opened(path, "mode=ro")
    except sqlite3.OperationalError as error:
        # A reader of a WAL file makes the file of locks beside it, which takes write access to the folder. Without a
        # processor there is no WAL, nothing changes the file, and it can be read without.
        if _primary(error) not in _NO_LOCKS or path.with_name(path.name + "-wal").exists():
            raise
        return _opened(path, "mode=ro&immutable=1")


def _opened(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}", uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None
    )
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise QueryError(f"{path} is another program's database: set `store.path` to the processor's")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise QueryError(
            f"the store {path} was made by a newer precache (its schema is {version}, this one knows {VERSION}): "
            "use that version"
        )


def _advice(error: sqlite3.Error) -> str:
    return _ADVICE.get(_primary(error), "see that it is a store of precache, on a disk that works")


def _primary(error: sqlite3.Error) -> int:
    """Return the primary result code; an extended one has it in its low byte."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
