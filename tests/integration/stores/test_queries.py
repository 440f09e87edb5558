"""docs/queries.md: every query is run, and Flux and SQL give the same answer, which is the right one."""

import csv
import re
import sqlite3
import time
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from msgspec import structs
from pydantic import SecretStr

from precache.config.store import InfluxStoreConfig, SqliteStoreConfig
from precache.contract.tables.measurements import Row
from processor.stores.api import WriteReport
from processor.stores.opening import open_store
from tests.services.testing import Bucket
from tests.support.store_rows import boot, bridge, image, operation, progress

QUESTIONS: Final = re.split(
    r"^## ", (Path(__file__).parents[3] / "docs" / "queries.md").read_text(), flags=re.MULTILINE
)[1:]

WEB: Final = "9d5a6d1f-3a8e-4b0e-8f5a-0f4f1c9e2a11"
DB: Final = "0c7c4a0e-6b7f-4d0f-9a39-2d6d6f3b8f10"
PARIS: Final = {"cloud": "paris", "aggregate_uuid": WEB, "aggregate_name": "web tier"}
ROME: Final = {"cloud": "rome", "aggregate_uuid": DB, "aggregate_name": "db"}
IMAGE: Final = "c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2"
OTHER: Final = "7f1f9a52-0c5b-4d3c-8f67-6d0a0a3c9b21"
FIRST, SECOND = (f"paris/{WEB}/req-{number}" for number in (1, 2))
THIRD = f"rome/{DB}/req-3"

# What each query must answer, by the start of its question: the columns that both languages give, and the rows.
ANSWERS: Final[dict[str, tuple[str, list[tuple[Any, ...]]]]] = {
    "How did the last": (
        "cloud aggregate_name status hosts_done hosts_total errors",
        [("paris", "web tier", "completed_with_errors", 3, 3, 1), ("rome", "db", "running", 0, 4, 0)],
    ),
    "Which operations are": ("cloud aggregate_name status operation", [("rome", "db", "running", THIRD)]),
    "How far": ("hosts_done hosts_total hosts_failed percent", [(2, 4, 0, 50.0)]),
    "What did each": (
        "host percent images_cached images_failed",
        [
            ("cn-1", 100 / 3, f'["{IMAGE}","{OTHER}"]', "[]"),
            ("cn-2", 200 / 3, f'["{IMAGE}"]', f'["{OTHER}"]'),
            ("cn-3", 100.0, f'["{IMAGE}","{OTHER}"]', "[]"),
        ],
    ),
    "Which hosts failed": (
        "operation hosts_failed failed_hosts hosts_silent silent_hosts",
        [(SECOND, 1, '["cn-2"]', 0, "[]"), (FIRST, 1, '["cn-2"]', 1, '["cn-3"]')],
    ),
    "On how many": ("cloud aggregate_name hosts_cached hosts_failed", [("paris", "web tier", 3, 0)]),
    "On which hosts": ("cloud host aggregate_name", [("paris", "cn-2", "web tier")]),
    "Which hosts fail most": ("cloud host failures", [("paris", "cn-2", 2)]),
    "How long": ("cloud operations mean_s longest_s", [("paris", 2, 110.0, 120.0)]),
    "What does a boot": ("cloud image instances mean_s longest_s", [("paris", IMAGE, 2, 30.0, 40.0)]),
    "Which bridges": ("cloud instance state", [("rome", "rome-1", "running")]),
}


S_NS: Final = 1_000_000_000


def rows() -> list[Row]:
    """Two finished operations in Paris, one that runs in Rome, and a bridge in each, of which Rome's is quiet."""
    now = time.time_ns() // S_NS
    return [
        *first_in_paris((now - 7_200) * S_NS),
        *second_in_paris((now - 3_600) * S_NS),
        *running_in_rome((now - 600) * S_NS),
        boot(cloud="paris", image=IMAGE, time_ns=(now - 90) * S_NS, duration_s=20.0),
        boot(cloud="paris", image=IMAGE, time_ns=(now - 60) * S_NS, duration_s=40.0),
        boot(cloud="paris", image=IMAGE, time_ns=(now - 50) * S_NS, duration_s=900.0, result="error"),
        bridge(cloud="paris", instance="paris-1", time_ns=(now - 30) * S_NS),
        bridge(cloud="rome", instance="rome-1", time_ns=(now - 1_200) * S_NS),
    ]


def finished(time_ns: int, **values: Any) -> Row:
    done = {"status": "completed_with_errors", "hosts_total": 3, "hosts_failed": 1, "errors": 1}
    return operation(**PARIS, time_ns=time_ns, failed_hosts=["cn-2"], **done, **values)


def first_in_paris(at: int) -> list[Row]:
    asked = {**PARIS, "operation": FIRST, "hosts_total": 3, "percent": 100 / 3}
    silent = {"hosts_done": 2, "hosts_silent": 1, "silent_hosts": ["cn-3"]}
    return [
        progress(**asked, time_ns=at + 1, host="cn-1", hosts_done=1, images_cached=[IMAGE]),
        progress(**asked, time_ns=at + 2, host="cn-2", images_cached=[], images_failed=[IMAGE]),
        finished(at, operation=FIRST, duration_s=100.0, images=[IMAGE], **silent),
        image(**PARIS, time_ns=at, image=IMAGE, operation=FIRST, hosts_cached=1, hosts_failed=1),
    ]


def second_in_paris(at: int) -> list[Row]:
    again = {**PARIS, "operation": SECOND, "hosts_total": 3}
    both = [IMAGE, OTHER]
    whole: dict[str, Any] = {"hosts_done": 3, "hosts_silent": 0, "silent_hosts": []}
    failing = {"images_cached": [IMAGE], "images_failed": [OTHER]}
    return [
        progress(**again, time_ns=at + S_NS, host="cn-1", images_cached=both, percent=100 / 3),
        progress(**again, time_ns=at + 2 * S_NS, host="cn-2", percent=200 / 3, **failing),
        progress(**again, time_ns=at + 3 * S_NS, host="cn-3", images_cached=both, percent=100.0),
        finished(at, operation=SECOND, duration_s=120.0, images=both, **whole),
        image(**PARIS, time_ns=at, image=IMAGE, operation=SECOND, hosts_cached=3, hosts_failed=0),
        image(**PARIS, time_ns=at, image=OTHER, operation=SECOND, hosts_cached=2, hosts_failed=1),
    ]


def running_in_rome(at: int) -> list[Row]:
    running = {**ROME, "operation": THIRD, "hosts_total": 4}
    nothing_yet = dict.fromkeys(("hosts_done", "hosts_failed", "hosts_silent", "errors"), 0)
    no_lists: dict[str, Any] = {"silent_hosts": [], "failed_hosts": [], "images": []}
    return [
        operation(**running, time_ns=at, status="running", duration_s=0.0, **nothing_yet, **no_lists),
        progress(**running, time_ns=at + S_NS, host="db-1", hosts_done=1, percent=25.0),
        progress(**running, time_ns=at + 2 * S_NS, host="db-2", hosts_done=2, percent=50.0),
    ]


def title(question: str) -> str:
    return question.splitlines()[0]


def block(question: str, language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", question, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("queries") / "precache.db"
    store = open_store(SqliteStoreConfig(type="sqlite", path=path))
    assert store.write(rows()) == WriteReport()
    store.close()
    return path


@pytest.fixture
def filled(bucket: Bucket) -> Bucket:
    token = SecretStr(bucket.token)
    config = InfluxStoreConfig(type="influxdb", url=bucket.url, org=bucket.org, bucket=bucket.name, token=token)
    store = open_store(config)
    assert store.write(rows()) == WriteReport()
    store.close()
    return bucket


def in_sqlite(path: Path, query: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query)]


def in_influx(bucket: Bucket, query: str) -> list[dict[str, Any]]:
    request = urllib.request.Request(
        f"{bucket.url}/api/v2/query?org={quote(bucket.org)}",
        data=query.encode(),
        headers={
            "Authorization": f"Token {bucket.token}",
            "Content-Type": "application/vnd.flux",
            "Accept": "application/csv",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    found = list(csv.DictReader(lines))
    return [dict(row) for row in found]


def columns(found: list[dict[str, Any]], names: str) -> list[tuple[str, ...]]:
    return [tuple(_text(row[name]) for name in names.split()) for row in found]


def _text(value: object) -> str:
    """Numbers as text alike, whether they come from CSV or not."""
    try:
        return f"{float(str(value)):.6f}"
    except ValueError:
        return str(value)


@pytest.mark.parametrize("question", QUESTIONS[:-1], ids=title)
def test_flux_and_sql_give_the_right_answer(filled: Bucket, database: Path, question: str) -> None:
    ((names, wanted),) = [answer for start, answer in ANSWERS.items() if title(question).startswith(start)]
    expected = columns([dict(zip(names.split(), row, strict=True)) for row in wanted], names)
    flux = block(question, "flux")
    assert 'bucket: "precache"' in flux
    assert columns(in_sqlite(database, block(question, "sql")), names) == expected
    assert columns(in_influx(filled, flux.replace('bucket: "precache"', f'bucket: "{filled.name}"')), names) == expected


def test_no_question_is_without_an_answer() -> None:
    assert len(QUESTIONS) == len(ANSWERS) + 1


def test_what_is_old_is_deleted_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "precache.db"
    store = open_store(SqliteStoreConfig(type="sqlite", path=path))
    old = [structs.replace(row, time_ns=row.time_ns - 91 * 86_400 * 10**9) for row in rows()]
    store.write([*rows(), *old])
    with closing(sqlite3.connect(path)) as person:
        assert title(QUESTIONS[-1]) == "Delete old rows (SQLite)"
        person.executescript(block(QUESTIONS[-1], "sql"))
        person.commit()
    counts = [
        in_sqlite(path, f"SELECT count(*) AS n FROM {table}")[0]["n"]  # noqa: S608
        for table in ("precache_progress", "precache_operation", "precache_image", "precache_bridge")
    ]
    assert counts == [7, 3, 3, 2]
    assert store.write(rows()) == WriteReport()
    store.close()
