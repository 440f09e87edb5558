"""Boots and wanted images: each record is one row, whoever is killed in between, and nothing bad holds up the rest."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from precache.contract.wanted import Wanted
from tests.faults.processor.arena import ROOT, Arena
from tests.integration.processor.running import running
from tests.support import boots
from tests.support.events import Source
from tests.support.influx_rows import read_points, read_table
from tests.support.kafka import committed, header, read_all
from tests.support.process import wait_until

# A topic that is made later is seen with the next look at the cluster: once a minute, by default.
LOOKS = {"topic.metadata.refresh.interval.ms": 500}


def wanted(state: str, second: int) -> Wanted:
    return Wanted(
        cloud="paris",
        aggregate_uuid="aggregate-1",
        aggregate_name="my-application",
        image="image-1",
        state=state,  # type: ignore[arg-type]
        hosts_wanted=3,
        hosts_resident=second,
        hosts_expiring=0,
        hosts_failed=0,
        hosts_silent=0,
        hosts_unsure=0,
        hosts_missing=0,
        next_action="none",
        next_at="",
        reason="all hosts have it",
        last_operation="",
        round=second,
        global_request_id="",
        time=f"2026-11-24T10:00:{second:02d}.000000001Z",
    )


def make_topics(arena: Arena) -> None:
    admin = AdminClient({"bootstrap.servers": arena.kafka})
    new = [NewTopic(arena.topics.instances, 2, 1), NewTopic(arena.topics.wanted, 1, 1)]
    for future in admin.create_topics(new).values():
        future.result(timeout=30)


def send(arena: Arena, topic: str, *values: tuple[str, bytes | None]) -> None:
    producer = Producer({"bootstrap.servers": arena.kafka})
    for key, value in values:
        producer.produce(topic, value, key=key, partition=0)
    assert producer.flush(30) == 0


def send_all(arena: Arena) -> None:
    """Send four boots, of which two have rows, three records that can't be read, and two states with a tombstone."""
    send(
        arena,
        arena.topics.instances,
        ("paris/i-1", boots.record("i-1")),
        ("paris/i-2", boots.record("i-2", 300.0, "instance.create.error")),
        ("paris/i-3", boots.record("i-3", image_uuid="")),
        ("paris/i-4", boots.record("i-4", host=None)),
        ("paris/i-5", b"{"),
        ("paris/i-6", boots.record("i-6", created_at=None)),
        ("paris/i-7", boots.record("i-7").replace(b'"1.12"', b'"2.0"')),
    )
    one, two = wanted("working", 1), wanted("resident", 2)
    values = [(each.key, msgspec.json.encode(each)) for each in (one, two)]
    send(arena, arena.topics.wanted, *values, (one.key, None))


def offsets(arena: Arena) -> dict[str, int]:
    """Return what the group has committed of the first partition of each topic."""
    topics = (arena.topics.instances, arena.topics.wanted)
    consumer = Consumer({"bootstrap.servers": arena.kafka, "group.id": arena.topics.group})
    try:
        places = committed(consumer, [TopicPartition(topic, 0) for topic in topics])
    finally:
        consumer.close()
    return {place.topic: place.offset for place in places}


def is_read(arena: Arena) -> bool:
    return list(offsets(arena).values()) == [7, 3]


def influx_rows(arena: Arena) -> dict[str, list[dict[str, Any]]]:
    bucket = arena.bucket
    names = ("precache_boot", "precache_wanted")
    return {name: read_points(bucket.url, bucket.org, bucket.token, bucket.name, name) for name in names}


def check_rows(rows: dict[str, list[dict[str, Any]]]) -> None:
    first, second = sorted(rows["precache_boot"], key=lambda row: row["instance"])
    place = {"cloud": "paris", "host": "host-1", "image": "image-1"}
    assert first == place | {"instance": "i-1", "duration_s": 42.5, "result": "active", "time": first["time"]}
    assert second == place | {"instance": "i-2", "duration_s": 300.0, "result": "error", "time": second["time"]}
    assert first["time"] // 1_000 == 1_795_514_442_500_000, "Nova's microseconds; the last digits are the instance's"
    states = [(row["state"], row["hosts_resident"], row["time"] % 10**9) for row in rows["precache_wanted"]]
    assert states == [("working", 1, 1), ("resident", 2, 1)]


@pytest.fixture
def arena(make_arena: Callable[..., Arena]) -> Arena:
    return make_arena(consumer=LOOKS)


def test_topics_that_are_made_later_are_read_from_their_start(arena: Arena) -> None:
    with running(arena):
        arena.send([(1, 0, Source().start(["host-1"]))])
        wait_until(lambda: arena.next_offsets()[0] == 1, "the first notification to be processed", 30)
        make_topics(arena)
        send_all(arena)
        wait_until(lambda: is_read(arena), "both topics to be read", 30)
    check_rows(influx_rows(arena))
    letters = read_all(arena.kafka, arena.topics.deadletters)
    found = {
        header(letter, "precache_origin").rpartition("/")[2]: (
            header(letter, "precache_reason"),
            header(letter, "precache_detail"),
        )
        for letter in letters
    }
    assert found["4"][0] == "undecodable"
    assert found["5"] == ("undecodable", "payload.nova_object.data.created_at is missing: no duration without it")
    assert found["6"] == ("unknown-version", "payload.nova_object.version is '2.0', not 1.x")
    assert len(letters) == 3


@pytest.mark.parametrize("place", ["step3:after", "step4:inside", "step4:after"])
def test_killed_between_write_and_commit_writes_the_same_rows(arena: Arena, place: str) -> None:
    make_topics(arena)
    send_all(arena)
    with arena.start("one", f"{place}:kill:1") as victim:
        victim.wait_killed()
    with arena.start("one") as successor:
        wait_until(lambda: is_read(arena), "both topics to be read", 30)
        successor.stop()
    check_rows(influx_rows(arena))
    letters = read_all(arena.kafka, arena.topics.deadletters)
    assert len({header(letter, "ce_id") for letter in letters}) == len(letters) == 3


def test_two_processors_share_them_and_one_takes_over(arena: Arena) -> None:
    make_topics(arena)
    with arena.start("one") as one, arena.start("two") as two:
        send_all(arena)
        wait_until(lambda: is_read(arena), "both topics to be read", 30)
        one.kill()
        send(arena, arena.topics.instances, ("paris/i-8", boots.record("i-8")))
        wait_until(lambda: offsets(arena)[arena.topics.instances] == 8, "the other one to take over", 40)
        two.stop()
    assert [row["instance"] for row in influx_rows(arena)["precache_boot"]].count("i-8") == 1


def test_a_store_that_is_rebuilt_has_them(arena: Arena, tmp_path: Path) -> None:
    make_topics(arena)
    send_all(arena)
    with running(arena):
        wait_until(lambda: is_read(arena), "both topics to be read", 30)
    file = tmp_path / "store.db"
    config = arena.write_config("rebuild", store={"type": "sqlite", "path": str(file)})
    command = [sys.executable, "-m", "console", "processor", "--config", str(config), "--rebuild-store"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    rows = {name: read_table(file, name) for name in ("precache_boot", "precache_wanted")}
    check_rows(rows)
    assert rows == influx_rows(arena)
