"""Rows in a SQLite file: no server, one processor, readable by ``sqlite3`` while it runs."""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from precache.contract.tables.measurements import MEASUREMENTS, Row
from processor.stores.api import RefusedRow, StoreFatal, StoreRetry, WriteReport, numbered
from processor.stores.sqlite.errors import store_error
from processor.stores.sqlite.schema import prepare, upsert
from processor.stores.values import Column, Converters, hosts_text, images_text, slices, tag_text

# A person's long query or checkpoint; past it the loop takes over, which keeps its partitions while it waits.
_BUSY_TIMEOUT_S: Final = 5.0
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def _as_is(values: Sequence[object]) -> Column:
    return values


_CONVERTERS: Final = Converters(tag_text, _as_is, images_text, hosts_text)
_UPSERTS: Final = {measurement.name: upsert(measurement) for measurement in MEASUREMENTS}


class SqliteStore:
    """A :class:`processor.stores.api.RowStore` in one file. Keeps every row until somebody deletes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: int | None = None
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def check(self) -> None:
        """Open the file, alone, and make its tables. See :meth:`processor.stores.api.RowStore.check`."""
        with self._words():
            self._open().execute("SELECT count(*) FROM sqlite_master").fetchone()

    def write(self, rows: Sequence[Row]) -> WriteReport:
        """Write all rows in one transaction, on disk when it returns. See :meth:`RowStore.write`."""
        refused: list[RefusedRow] = []
        with self._words():
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            for part in slices(numbered(rows), _CONVERTERS, refused):
                connection.executemany(_UPSERTS[part.measurement.name], zip(*part.columns, strict=True))
            connection.execute("COMMIT")
        return WriteReport(tuple(refused))

    def interrupt(self) -> None:
        """See :meth:`processor.stores.api.RowStore.interrupt`: a write is one transaction, and soon over."""

    def close(self) -> None:
        """Close the file and let another processor have it."""
        self._close_connection()
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    @contextmanager
    def _words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            # Rolls back; and the next attempt opens anew: after some errors (disk full, I/O) the old one is of no use.
            self._close_connection()
            raise store_error(error, self._path) from error
        except StoreFatal:
            self.close()
            raise
        except BaseException:
            self._close_connection()  # or the next attempt would find this one's transaction open
            raise

    def _close_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # A file that can't be tidied up is as whole as after a kill: the next opening sees to it.
            with suppress(sqlite3.Error):
                connection.close()

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            if self._lock is None:
                self._lock = _lock(self._path)
            # Kept before it is ready, so that whatever goes wrong closes it.
            self._connection = _connect(self._path)
            _set_up(self._connection)
            prepare(self._connection, self._path)
            self._file = _identity(self._path)
        elif _identity(self._path) != self._file:
            raise StoreFatal(
                f"the store {self._path} was moved or deleted while in use: put it back, or run with --rebuild-store"
            )
        return self._connection


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _connect(path: Path) -> sqlite3.Connection:
    # One thread at a time uses it, but not always the one that opened it.
    return sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)


def _set_up(connection: sqlite3.Connection) -> None:
    # Readers go on while a transaction is written, and see it whole or not at all.
    connection.execute("PRAGMA journal_mode = WAL")
    # In WAL mode NORMAL can lose the last transactions at a power cut; "written" must mean on disk.
    connection.execute("PRAGMA synchronous = FULL")


def _lock(path: Path) -> int:
    """Return a descriptor that holds the lock for processors; readers take no notice of it.

    Raises:
        StoreFatal: another processor has it, or no file can be made there.
        StoreRetry: the disk is full.
    """
    path = path.resolve()  # a link to the file is the same store
    name = path.with_name(path.name + ".lock")
    try:
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StoreRetry(
                f"the store {path}: the disk is full: make room ({error.strerror})", actionable=True
            ) from error
        raise StoreFatal(
            f"the store {path} can't be opened: {error.strerror}: make its folder, writable by this user, "
            "or set `store.path` to another file"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
        os.close(lock)
        raise StoreFatal(
            f"the store {path} belongs to another processor (process {holder}): SQLite is for one processor only; "
            "stop that one, or give all of them an InfluxDB"
        ) from error
    # For people, and the text above. Where there is no room for it, SQLite reports the full disk in a moment.
    with suppress(OSError):
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock
