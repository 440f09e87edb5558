"""What the loop makes of what it meets on its way, on a real log."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Producer

from processor.errors import Fatal
from tests.faults.processor.arena import Arena
from tests.integration.processor.running import TUNING, Running, named, now_ms, run_to, running
from tests.support.events import Event, Source
from tests.support.process import wait_until

NOVA, LONDON = Source(), Source(cloud="london", request="req-2")
HOSTS = ["a", "b"]
STRATEGIES = ["cooperative-sticky", "range"]


def test_offsets_that_are_missing_are_reported_and_lose_nothing(
    make_arena: Callable[..., Arena], logged: list[dict[str, Any]]
) -> None:
    arena = make_arena(partitions=1)
    foreign = Producer({"bootstrap.servers": arena.kafka, "transactional.id": arena.topics.prefix})
    foreign.init_transactions(10)
    for event in (NOVA.start(HOSTS), NOVA.report("a"), NOVA.report("b"), NOVA.end(HOSTS)):
        # Each transaction ends with a record of Kafka's own, which has an offset and is never seen.
        foreign.begin_transaction()
        foreign.produce(arena.topics.notifications, event.value, key=event.key, timestamp=now_ms(), partition=0)
        foreign.commit_transaction(10)
    with running(arena):
        arena.wait_final(1)
    events = named(logged, "processor.records_missing")
    assert [(event["next_offset"], event["next"]) for event in events] == [(1, 2), (3, 4), (5, 6)]
    assert [event["next_offset"] for event in named(logged, "processor.gap")] == [1, 3, 5], (
        "looked at twice, then believed"
    )
    assert arena.last_decisions()[NOVA.operation]["status"] == "completed"
    assert len(arena.derived().progress) == 2


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_partitions_that_become_ready_one_after_another_do_not_disturb_those_that_are_read(
    make_arena: Callable[..., Arena], logged: list[dict[str, Any]], strategy: str
) -> None:
    arena = make_arena(partitions=4, consumer={"partition.assignment.strategy": strategy})
    hosts = [f"host{number}" for number in range(200)]
    for partition in range(4):
        source = Source(aggregate=f"00000000-0000-0000-0000-{partition:012}")
        arena.send([(now_ms(), partition, source.start(hosts))])
        arena.send([(now_ms(), partition, source.report(host)) for host in hosts])
    run_to(arena, 201, 201, 201, 201, tuning=replace(TUNING, round_records=50))
    assert named(logged, "processor.gap") == []
    assert len(named(logged, "processor.rebuilt")) == 4, "each once"
    assert len(arena.derived().progress) == 800


def test_two_processors_of_one_name_end_in_words(make_arena: Callable[..., Arena]) -> None:
    arena = make_arena(partitions=2)
    one, two = Running(arena), Running(arena)
    end = time.monotonic() + 60
    number = 0
    while (one.error is None and two.error is None) and time.monotonic() < end:
        number += 1
        both = [Source(request=f"req-{number}").end([]), LONDON.report(f"host{number}", total=10_000)]
        arena.send([(now_ms(), partition, event) for partition, event in enumerate(both)])
        time.sleep(0.2)
    errors = [error for error in (one.error, two.error) if error is not None]
    survivors = [runner for runner in (one, two) if runner.error is None]
    try:
        assert errors, "both went on, each fencing the other"
        assert isinstance(errors[0], Fatal)
        assert "another processor uses the name 'one'" in str(errors[0])
        assert "give every processor an `instance:` of its own" in str(errors[0])
        if survivors:
            arena.wait_next_offset([number, number])
    finally:
        for runner in survivors:
            runner.end()
    assert len(arena.derived().operations) >= number, "and each event stands once"


def test_a_stop_is_heard_while_kafka_is_away(make_arena: Callable[..., Arena]) -> None:
    arena = make_arena(partitions=1)
    arena.kafka, there = "127.0.0.1:9", arena.kafka
    runner = Running(arena)
    time.sleep(3)
    began = time.monotonic()
    assert runner.end(20) is None
    assert time.monotonic() - began < 10
    arena.kafka = there


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_nova_may_leave_out_or_change(make_arena: Callable[..., Arena], strategy: str) -> None:
    arena = make_arena(
        partitions=2, operations={"grace_period": "1s"}, consumer={"partition.assignment.strategy": strategy}
    )
    renamed = Source(name="renamed")
    twin = Source(cloud="london")
    no_lists = Source(request="req-3")
    told: list[tuple[int, Event]] = [
        (0, NOVA.start(["a", "b"], id=None)),
        (1, twin.start(["a"])),
        (0, renamed.report("a")),
        (0, renamed.report("b", [], ["x"])),
        (0, renamed.end(["a", "b"])),
        (0, Source(name="renamed", request="req-2").end([])),
        (1, twin.report("a")),
        (1, twin.end(["a"])),
        (1, no_lists.start(None)),
        (1, no_lists.report("a", total=2)),
        (1, no_lists.end(None)),
    ]
    arena.send([(now_ms(), partition, event) for partition, event in told])
    with running(arena):
        arena.wait_final(4)
    last = arena.last_decisions()
    first = last[NOVA.operation]
    assert (first["aggregate_name"], first["status"]) == ("my-application", "completed_with_errors")
    assert last[Source(request="req-2").operation]["aggregate_name"] == "renamed"
    assert last[twin.operation]["status"] == "completed", "the same request id in another cloud"
    unlisted = last[no_lists.operation]
    assert (unlisted["hosts_total"], unlisted["hosts_silent"], unlisted["silent_hosts"]) == (2, 1, [])
    assert len(arena.rows()["precache_operation"]) == 4


def test_an_abandoned_operation_is_taken_up_again(make_arena: Callable[..., Arena]) -> None:
    arena = make_arena(partitions=1, operations={"grace_period": "1s", "stall_after": "1s", "abandon_after": "2s"})
    arena.send([(now_ms(), 0, NOVA.start(HOSTS))])
    with running(arena):
        arena.wait_final(1)
        arena.send([(now_ms(), 0, NOVA.report("a"))])
        arena.wait_next_offset([2])
    arena.send([(now_ms(), 0, NOVA.report("b")), (now_ms(), 0, NOVA.end(HOSTS))])
    with running(arena):
        arena.wait_next_offset([4])
        wait_until(lambda: arena.last_decisions()[NOVA.operation]["status"] == "completed", "its end")
    told = [(record["status"], record["revision"], bool(record["final_at"])) for record in arena.decisions()]
    assert told[:4] == [("running", 0, False), ("stalled", 0, False), ("abandoned", 1, True), ("running", 1, False)]
    assert told[-1] == ("completed", 2, True)
    assert [row["status"] for row in arena.rows()["precache_operation"]] == ["completed"]
    assert arena.derived().letters == []


def test_a_topic_that_takes_no_more_such_batches_is_waited_for_and_logged(
    make_arena: Callable[..., Arena], logged: list[dict[str, Any]]
) -> None:
    arena = make_arena(partitions=1)
    arena.send([(now_ms(), 0, NOVA.start(HOSTS)), (now_ms(), 0, NOVA.report("a"))])
    with running(arena):
        arena.wait_next_offset([2])
        arena.alter(arena.topics.progress, "max.message.bytes", "200")
        arena.send([(now_ms(), 0, NOVA.report("b", ["x"] * 1_000)), (now_ms(), 0, NOVA.end(HOSTS))])
        wait_until(lambda: len(named(logged, "processor.topic_refuses")) >= 2, "it to try again, and to say so")
        assert arena.next_offsets() == [2]
        arena.alter(arena.topics.progress, "max.message.bytes", "1048588")
        arena.wait_next_offset([4])
    refused = named(logged, "processor.topic_refuses")
    assert all("MSG_SIZE_TOO_LARGE" in event["why"] and arena.topics.progress in event["why"] for event in refused)
    assert len(arena.derived().progress) == 2
    assert arena.last_decisions()[NOVA.operation]["status"] == "completed"
