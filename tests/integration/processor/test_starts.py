"""What a processor makes of what it finds at its start: each case has its name."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from processor import metrics
from processor.errors import Fatal
from tests.faults.processor.arena import Arena
from tests.integration.processor.running import Running, named, now_ms, run_to, running, set_offset
from tests.support.events import Event, Source
from tests.support.process import wait_until

NOVA, OTHER = Source(), Source(request="req-2")
HOSTS = ["a", "b", "c"]


@pytest.mark.parametrize("metadata", ["", "v9;low=1;parts=1;clock=1", "something else"])
def test_a_commit_without_metadata_that_is_known_here(
    make_arena: Callable[..., Arena], logged: list[dict[str, Any]], metadata: str
) -> None:
    arena = make_arena(partitions=1)
    arena.send([(now_ms(), 0, OTHER.end([])), (now_ms(), 0, NOVA.start(HOSTS)), (now_ms(), 0, NOVA.report("a"))])
    run_to(arena, 3)
    set_offset(arena, 3, metadata)
    arena.send([(now_ms(), 0, NOVA.report("b")), (now_ms(), 0, NOVA.report("c")), (now_ms(), 0, NOVA.end(HOSTS))])
    arena.send([(now_ms(), 0, OTHER.report("z"))])
    run_to(arena, 7)
    (event,) = named(logged, "processor.commit_without_metadata")
    assert event["replay_from"] == 1, "the first offset of the open operation"
    assert arena.last_decisions()[NOVA.operation]["status"] == "completed"
    assert len(arena.derived().progress) == 3
    assert arena.derived().letters == [("late", "0/6")], "the final one was taken for closed"


def test_retention_that_ate_low(make_arena: Callable[..., Arena], logged: list[dict[str, Any]]) -> None:
    arena = make_arena(partitions=1)
    arena.send([(now_ms(), 0, NOVA.start(HOSTS)), (now_ms(), 0, NOVA.report("a")), (now_ms(), 0, OTHER.start(["z"]))])
    run_to(arena, 3)
    admin = AdminClient({"bootstrap.servers": arena.kafka})
    for future in admin.delete_records([TopicPartition(arena.topics.notifications, 0, 2)]).values():
        future.result(timeout=30)
    arena.send([(now_ms(), 0, NOVA.report("b")), (now_ms(), 0, OTHER.report("z")), (now_ms(), 0, OTHER.end(["z"]))])
    run_to(arena, 6)
    (event,) = named(logged, "processor.history_missing")
    assert event["log_level"] == "error"
    assert (event["replay_from"], event["log_start"], event["open_operations"]) == (0, 2, [NOVA.operation])
    last = arena.last_decisions()
    assert (last[NOVA.operation]["status"], last[OTHER.operation]["status"]) == ("running", "completed")
    assert arena.derived().letters == [("late", "0/3")]


def test_partitions_added_are_fatal(make_arena: Callable[..., Arena]) -> None:
    arena = make_arena(partitions=1)
    arena.send([(now_ms(), 0, NOVA.start(HOSTS))])
    run_to(arena, 1)
    admin = AdminClient({"bootstrap.servers": arena.kafka})
    new = [NewPartitions(name, 2) for name in (arena.topics.notifications, arena.topics.operations)]
    for future in admin.create_partitions(new).values():
        future.result(timeout=30)
    error = Running(arena).wait_error()
    assert isinstance(error, Fatal)
    assert "has 2 partitions" in str(error)
    assert "fixed for life" in str(error)
    assert "new topics" in str(error)


def test_topics_without_log_append_time_are_refused(make_arena: Callable[..., Arena]) -> None:
    arena = make_arena(partitions=1)
    error = Running(arena, check_topics=True).wait_error()
    assert isinstance(error, Fatal)
    assert "message.timestamp.type is CreateTime, but has to be LogAppendTime" in str(error)
    assert "kafka-configs.sh" in str(error)


def test_topics_as_they_have_to_be_are_taken(make_arena: Callable[..., Arena]) -> None:
    arena = make_arena("LogAppendTime", partitions=1)
    arena.send([(0, 0, NOVA.end([]))])
    with running(arena, check_topics=True):
        arena.wait_next_offset([1])


def test_another_group_over_what_was_processed_is_fatal(make_arena: Callable[..., Arena]) -> None:
    arena = make_arena(partitions=1)
    arena.send([(now_ms(), 0, NOVA.start(HOSTS))])
    run_to(arena, 1)
    arena.consumer["group.id"] = f"{arena.topics.group}-other"
    error = Running(arena).wait_error()
    assert isinstance(error, Fatal)
    assert "has no committed offset" in str(error)
    assert "group.id was changed: put it back" in str(error)


@pytest.mark.parametrize("last", [OTHER.start(HOSTS), OTHER.end([])], ids=["open", "over"])
def test_an_offset_set_back_is_fatal(make_arena: Callable[..., Arena], last: Event) -> None:
    arena = make_arena(partitions=1)
    arena.send([(now_ms(), 0, NOVA.end([])), (now_ms(), 0, last)])
    run_to(arena, 2)
    set_offset(arena, 1, "")
    error = Running(arena).wait_error()
    assert isinstance(error, Fatal)
    assert "lies before operations that were decided already" in str(error)


def stalled() -> Any:
    return metrics.OPEN.labels("stalled")._value.get()


def test_a_stalled_operation_is_reported_once(make_arena: Callable[..., Arena], logged: list[dict[str, Any]]) -> None:
    arena = make_arena(partitions=1, operations={"grace_period": "1s", "stall_after": "1s"})
    arena.send([(now_ms(), 0, NOVA.start(HOSTS))])
    with running(arena):
        wait_until(lambda: named(logged, "operation.stalled"), "the stall")
        wait_until(lambda: stalled() == 1, "the gauge to tell it")
        time.sleep(1.0)
    counted = metrics.DECISIONS.labels("stalled")._value.get()
    metrics.OPEN.labels("stalled").set(0)
    with running(arena):
        wait_until(lambda: stalled() == 1, "a restart, and the gauge to tell it")
        time.sleep(1.0)
    assert metrics.DECISIONS.labels("stalled")._value.get() == counted
    assert len(named(logged, "operation.stalled")) == 1
    assert [record["status"] for record in arena.decisions()] == ["running", "stalled"]
    assert [row["status"] for row in arena.rows()["precache_operation"]] == ["stalled"]


def test_dead_letters_tell_where_it_lay(make_arena: Callable[..., Arena]) -> None:
    arena = make_arena(partitions=1)
    no_request = Source(request="")
    arena.send([(now_ms(), 0, NOVA.end([])), (now_ms(), 0, no_request.start(HOSTS))])
    run_to(arena, 2)
    assert arena.derived().letters == [("no-request-id", "0/1")]
