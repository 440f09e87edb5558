"""Timestamps and clocks that are wrong, on a real log: nothing is given up for them."""

from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from processor import metrics
from processor.group import commit_metadata as commits
from tests.faults.processor.arena import Arena
from tests.integration.processor.running import named, now_ms, run_to, running, set_offset
from tests.support.events import Source
from tests.support.kafka import committed

NOVA, OTHER = Source(), Source(request="req-2")
HOSTS = ["a", "b"]
DAY_MS = 25 * 3_600_000


def metadata(arena: Arena) -> commits.CommitMetadata:
    """Return what stands beside the committed offset of partition 0."""
    consumer = Consumer({"bootstrap.servers": arena.kafka, "group.id": arena.topics.group})
    try:
        (place,) = committed(consumer, [TopicPartition(arena.topics.notifications, 0)])
    finally:
        consumer.close()
    found = commits.read(place.metadata)
    assert found is not None, place.metadata
    return found


def test_a_record_stamped_a_day_ahead_gives_no_operation_up(
    make_arena: Callable[..., Arena], logged: list[dict[str, Any]]
) -> None:
    arena = make_arena(partitions=1, operations={"grace_period": "1s"})
    # A broker stamps as its clock says; of producers' own stamps it takes only those an hour ahead, unless told.
    arena.alter(arena.topics.notifications, "message.timestamp.after.max.ms", str(2 * DAY_MS))
    counted = metrics.AHEAD._value.get()
    with running(arena):
        arena.send([(now_ms(), 0, NOVA.start(HOSTS)), (now_ms() + DAY_MS, 0, OTHER.start(HOSTS))])
        arena.wait_next_offset([2])
        arena.send([(now_ms(), 0, NOVA.report("a")), (now_ms(), 0, OTHER.report("a"))])
        arena.wait_next_offset([4])
    (event,) = named(logged, "processor.stamped_ahead")
    assert event["records"] == 1
    assert abs(event["ahead_s"] - DAY_MS // 1_000) < 60
    assert metrics.AHEAD._value.get() == counted + 1
    assert abs(metadata(arena).clock_ms - now_ms()) < 60_000
    for source in (NOVA, OTHER):
        arena.send([(now_ms(), 0, source.report("b")), (now_ms(), 0, source.end(HOSTS))])
    with running(arena):
        arena.wait_final(2)
    assert {name: one["status"] for name, one in arena.last_decisions().items()} == {
        NOVA.operation: "completed",
        OTHER.operation: "completed",
    }
    assert "abandoned" not in {record["status"] for record in arena.decisions()}
    assert len(arena.derived().progress) == 4
    assert arena.derived().letters == []


def test_a_committed_clock_that_is_a_day_ahead_heals_by_itself(
    make_arena: Callable[..., Arena], logged: list[dict[str, Any]]
) -> None:
    arena = make_arena(partitions=1)
    arena.send([(now_ms(), 0, NOVA.start(HOSTS)), (now_ms(), 0, NOVA.report("a"))])
    run_to(arena, 2)
    set_offset(arena, 2, f"v1;low=0;parts=1;clock={now_ms() + DAY_MS}")
    with running(arena):
        arena.wait_next_offset([2])
        arena.send([(now_ms(), 0, NOVA.report("b")), (now_ms(), 0, NOVA.end(HOSTS))])
        arena.wait_final(1)
    (event,) = named(logged, "processor.clock_taken_back")
    assert abs(event["ahead_s"] - DAY_MS // 1_000) < 60
    assert abs(metadata(arena).clock_ms - now_ms()) < 60_000
    assert [record["status"] for record in arena.decisions()] == ["running", "completed"]
    assert arena.derived().letters == []
