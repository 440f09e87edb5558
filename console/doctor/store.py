"""Looks at the processor's store: InfluxDB as the processor does at its start, SQLite without touching the file."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from console.doctor.findings import Check, Finding, fail, ok
from precache.config.store import InfluxStoreConfig, SqliteStoreConfig
from processor.config import ProcessorConfig
from processor.stores.api import StoreError
from processor.stores.opening import open_store


def check(config: ProcessorConfig) -> Check:
    """Return the check of the store."""
    store = config.store
    if isinstance(store, SqliteStoreConfig):
        return Check(f"store {store.path}", lambda: [_sqlite(store.path)])
    return Check(f"store {store.url}", lambda: [_influxdb(store)])


def _influxdb(config: InfluxStoreConfig) -> Finding:
    what = f"store {config.url}, bucket {config.bucket}"
    store = open_store(config)
    try:
        store.check()
    except StoreError as error:
        return fail(what, str(error), "fix it as the text says; the processor goes on by itself after that")
    finally:
        store.close()
    return ok(what, "reachable, the bucket is there, and the token may use it")


def _sqlite(path: Path) -> Finding:
    what = f"store {path}"
    folder = path.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return fail(what, f"{folder} is no folder that this user can write to", f"make it: mkdir -p {folder}")
    if not path.exists():
        return ok(what, "is not there yet; the processor makes it")
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            (operations,) = connection.execute("SELECT count(*) FROM precache_operation").fetchone()
    except sqlite3.Error as error:
        return fail(what, f"can't be read: {error}", "set `store.path` to a new file, and run --rebuild-store")
    return ok(what, f"{operations} operations in it")
