"""SQLite's own: one processor, readers beside it, what lies in the file, and what can befall a file."""

import errno
import json
import os
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from precache.contract.tables.sqlite_file import VERSION
from processor.stores.api import StoreFatal, StoreRetry
from processor.stores.sqlite.store import SqliteStore
from tests.support.influx_rows import read_table
from tests.support.store_rows import MEASUREMENT, NOW_NS, bridge, image, operation, progress

DATA = Path(__file__).parents[2] / "data" / "sqlite"
BIG = ["x" * 1_000] * 100


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "precache.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(path)
    made.check()
    yield made
    made.close()


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)


def test_a_file_of_an_earlier_version_is_kept_and_both_versions_can_write_it(path: Path) -> None:
    with closing(sqlite3.connect(path)) as made:
        made.executescript((DATA / "0.9.0.sql").read_text())
    store = SqliteStore(path)
    store.check()
    store.write([progress(host="new"), operation(aggregate_name="new")])
    store.close()
    # As version 0.9.0 writes: without the columns that came later.
    change(
        path,
        "INSERT INTO precache_image SELECT cloud, aggregate_uuid, aggregate_name, 'again', time, operation, "
        "hosts_cached, hosts_failed FROM precache_image",
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as older:
        columns = [row[1] for row in older.execute("PRAGMA table_info(precache_progress)") if row[1] != "conductor"]
        names = ", ".join(f'"{name}"' for name in columns)
        older.execute(f"INSERT OR REPLACE INTO precache_progress ({names}) SELECT {names} FROM precache_progress")  # noqa: S608 - names of precache
    found = {point["host"]: point["conductor"] for point in read_table(path, "precache_progress")}
    assert found == {"cn-1": "", "new": ""}
    rows = {row["aggregate_name"]: row for row in read_table(path, "precache_operation")}
    assert (rows["web tier"]["conductor"], rows["new"]["conductor"]) == ("", "ctrl01")
    again = SqliteStore(path)
    again.check()
    again.close()


def test_a_link_to_the_file_is_the_same_store(store: SqliteStore, path: Path) -> None:
    assert store is not None
    link = path.with_name("link.db")
    link.symlink_to(path)
    with pytest.raises(StoreFatal, match="belongs to another processor"):
        SqliteStore(link).check()


def test_a_second_processor_is_refused_in_words_until_the_first_is_gone(store: SqliteStore, path: Path) -> None:
    second = SqliteStore(path)
    said = (
        f"the store {path} belongs to another processor (process {os.getpid()}): SQLite is for one processor only; "
        "stop that one, or give all of them an InfluxDB"
    )
    for attempt in (second.check, lambda: second.write([progress()])):
        with pytest.raises(StoreFatal) as raised:
            attempt()
        assert str(raised.value) == said
    store.write([progress()])
    store.close()
    second.check()
    second.close()


def test_the_lock_of_a_killed_processor_is_free(path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from processor.stores.sqlite.store import SqliteStore\n"
        "SqliteStore(Path(sys.argv[1])).check(); print('open', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "open\n"
        store = SqliteStore(path)
        with pytest.raises(StoreFatal, match=rf"\(process {first.pid}\)"):
            store.check()
        first.kill()
        first.wait()
    store.check()
    store.close()


def test_a_killed_processor_leaves_what_it_had_written(path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from processor.stores.sqlite.store import SqliteStore\n"
        "from tests.support.store_rows import progress\n"
        "store = SqliteStore(Path(sys.argv[1])); store.write([progress(index=n) for n in range(700)])\n"
        "os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(path)], check=False, env=os.environ | {"PYTHONPATH": "."})
    assert ended.returncode == -9
    assert len(read_table(path, "precache_progress")) == 700


def test_people_read_while_the_processor_writes(store: SqliteStore, path: Path) -> None:
    store.write([progress()])
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM precache_progress").fetchone() == (1,)
        store.write([progress()])
        assert reader.execute("SELECT count(*) FROM precache_progress").fetchone() == (1,)
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM precache_progress").fetchone() == (2,)


def test_a_person_who_writes_for_long_delays_the_processor_and_loses_nothing(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processor.stores.sqlite.store._BUSY_TIMEOUT_S", 0.1)
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as person:
        person.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(StoreRetry, match="another program is writing to it") as raised:
            store.write([progress()])
        assert time.monotonic() - began < 3
        assert not raised.value.actionable
        person.execute("DELETE FROM precache_progress")
        person.execute("COMMIT")
    store.write([progress()])
    assert len(read_table(path, "precache_progress")) == 1


def test_rows_are_durable_by_the_settings_that_say_so(store: SqliteStore) -> None:
    connection = store._open()
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_a_write_is_whole_or_not_at_all(store: SqliteStore, path: Path) -> None:
    change(path, "CREATE TRIGGER no BEFORE INSERT ON precache_image BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(StoreFatal, match="its tables were changed: move it away and run with --rebuild-store"):
        store.write([*(progress() for _ in range(1_000)), image()])
    assert read_table(path, "precache_progress") == []
    change(path, "DROP TRIGGER no")
    store.write([progress(), image()])
    assert len(read_table(path, "precache_image")) == 1


def test_a_file_that_was_taken_away_is_reported_and_nothing_is_written_elsewhere(
    store: SqliteStore, path: Path
) -> None:
    store.write([progress()])
    away = path.with_name("away.db")
    path.rename(away)
    with pytest.raises(StoreFatal, match="was moved or deleted while in use: put it back, or run with --rebuild-store"):
        store.write([progress()])
    away.rename(path)
    store.write([progress()])
    assert len(read_table(path, "precache_progress")) == 2


def test_an_interrupted_write_leaves_nothing_open(store: SqliteStore, path: Path) -> None:
    class InterruptingError(Exception):
        pass

    class Interrupts(list[str]):
        def __iter__(self) -> Iterator[str]:
            raise InterruptingError

    with pytest.raises(InterruptingError):
        store.write([operation(), image(), progress(), operation(images=Interrupts())])
    store.write([progress()])
    assert len(read_table(path, "precache_progress")) == 1
    assert read_table(path, "precache_operation") == []


def test_a_full_disk_is_actionable_and_passes_when_there_is_room(store: SqliteStore) -> None:
    pages = store._open().execute("PRAGMA page_count").fetchone()[0]
    store._open().execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreRetry, match="the disk is full: make room") as raised:
        store.write([progress(images_cached=BIG) for _ in range(10)])
    assert raised.value.actionable
    # The limit belongs to the connection, which was given up with the error.
    store.write([progress(images_cached=BIG) for _ in range(10)])
    assert store._open().execute("SELECT count(*) FROM precache_progress").fetchone() == (10,)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_file_system_that_refuses_is_reported_in_words(tmp_path: Path) -> None:
    link = tmp_path / "precache.db"
    link.symlink_to("/dev/full")
    with pytest.raises((StoreRetry, StoreFatal), match=f"the store {link}"):
        SqliteStore(link).check()


@pytest.fixture
def no_room() -> Iterator[None]:
    """No file of this process may grow: Python ignores the signal, so that each write fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("no_room")
def test_a_full_disk_at_the_start_is_actionable(path: Path) -> None:
    with pytest.raises(StoreRetry, match=f"^the store {path}: ") as raised:
        SqliteStore(path).check()
    assert raised.value.actionable


def test_a_full_disk_without_a_place_for_the_lock_is_actionable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # ENOSPC for a new file needs a file system of one's own; only this one call is made to fail.
    def full(*_args: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(StoreRetry, match="the disk is full: make room") as raised:
        SqliteStore(path).check()
    assert raised.value.actionable


def test_no_folder_no_store(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "precache.db"
    with pytest.raises(StoreFatal) as raised:
        SqliteStore(path).check()
    assert str(raised.value) == (
        f"the store {path} can't be opened: No such file or directory: make its folder, writable by this user, "
        "or set `store.path` to another file"
    )


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreRetry, match="it can't be opened: let this user write the file and its folder") as raised:
        SqliteStore(tmp_path).check()
    assert raised.value.actionable


def test_a_file_that_may_not_be_written_is_actionable_and_passes_when_it_may(store: SqliteStore, path: Path) -> None:
    store._open().execute("PRAGMA query_only = 1")
    with pytest.raises(
        StoreRetry, match="it may not be written: let this user write the file and its folder"
    ) as raised:
        store.write([progress()])
    assert raised.value.actionable
    store.write([progress()])
    assert len(read_table(path, "precache_progress")) == 1


def test_a_file_that_is_no_database(path: Path) -> None:
    path.write_bytes(b"something else\n" * 1_000)
    with pytest.raises(StoreFatal, match=r"it is no SQLite database: set `store\.path` to another file"):
        SqliteStore(path).check()
    assert path.read_bytes().startswith(b"something else")


def test_another_programs_database_is_left_alone(path: Path) -> None:
    change(path, "CREATE TABLE theirs (x)")
    with pytest.raises(StoreFatal, match=r"is another program's database: set `store\.path` to a file of its own"):
        SqliteStore(path).check()
    change(path, f"PRAGMA user_version = {VERSION}")
    store = SqliteStore(path)
    for _ in range(2):
        with pytest.raises(StoreFatal, match="is another program's database"):
            store.write([progress()])
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


def test_a_newer_schema_is_refused_in_words(store: SqliteStore, path: Path) -> None:
    store.write([progress()])
    store.close()
    change(path, f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(StoreFatal) as raised:
        store.check()
    assert str(raised.value) == (
        f"the store {path} was made by a newer precache (its schema is {VERSION + 1}, this one knows {VERSION}): "
        "run that version, or set `store.path` to another file"
    )
    store.close()
    change(path, f"PRAGMA user_version = {VERSION}")
    store.check()
    assert len(read_table(path, "precache_progress")) == 1


def test_a_damaged_file_is_reported_in_words(store: SqliteStore, path: Path) -> None:
    for _ in range(5):
        store.write([progress(host=f"cn-{number}", images_cached=BIG) for number in range(20)])
    store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4_096)
        file.write(os.urandom(size - 4_096))
    with pytest.raises(StoreFatal, match="it is damaged: move it away and run with --rebuild-store"):
        store.write([progress(host=f"cn-{number}") for number in range(20)])


def test_two_stores_side_by_side_are_two(tmp_path: Path) -> None:
    stores = [SqliteStore(tmp_path / name) for name in ("a.db", "b.db")]
    for store in stores:
        store.write([progress()])
    for store in stores:
        store.close()
    assert len(read_table(tmp_path / "a.db", "precache_progress")) == 1


def test_tables_have_the_names_of_the_contract(store: SqliteStore) -> None:
    tables = store._open().execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    assert [name for (name,) in tables] == sorted(MEASUREMENT.values())
    names = [row[1] for row in store._open().execute("PRAGMA table_info(precache_image)")]
    assert names == [
        *["cloud", "aggregate_uuid", "aggregate_name", "image", "time", "operation", "hosts_cached", "hosts_failed"]
    ]


S = 1_000_000_000
AT = NOW_NS // S * S


def seen(path: Path, view: str, *columns: str) -> list[Any]:
    return sorted(tuple(row[column] for column in columns) for row in read_table(path, view))


def test_views_tell_what_a_person_wants_to_know(store: SqliteStore, path: Path) -> None:
    first, second = "paris/agg/req-1", "paris/agg/req-2"
    store.write(
        [
            operation(time_ns=AT, operation=first, failed_hosts=["a"], silent_hosts=["c"], images=["i"]),
            operation(time_ns=AT + 60 * S, operation=second, failed_hosts=["b"], silent_hosts=["d"], images=["i", "j"]),
            operation(time_ns=AT + 5 * S, cloud="rome", operation="rome/agg/req-3", status="running", silent_hosts=[]),
            progress(time_ns=AT + 1 * S, host="a", operation=first, images_cached=[], images_failed=["i"]),
            progress(time_ns=AT + 2 * S, host="b", operation=first, images_cached=["i"], images_failed=[]),
            progress(time_ns=AT + 61 * S, host="a", operation=second, images_cached=["i", "j"], images_failed=[]),
            progress(time_ns=AT + 62 * S, host="b", operation=second, images_cached=["j"], images_failed=["i"]),
            image(time_ns=AT, image="i", hosts_cached=1, hosts_failed=1),
            image(time_ns=AT + 60 * S, image="i", hosts_cached=7),
            bridge(time_ns=AT, state="starting"),
            bridge(time_ns=AT + 60 * S, state="running"),
        ]
    )
    assert [row["operation"] for row in read_table(path, "operations")] == [first, second, "rome/agg/req-3"]
    assert seen(path, "operations_open", "operation", "status") == [("rome/agg/req-3", "running")]
    assert seen(path, "operations_latest", "operation") == [(second,), ("rome/agg/req-3",)]
    assert seen(path, "host_images", "host", "image", "result") == [
        ("a", "i", "cached"),
        ("a", "j", "cached"),
        ("b", "i", "failed"),
        ("b", "j", "cached"),
    ]
    assert seen(path, "hosts_silent", "host", "operation") == [("d", second)]
    assert seen(path, "hosts_without_image", "host", "image", "why") == [
        ("b", "i", "failed"),
        ("d", "i", "silent"),
        ("d", "j", "silent"),
    ]
    assert seen(path, "images_latest", "image", "hosts_cached") == [("i", 7)]
    assert seen(path, "bridges", "instance", "state") == [("paris-1", "running")]
    (latest,) = [row for row in read_table(path, "operations_latest") if row["cloud"] == "paris"]
    assert latest["at"] == time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(AT // S + 60))
    assert json.loads(latest["images"]) == ["i", "j"]


def test_the_age_of_a_bridge_is_from_now(store: SqliteStore, path: Path) -> None:
    store.write([bridge(time_ns=time.time_ns() - 90 * S)])
    ((age,),) = seen(path, "bridges", "age_s")
    assert 89 <= age <= 100


def test_view_comments_are_seen_in_the_schema(store: SqliteStore) -> None:
    rows = store._open().execute("SELECT name, sql FROM sqlite_master WHERE type = 'view'").fetchall()
    assert len(rows) == 8
    for name, sql in rows:
        assert sql.startswith(f"CREATE VIEW {name} AS\n-- ")
