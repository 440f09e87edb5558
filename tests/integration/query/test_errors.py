"""What a reader says when it can't read, and what it never does: write."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from precache.contract.tables.sqlite_file import VERSION
from precache.query.api import OperationFilter, QueryError
from precache.query.opening import open_reader
from tests.services.network import call, free_ports
from tests.support.stored_story import NOW, WEB, ran, story

EVERYTHING = OperationFilter()


def said(config: Any) -> str:
    with pytest.raises(QueryError) as caught:
        open_reader(config).operations(EVERYTHING)
    return str(caught.value)


def test_influxdb_that_refuses(influx: Any) -> None:
    url = influx.config.url
    text = said(influx.config.model_copy(update={"token": SecretStr("wrong-token")}))
    assert text.startswith(
        f"InfluxDB at {url} answers 401 Unauthorized: `store.token` is not one of its tokens. Make one"
    )
    assert "wrong-token" not in text
    assert said(influx.config.model_copy(update={"bucket": "no such one"})).startswith(
        f"InfluxDB at {url} says: database not found: no such one: there is no bucket 'no such one' in `store.org`, or "
        "`store.token` may not read it. Make one: influx auth create --org"
    )
    assert "this is not what InfluxDB 2 answers" in said(influx.config.model_copy(update={"url": url + "/api/v2"}))


def test_a_token_that_may_only_read_the_bucket_is_enough(influx: Any) -> None:
    influx.write(story())
    url, token = influx.config.url, influx.config.token.get_secret_value()

    def api(method: str, path: str, body: Any = None) -> Any:
        status, answer = call(method, f"{url}/api/v2/{path}", body=body, token=token, timeout_s=30.0)
        assert status in (200, 201, 204), f"{status} {answer}"
        return answer

    (bucket,) = api("GET", f"buckets?name={influx.config.bucket}")["buckets"]
    resource = {"type": "buckets", "id": bucket["id"], "orgID": bucket["orgID"]}
    permissions = [{"action": "read", "resource": resource}]
    made = api("POST", "authorizations", {"orgID": bucket["orgID"], "permissions": permissions})
    try:
        config = influx.config.model_copy(update={"token": SecretStr(made["token"])})
        assert len(open_reader(config).operations(EVERYTHING)) == 6
    finally:
        api("DELETE", f"authorizations/{made['id']}")


def test_influxdb_that_is_not_there(influx: Any) -> None:
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    assert said(influx.config.model_copy(update={"url": url})) == (
        f"InfluxDB at {url} can't be reached: [Errno 111] Connection refused: "
        "see that it runs and that `store.url` is right"
    )


def test_sqlite_that_is_not_there_or_another_ones(sqlite: Any, tmp_path: Path) -> None:
    path = sqlite.config.path
    assert said(sqlite.config) == (
        f"the store {path} is not there: see that `store.path` is right, and that a processor has run"
    )
    assert not path.exists()
    other = sqlite.config.model_copy(update={"path": tmp_path / "other.db"})
    with closing(sqlite3.connect(other.path)) as connection:
        connection.execute("CREATE TABLE mine (x)")
    assert said(other) == f"{other.path} is another program's database: set `store.path` to the processor's"
    other.path.write_text("no database, but a text that is long enough to be taken for one" * 20)
    assert "it is no SQLite database: set `store.path` to the processor's" in said(other)


def test_sqlite_that_a_newer_version_made(sqlite: Any) -> None:
    sqlite.write(story())
    with closing(sqlite3.connect(sqlite.config.path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    assert "was made by a newer precache" in said(sqlite.config)


def test_sqlite_that_an_older_version_made_lacks_columns(sqlite: Any) -> None:
    sqlite.write(ran(WEB, "old", NOW, {"cn-1": (["image"], [])}))
    with closing(sqlite3.connect(sqlite.config.path)) as connection:
        for column in ("global_request_id", "conductor"):
            connection.execute(f"ALTER TABLE precache_operation DROP COLUMN {column}")
        connection.execute("ALTER TABLE precache_progress DROP COLUMN conductor")
        connection.commit()
    (found,) = sqlite.reader.find("req-old")
    assert (found.global_request_id, found.conductor) == ("", "")
    assert [report.conductor for report in sqlite.reader.reports(found)] == [""]
    assert sqlite.reader.find("req-global-old") == []


def test_sqlite_is_read_while_a_processor_has_it_open(sqlite: Any) -> None:
    from processor.stores.opening import open_store  # noqa: PLC0415 - this test alone keeps one open

    store = open_store(sqlite.config)
    for count in (1, 2):
        store.write(ran(WEB, f"run-{count}", NOW + count, {"cn-1": (["image"], [])}))
        assert len(sqlite.reader.operations(EVERYTHING)) == count
    store.close()


# Root may write anywhere: the reader is another user.
_AS_NOBODY = """
import os, sys
from pathlib import Path
from precache.config.store import SqliteStoreConfig
from precache.query.api import OperationFilter
from precache.query.opening import open_reader
import precache.query.sqlite
os.setgroups([]); os.setgid(65534); os.setuid(65534)
config = SqliteStoreConfig(type="sqlite", path=Path(sys.argv[1]))
print(len(open_reader(config).operations(OperationFilter())))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="takes root, to become a user who may only read")
def test_sqlite_is_read_by_a_user_who_may_only_read(sqlite: Any, tmp_path: Path) -> None:
    sqlite.write(story())
    folder = Path(shutil.copytree(tmp_path, "/tmp/precache-read-only-" + tmp_path.name))
    folder.chmod(0o755)
    try:
        done = subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, folder / "precache.db"],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        )
        assert (done.stdout, done.stderr) == ("6\n", "")
        assert sorted(path.name for path in folder.iterdir()) == ["precache.db", "precache.db.lock"]
    finally:
        shutil.rmtree(folder)


def test_a_reader_leaves_the_file_as_it_was(sqlite: Any) -> None:
    sqlite.write(story())
    before = sqlite.config.path.read_bytes()
    sqlite.reader.operations(EVERYTHING)
    list(sqlite.reader.evidence(0).outcomes)
    sqlite.reader.bridges()
    sqlite.reader.close()
    assert sqlite.config.path.read_bytes() == before
