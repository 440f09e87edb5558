"""Late reports on a real log: few revisions, the same ones whoever is killed in between."""

import json
from collections.abc import Callable
from typing import Any

from confluent_kafka import Producer

from tests.faults.processor.arena import Arena
from tests.integration.processor.running import named, now_ms, run_to, running
from tests.support.events import Source
from tests.support.process import wait_until

NOVA, OTHER = Source(), Source(request="req-2")
HOSTS = [f"compute-{number:04}" for number in range(3_000)]
ON_TIME, LATE = HOSTS[:1_500], HOSTS[1_500:]
SETTLE = {"grace_period": "1s"}


def last(arena: Arena) -> tuple[int, int]:
    record = arena.last_decisions()[NOVA.operation]
    return record["revision"], record["hosts_done"]


def test_half_of_many_hosts_late_make_few_revisions(make_arena: Callable[..., Arena]) -> None:
    arena = make_arena(partitions=1, operations=SETTLE)
    with running(arena):
        arena.send([(now_ms(), 0, NOVA.start(HOSTS))])
        arena.send([(now_ms(), 0, NOVA.report(host)) for host in ON_TIME])
        arena.send([(now_ms(), 0, NOVA.end(HOSTS))])
        arena.wait_final(1)
        began = now_ms()
        arena.send([(now_ms(), 0, NOVA.report(host)) for host in LATE])
        wait_until(lambda: last(arena)[1] == len(HOSTS), "the revision that tells all", 60.0)
        periods = (now_ms() - began) // 2_000 + 1
    records = arena.decisions()
    assert len(records) <= 3 + periods
    assert [record["revision"] for record in records if record["final_at"]] == [*range(1, len(records) - 1)]
    assert len({record["final_at"] for record in records if record["final_at"]}) == 1
    assert len(arena.derived().progress) == len(HOSTS)
    assert [row["revision"] for row in arena.rows()["precache_operation"]] == [last(arena)[0]]


def test_a_processor_killed_while_a_revision_is_owed(make_arena: Callable[..., Arena]) -> None:
    arena = make_arena(partitions=1, operations=SETTLE)
    arena.send([(now_ms(), 0, NOVA.start(HOSTS[:3])), (now_ms(), 0, NOVA.end(HOSTS[:3]))])
    with arena.start("one") as first:
        arena.wait_final(1)
        late_ms = now_ms()
        arena.send([(late_ms, 0, NOVA.report(HOSTS[0]))])
        arena.wait_next_offset([3])
        first.kill()
        assert last(arena) == (1, 0), "it was killed too late to show anything"
    # Before the time that was committed, and after it: in the revision, and not.
    arena.send([(late_ms + 1_900, 0, NOVA.report(HOSTS[1])), (late_ms + 2_000, 0, NOVA.report(HOSTS[2]))])
    with arena.start("two"):
        wait_until(lambda: last(arena)[1] == 3, "the revision that tells all", 60.0)
        # The row is written after the commit.
        wait_until(lambda: [row["revision"] for row in arena.rows()["precache_operation"]] == [3], "the row")
    told = [(record["status"], record["revision"], record["hosts_done"]) for record in arena.decisions()]
    assert told[2:] == [
        ("completed_with_errors", 1, 0),
        ("completed_with_errors", 2, 2),
        ("completed", 3, 3),
    ]
    assert len(arena.derived().progress) == 3


def test_records_that_are_half_ours_are_passed_over_and_counted(
    make_arena: Callable[..., Arena], logged: list[dict[str, Any]]
) -> None:
    arena = make_arena(partitions=1, operations=SETTLE)
    arena.send([(now_ms(), 0, NOVA.start(["a"]))])
    run_to(arena, 1)
    (record,) = arena.decisions()
    foreign = Producer({"bootstrap.servers": arena.kafka})
    identity = {"request_id": "req-9", "operation": NOVA.operation.replace("req-1", "req-9")}
    for change in ({"time": "yesterday"}, {"first_offset": 10**12}, {"image_counts": {"x": 1}}, {"final_at": 7}):
        value = json.dumps(record | identity | change)
        foreign.produce(arena.topics.operations, value, key=identity["operation"], partition=0)
    assert foreign.flush(30) == 0
    arena.send([(now_ms(), 0, NOVA.report("a")), (now_ms(), 0, NOVA.end(["a"]))])
    run_to(arena, 3)
    (event,) = named(logged, "processor.records_unreadable")
    assert event["records"] == 4
    assert arena.last_decisions()[NOVA.operation]["status"] == "completed"
