"""Rows through the whole loop: those that the store refuses, those that it no longer keeps, and all others."""

import sqlite3
import urllib.request
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from precache.config import load
from precache.runtime.shutdown import Stop
from processor import metrics, service
from processor.config import ProcessorConfig
from processor.stores.api import StoreFatal
from processor.stores.influxdb.client import HttpInfluxClient
from tests.faults.processor.arena import MEASUREMENTS, Arena
from tests.integration.processor.running import TUNING, Running, named, now_ms, run_to, running
from tests.services.network import call
from tests.services.testing import Bucket
from tests.support.events import BASE_NS, Event, Source
from tests.support.influx_rows import read_table
from tests.support.kafka import read_all
from tests.support.process import wait_until

NOVA, OLD = Source(), Source(request="req-old")
HOUR_US = 3_600 * 1_000_000


def keep_one_day(bucket: Bucket) -> None:
    where = f"{bucket.url}/api/v2/buckets"
    _, found = call("GET", f"{where}?name={quote(bucket.name)}&org={quote(bucket.org)}", token=bucket.token)
    rules = [{"type": "expire", "everySeconds": 24 * 3_600, "shardGroupDurationSeconds": 3_600}]
    status, answer = call(
        "PATCH", f"{where}/{found['buckets'][0]['id']}", body={"retentionRules": rules}, token=bucket.token
    )
    assert status == 200, answer


def write_line(bucket: Bucket, line: str) -> None:
    """Write a line as another program would."""
    request = urllib.request.Request(
        f"{bucket.url}/api/v2/write?org={quote(bucket.org)}&bucket={bucket.name}",
        data=line.encode(),
        headers={"Authorization": f"Token {bucket.token}"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 204


def since_base_us() -> int:
    """Return now, as events count it."""
    return now_ms() * 1_000 - BASE_NS // 1_000


def told(arena: Arena, now_us: int | None = None) -> dict[str, Event]:
    """Send one operation of now and one of long ago; return their reports by their place in the log."""
    now_us = since_base_us() if now_us is None else now_us
    events = [
        event
        for source, at_us in ((NOVA, now_us), (OLD, now_us - 48 * HOUR_US))
        for event in (
            source.start(["a", "b"], at_us),
            source.report("a", at_us=at_us + 1),
            source.report("b", [], ["x"], at_us=at_us + 2),
            source.end(["a", "b"], at_us + 3),
        )
    ]
    arena.send([(now_ms(), 0, event) for event in events])
    return {f"0/{offset}": event for offset, event in enumerate(events)}


def counted() -> tuple[float, float]:
    """Return points written and left out so far, by this process."""
    return metrics.POINTS._value.get(), metrics.POINTS_TOO_OLD._value.get()


def bodies(arena: Arena) -> list[bytes]:
    return [record.value() or b"" for record in read_all(arena.kafka, arena.topics.deadletters)]


def test_refused_points_are_dead_letters_old_ones_are_counted_and_all_others_are_there(
    make_arena: Callable[..., Arena], bucket: Bucket, logged: list[dict[str, Any]]
) -> None:
    keep_one_day(bucket)
    # Another program wrote this field as an integer: InfluxDB keeps to it, for as long as a shard is.
    now_us = since_base_us()
    write_line(bucket, f"precache_progress,cloud=x percent=1i {BASE_NS + now_us * 1_000}")
    arena = make_arena(partitions=1)
    events = told(arena, now_us)
    points, too_old = counted()
    run_to(arena, 8)
    with running(arena):
        wait_until(lambda: len(named(logged, "processor.rebuilt")) == 2, "a restart")
    assert arena.derived().letters == [("refused-point", "0/1"), ("refused-point", "0/2")]
    assert sorted(bodies(arena)) == sorted(events[place].value for place in ("0/1", "0/2"))
    after = counted()
    assert after[0] - points == 0, "points that are in the store"
    assert after[1] - too_old >= 2, "the older ones, and their operation's rows"
    rows = arena.rows()
    assert [(row["operation"], row["status"]) for row in rows["precache_operation"]] == [
        (NOVA.operation, "completed_with_errors")
    ]
    assert sorted(row["image"] for row in rows["precache_image"]) == ["image-1", "x"]
    assert [row["cloud"] for row in rows["precache_progress"]] == ["x"], "that of the other program"
    assert len(arena.derived().progress) == 4, "Kafka has them all"


def test_a_refused_row_of_an_operation_is_a_dead_letter_and_nothing_waits_behind_it(
    make_arena: Callable[..., Arena], bucket: Bucket
) -> None:
    write_line(bucket, f"precache_operation,cloud=x percent=1i {BASE_NS}")
    arena = make_arena(partitions=1)
    arena.send([(now_ms(), 0, NOVA.end([])), (now_ms(), 0, OLD.start(["a", "b"]))])
    with running(arena):
        arena.wait_next_offset([2])
        arena.send([(now_ms(), 0, OLD.report("a"))])
        arena.wait_next_offset([3])
        arena.send([(now_ms(), 0, NOVA.end([]))])
        arena.wait_next_offset([4])
    first = arena.letters()
    assert {(reason, place) for _, reason, place in first} == {("refused-point", "0/0"), ("refused-point", "0/1")}, (
        "where each operation began"
    )
    assert len(first) == 2, "a row that is refused again, after the report, is reported once"
    with running(arena):
        wait_until(lambda: len(arena.letters()) == 4, "both to be told again after a restart")
        arena.send([(now_ms(), 0, OLD.report("b")), (now_ms(), 0, OLD.end(["a", "b"]))])
        wait_until(lambda: len(arena.letters()) == 5, "the result to be told")
    told = [identity for identity, *_ in arena.letters()]
    assert sorted(told[:2]) == sorted(told[2:4]), "a reader can tell"
    assert len(set(told)) == 3
    assert len(arena.rows()["precache_progress"]) == 2
    assert len(arena.rows()["precache_image"]) == 1


def test_every_other_point_refused_is_found_in_few_requests(
    make_arena: Callable[..., Arena], bucket: Bucket, logged: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    post, requests = HttpInfluxClient.post, list[int]()

    def counting(client: HttpInfluxClient, body: bytes) -> None:
        requests.append(len(body))
        post(client, body)

    monkeypatch.setattr(HttpInfluxClient, "post", counting)
    # InfluxDB keeps to a field's first type within a shard, here a week: in one long ago it is another.
    now_us = since_base_us()
    write_line(bucket, f"precache_progress,cloud=x percent=1i {BASE_NS + (now_us - 720 * HOUR_US) * 1_000}")
    arena = make_arena(partitions=1)
    reports = [
        NOVA.report(f"host{number}", at_us=now_us + number - (720 * HOUR_US if number % 2 else 0), total=3_000)
        for number in range(2_000)
    ]
    arena.send([(now_ms(), 0, report) for report in reports])
    run_to(arena, 2_000, tuning=replace(TUNING, round_records=2_000))
    assert arena.derived().letters == sorted(("refused-point", f"0/{offset}") for offset in range(1, 2_000, 2))
    written = {row["host"] for row in arena.rows()["precache_progress"] if row["cloud"] != "x"}
    assert written == {f"host{number}" for number in range(0, 2_000, 2)}
    assert len(requests) < 100
    assert len(named(logged, "processor.assigned")) == 1


def test_sqlite_with_a_restart(make_arena: Callable[..., Arena], tmp_path: Path) -> None:
    arena = make_arena(partitions=1)
    file = tmp_path / "precache.db"
    store = {"type": "sqlite", "path": str(file)}
    told(arena)
    run_to(arena, 8, store=store)
    half = {name: read_table(file, name) for name in MEASUREMENTS}
    third = Source(request="req-3")
    arena.send([(now_ms(), 0, third.start(["a"])), (now_ms(), 0, third.report("a")), (now_ms(), 0, NOVA.report("a"))])
    first = Running(arena, store=store)
    try:
        arena.wait_next_offset([11])
        second = Running(arena, instance="two", store=store).wait_error()
    finally:
        assert first.end() is None
    assert isinstance(second, StoreFatal)
    assert str(file) in str(second)
    arena.send([(now_ms(), 0, third.end(["a"]))])
    run_to(arena, 12, store=store)
    rows: dict[str, list[dict[str, Any]]] = {name: read_table(file, name) for name in MEASUREMENTS}
    assert [len(rows[name]) for name in MEASUREMENTS] == [5, 3, 5]
    for name in MEASUREMENTS:
        assert [row for row in rows[name] if row["operation"] != third.operation] == half[name]
    assert len(arena.derived().progress) == 5, "the repeated report said nothing"
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("lag", [0, 2])
def test_rebuilding_the_store_gives_what_was_there_with_operations_open_and_records_waiting(
    make_arena: Callable[..., Arena], tmp_path: Path, lag: int
) -> None:
    arena = make_arena(partitions=1)
    told(arena)
    still = Source(request="req-open")
    arena.send([(now_ms(), 0, still.start(["a", "b"])), (now_ms(), 0, still.report("a"))])
    live, anew = tmp_path / "live.db", tmp_path / "anew.db"
    run_to(arena, 10, store={"type": "sqlite", "path": str(live)})
    arena.send([(now_ms(), 0, still.report("b")), (now_ms(), 0, still.end(["a", "b"]))][:lag])
    said: list[str] = []

    config = load(arena.write_config("rebuild", store={"type": "sqlite", "path": str(anew)}), ProcessorConfig)
    service.rebuild(config, Stop(), said.append)
    for name in MEASUREMENTS:
        found, expected = read_table(anew, name), read_table(live, name)
        if lag:
            found = [row for row in found if row["operation"] != still.operation]
            expected = [row for row in expected if row["operation"] != still.operation]
        assert found == expected, name
    assert f"all of {10 + lag} records, 3 operations" in said[-2]
    if lag:
        # What was not processed yet is processed on top of it.
        run_to(arena, 12, store={"type": "sqlite", "path": str(anew)})
        assert {row["operation"]: row["status"] for row in read_table(anew, "precache_operation")}[
            still.operation
        ] == "completed"
