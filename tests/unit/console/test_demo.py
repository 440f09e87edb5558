"""The demo's clouds, its schedule, and its comparison: a store that differs in anything must be told."""

import os
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest

from console.demo import compare, settings
from console.demo.place import new_file
from console.demo.run import conclude
from console.demo.screens import QUERIES, JsonDemo, PlainDemo, labels
from console.simulator.clouds import SimulatedRequest, requests
from console.simulator.nova import _aggregate_payload, _progress_payload
from console.simulator.schedule import Step, schedule
from precache.contract.identity import aggregate_key
from precache.contract.times import rfc3339_us
from processor.core.effects import Effects
from processor.core.partition import Partition
from processor.core.settings import Timers
from processor.output.rows import operation_rows
from processor.stores.sqlite.store import SqliteStore

SECOND_POINT = """
    CREATE TEMP TABLE second AS SELECT * FROM precache_progress WHERE host = 'db1';
    UPDATE second SET time = time + 1000;
    INSERT INTO precache_progress SELECT * FROM second
"""
BEGAN_NS = 1_795_000_000_000_000_000


def notification(step: Step, number: int) -> bytes:
    payload: dict[str, Any] = (
        _aggregate_payload(step.request.aggregate)
        if step.report is None
        else _progress_payload(step.request.aggregate, step.report, step.index)
    )
    value = {
        "event_type": f"aggregate.cache_images.{step.kind}",
        "message_id": f"message-{number}",
        "timestamp": rfc3339_us(BEGAN_NS + int(step.at_s * 1e9)),
        "publisher_id": "nova-api:ctrl01",
        "payload": payload,
        "context": {
            "request_id": step.request.request_id,
            "global_request_id": None,
            "project_id": "admin",
            "user_id": "admin",
        },
    }
    return orjson.dumps(value)


def fill(path: Path, sent: Sequence[SimulatedRequest]) -> None:
    """Write what the processor's core makes of the simulators' notifications."""
    out, partition = Effects(), Partition(Timers())
    steps = [step for cloud_steps in schedule(sent).values() for step in cloud_steps]
    for offset, step in enumerate(sorted(steps, key=lambda step: step.at_s)):
        ts_ms = BEGAN_NS // 1_000_000 + int(step.at_s * 1_000)
        key = aggregate_key(step.request.cloud, step.request.aggregate.uuid).encode()
        partition.apply(ts_ms, offset, key, notification(step, offset), out)
    partition.advance(partition.clock_ms + 60_000, out)
    store = SqliteStore(path)
    try:
        rows = [row for operation in out.changed for row in operation_rows(operation)]
        assert store.write([*out.points, *rows]).refused == ()
    finally:
        store.close()


@pytest.fixture
def sent() -> list[SimulatedRequest]:
    return requests()


@pytest.fixture
def store(tmp_path: Path, sent: list[SimulatedRequest]) -> Path:
    path = tmp_path / "demo.sqlite"
    fill(path, sent)
    return path


def told(store: Path, sent: Sequence[SimulatedRequest]) -> list[str]:
    return compare.differences(compare.expected(sent), compare.stored(store))


def test_the_clouds_are_as_announced(sent: list[SimulatedRequest]) -> None:
    paris, rome, *oslo = sent
    assert (len(paris.aggregate.hosts), sum(bool(report.failed) for report in paris.reports)) == (95, 8)
    assert rome.silent_hosts == ("db12",)
    assert len({request.aggregate for request in oslo}) == 1
    assert len({request.operation for request in oslo}) == 2
    assert len({request.request_id for request in sent + requests()}) == 8


def test_a_true_store_differs_in_nothing(store: Path, sent: list[SimulatedRequest]) -> None:
    assert told(store, sent) == []


@pytest.mark.parametrize(
    ("tamper", "word"),
    [
        ("UPDATE precache_operation SET hosts_failed = 9 WHERE cloud = 'paris'", "hosts_failed is 9, sent was 8"),
        ("UPDATE precache_operation SET errors = 0 WHERE cloud = 'paris'", "errors is 0, sent was 8"),
        ("UPDATE precache_operation SET status = 'completed' WHERE cloud = 'rome'", "status is 'completed'"),
        (
            "UPDATE precache_operation SET silent_hosts = '[]' WHERE cloud = 'rome'",
            "silent_hosts is [], sent was ['db12']",
        ),
        ("UPDATE precache_operation SET percent = 100.0 WHERE cloud = 'rome'", "percent is 100.0"),
        ("UPDATE precache_operation SET images = '[\"x\"]' WHERE cloud = 'rome'", "images is ['x']"),
        ("UPDATE precache_operation SET end_missing = 1 WHERE cloud = 'oslo'", "end_missing is 1"),
        ("DELETE FROM precache_operation WHERE cloud = 'rome'", "precache_operation: no row for rome/"),
        ("DELETE FROM precache_progress WHERE host = 'guaranine95'", "precache_progress: no row for paris/"),
        ("UPDATE precache_progress SET images_failed = '[]' WHERE host = 'guaranine3'", "images_failed is []"),
        ("UPDATE precache_progress SET host = 'db12' WHERE host = 'db11'", "db12, which nobody sent"),
        ("UPDATE precache_progress SET hosts_total = 94 WHERE host = 'guaranine3'", "hosts_total is 94, sent was 95"),
        ("UPDATE precache_progress SET operation = 'x' WHERE host = 'web1'", "a row for x web1, which nobody sent"),
        (SECOND_POINT, "db1 (row 129), which nobody sent"),
        ("UPDATE precache_image SET hosts_cached = 23 WHERE cloud = 'rome' AND hosts_failed = 1", "hosts_cached is 23"),
        ("DELETE FROM precache_image WHERE cloud = 'oslo'", "precache_image: no row for oslo/"),
    ],
)
def test_every_difference_is_named(store: Path, sent: list[SimulatedRequest], tamper: str, word: str) -> None:
    with closing(sqlite3.connect(store)) as connection:
        before = connection.total_changes
        connection.executescript(tamper)
        assert connection.total_changes > before
    differences = told(store, sent)
    assert any(word in text for text in differences), differences


def test_a_difference_is_exit_code_1(
    store: Path, sent: list[SimulatedRequest], capsys: pytest.CaptureFixture[str]
) -> None:
    screen = PlainDemo()
    screen.begin(sent)
    assert conclude(store, sent, screen) == 0
    assert "150 points, no difference" in capsys.readouterr().out
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("DELETE FROM precache_operation WHERE cloud = 'rome'")
        connection.commit()
    assert conclude(store, sent, screen) == 1
    told = capsys.readouterr()
    assert "1 differences:\n  precache_operation: no row for rome/" in told.err
    assert "not in the store" in told.out
    assert conclude(store, sent, JsonDemo()) == 1


def test_each_operation_is_in_order_and_two_overlap(sent: list[SimulatedRequest]) -> None:
    steps = schedule(sent)
    assert list(steps) == ["paris", "rome", "oslo"]
    for request in sent:
        mine = [step for step in steps[request.cloud] if step.request is request]
        assert [step.kind for step in mine] == ["start", *["progress"] * len(request.reports), "end"]
        assert [step.index for step in mine[1:-1]] == list(range(1, len(request.reports) + 1))
        assert all(before.at_s <= after.at_s for before, after in pairwise(mine))
    first, second = sent[2:]
    order = [step.request for step in steps["oslo"]]
    assert order.index(second) < len(order) - 1 - order[::-1].index(first)


def test_fast_is_fast(sent: list[SimulatedRequest]) -> None:
    def last(*, fast: bool) -> float:
        return max(step.at_s for steps in schedule(sent, fast=fast).values() for step in steps)

    assert last(fast=False) < 30
    assert last(fast=True) < 2


def test_labels(sent: list[SimulatedRequest]) -> None:
    assert list(labels(sent).values()) == ["paris", "rome", "oslo #1", "oslo #2"]


def test_the_settings_load(tmp_path: Path) -> None:
    config = settings.read("127.0.0.1:1234", tmp_path / "x.sqlite")
    assert {cloud.name for cloud in config.bridge.clouds} == {request.cloud for request in requests()}
    assert config.bridge.kafka.servers == config.processor.kafka.servers == "127.0.0.1:1234"
    assert {cloud.source for cloud in config.bridge.clouds} == {"oslo"}


def test_the_queries_to_try_find_something(store: Path) -> None:
    assert len(QUERIES) >= 3
    with closing(sqlite3.connect(store)) as connection:
        for what, query in QUERIES:
            rows = connection.execute(query).fetchall()
            # The bridge's heartbeats come with a bridge.
            assert rows or "bridges" in query, what


def aged(folder: Path, hours: float, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_text("x")
    then = time.time() - hours * 3_600
    for each in [*folder.iterdir(), folder]:
        os.utime(each, (then, then))
    return folder


def test_old_demos_of_ones_own_go_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old = [
        aged(tmp_path / "precache-demo-a", 2, "demo.sqlite", "demo.sqlite-wal"),
        aged(tmp_path / "precache-demo-b", 2),
    ]
    kept = [
        aged(tmp_path / "precache-demo-young", 0.5, "demo.sqlite"),
        aged(tmp_path / "precache-demo-mine", 2, "demo.sqlite", "notes.txt"),
        aged(tmp_path / "another", 2, "demo.sqlite"),
    ]
    file = new_file()
    assert (file.name, file.parent.parent) == ("demo.sqlite", tmp_path)
    assert not any(each.exists() for each in old)
    assert all(each.exists() for each in kept)
