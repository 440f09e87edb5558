"""What SQLite's errors mean for the rows: one table, the only place that knows its result codes."""

import sqlite3
from enum import Enum
from pathlib import Path
from typing import Final

from processor.stores.api import StoreError, StoreFatal, StoreRetry


class CodeAction(Enum):
    """What follows from a result code."""

    RETRY = "it will pass by itself"
    ACTIONABLE = "it will pass when somebody acts"
    ERROR = "waiting will not help"


_EXTENDED_BITS: Final = 8  # an extended code has its primary code in the low byte

# Source: https://sqlite.org/rescode.html. By primary code: the decision, and what to do about it.
DECISIONS: Final[dict[int, tuple[CodeAction, str]]] = {
    sqlite3.SQLITE_BUSY: (CodeAction.RETRY, "another program is writing to it"),
    sqlite3.SQLITE_LOCKED: (CodeAction.RETRY, "another program is writing to it"),
    sqlite3.SQLITE_INTERRUPT: (CodeAction.RETRY, "it was interrupted"),
    sqlite3.SQLITE_ABORT: (CodeAction.RETRY, "it was interrupted"),
    sqlite3.SQLITE_PROTOCOL: (CodeAction.RETRY, "other programs open and close it all the time"),
    sqlite3.SQLITE_SCHEMA: (CodeAction.RETRY, "another program changed its tables"),
    sqlite3.SQLITE_NOMEM: (CodeAction.ACTIONABLE, "memory is short: give the process more"),
    sqlite3.SQLITE_FULL: (CodeAction.ACTIONABLE, "the disk is full: make room"),
    sqlite3.SQLITE_IOERR: (
        CodeAction.ACTIONABLE,
        "reading or writing failed: look at the disk and at the kernel's log",
    ),
    sqlite3.SQLITE_READONLY: (
        CodeAction.ACTIONABLE,
        "it may not be written: let this user write the file and its folder",
    ),
    sqlite3.SQLITE_PERM: (CodeAction.ACTIONABLE, "it may not be used: let this user write the file and its folder"),
    sqlite3.SQLITE_AUTH: (CodeAction.ACTIONABLE, "it may not be used: let this user write the file and its folder"),
    sqlite3.SQLITE_CANTOPEN: (CodeAction.ACTIONABLE, "it can't be opened: let this user write the file and its folder"),
    sqlite3.SQLITE_NOLFS: (CodeAction.ACTIONABLE, "the file system takes no larger file: move it to another one"),
    sqlite3.SQLITE_CORRUPT: (CodeAction.ERROR, "it is damaged: move it away and run with --rebuild-store"),
    sqlite3.SQLITE_NOTADB: (CodeAction.ERROR, "it is no SQLite database: set `store.path` to another file"),
    sqlite3.SQLITE_FORMAT: (CodeAction.ERROR, "it is damaged: move it away and run with --rebuild-store"),
    sqlite3.SQLITE_ERROR: (CodeAction.ERROR, "its tables were changed: move it away and run with --rebuild-store"),
    sqlite3.SQLITE_CONSTRAINT: (CodeAction.ERROR, "its tables were changed: move it away and run with --rebuild-store"),
    sqlite3.SQLITE_MISMATCH: (CodeAction.ERROR, "its tables were changed: move it away and run with --rebuild-store"),
    sqlite3.SQLITE_TOOBIG: (CodeAction.ERROR, "this build of SQLite has lower limits than usual: use another one"),
    sqlite3.SQLITE_RANGE: (CodeAction.ERROR, "this is a bug in precache: please report it"),
    sqlite3.SQLITE_MISUSE: (CodeAction.ERROR, "this is a bug in precache: please report it"),
    sqlite3.SQLITE_INTERNAL: (CodeAction.ERROR, "this is a bug in SQLite: use another version"),
    sqlite3.SQLITE_EMPTY: (CodeAction.ERROR, "this is a bug in SQLite: use another version"),
    sqlite3.SQLITE_NOTFOUND: (CodeAction.ERROR, "this is a bug in SQLite: use another version"),
}


def store_error(error: sqlite3.Error, path: Path) -> StoreError:
    """Return what an error of SQLite means, to be raised in its place."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE)
    known = DECISIONS.get(code & ((1 << _EXTENDED_BITS) - 1))
    decision, advice = known or (CodeAction.ERROR, "precache does not know this error: please report it")
    text = f"the store {path}: {advice} (SQLite: {error})"
    if decision is CodeAction.ERROR:
        return StoreFatal(text)
    return StoreRetry(text, actionable=decision is CodeAction.ACTIONABLE)
