"""Every result code of SQLite is decided, and its text says what to do."""

import sqlite3
from pathlib import Path

import pytest

from processor.stores.api import StoreFatal, StoreRetry
from processor.stores.sqlite.errors import DECISIONS, store_error

# Not errors: success, notices, rows, and codes of other calls that share the prefix.
NO_ERRORS = {"SQLITE_OK", "SQLITE_ROW", "SQLITE_DONE", "SQLITE_NOTICE", "SQLITE_WARNING"}
FILE = Path("/var/lib/precache.db")


def primary_codes() -> dict[str, int]:
    """Return the result codes by name; of those in the module, error codes are what this SQLite names so."""
    listed = (
        "ERROR INTERNAL PERM ABORT BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT NOTFOUND FULL CANTOPEN PROTOCOL "
        "EMPTY SCHEMA TOOBIG CONSTRAINT MISMATCH MISUSE NOLFS AUTH FORMAT RANGE NOTADB"
    )
    return {name: getattr(sqlite3, f"SQLITE_{name}") for name in listed.split()}


def extended_codes() -> dict[str, int]:
    primaries = primary_codes()
    return {
        name: value
        for name, value in vars(sqlite3).items()
        if name.startswith("SQLITE_") and isinstance(value, int) and value > 0xFF and value & 0xFF in primaries.values()
        if any(name.startswith(f"SQLITE_{primary}_") for primary in primaries)
    }


def raised_with(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("what it says")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize("name", primary_codes())
def test_every_code_is_decided(name: str) -> None:
    code = primary_codes()[name]
    assert code in DECISIONS
    error = store_error(raised_with(code), FILE)
    assert isinstance(error, StoreRetry | StoreFatal)
    assert str(error) == f"the store {FILE}: {DECISIONS[code][1]} (SQLite: what it says)"


def test_codes_run_without_a_gap() -> None:
    assert sorted(primary_codes().values()) == list(range(1, 27))


def test_extended_codes_follow_their_primary_one() -> None:
    codes = extended_codes()
    assert {"SQLITE_IOERR_WRITE", "SQLITE_BUSY_SNAPSHOT", "SQLITE_READONLY_DBMOVED"} <= codes.keys()
    for code in codes.values():
        extended, primary = store_error(raised_with(code), FILE), store_error(raised_with(code & 0xFF), FILE)
        assert (type(extended), str(extended)) == (type(primary), str(primary))


@pytest.mark.parametrize(
    ("code", "kind", "actionable"),
    [
        (sqlite3.SQLITE_BUSY, StoreRetry, False),
        (sqlite3.SQLITE_FULL, StoreRetry, True),
        (sqlite3.SQLITE_IOERR_FSYNC, StoreRetry, True),
        (sqlite3.SQLITE_READONLY, StoreRetry, True),
        (sqlite3.SQLITE_CORRUPT, StoreFatal, None),
        (sqlite3.SQLITE_NOTADB, StoreFatal, None),
        (250, StoreFatal, None),
    ],
)
def test_what_passes_and_what_does_not(code: int, kind: type[Exception], *, actionable: bool | None) -> None:
    error = store_error(raised_with(code), FILE)
    assert type(error) is kind
    assert getattr(error, "actionable", None) is actionable


def test_an_error_of_the_module_itself_is_an_error() -> None:
    assert isinstance(store_error(sqlite3.ProgrammingError("Cannot operate on a closed database."), FILE), StoreFatal)
