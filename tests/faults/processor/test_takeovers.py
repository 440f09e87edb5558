"""What a successor finds: an open transaction, a timer's round that was cut off, a row that was not written yet."""

import time
from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from processor.group import commit_metadata as commits
from tests.faults.processor.arena import Arena
from tests.faults.processor.proxy import Proxy
from tests.support.events import Event, Source
from tests.support.process import wait_until

S_MS = 1_000
NOVA, OTHER = Source(), Source(request="req-2")
HOSTS = ["a", "b"]
SESSION = {"session.timeout.ms": 3_000}


def dead_producer(arena: Arena, timeout_ms: int) -> Producer:
    """Return the producer of a processor called `dead`, within a transaction."""
    producer = Producer(
        {
            "bootstrap.servers": arena.kafka,
            "transactional.id": f"{arena.topics.group}-dead",
            "transaction.timeout.ms": timeout_ms,
        }
    )
    producer.init_transactions(10)
    producer.begin_transaction()
    return producer


def send_offset(arena: Arena, producer: Producer, next_offset: int, name: str = "") -> None:
    """Do what a processor does in step 4; what it processed are records of no operation."""
    metadata = commits.CommitMetadata(next_offset, arena.partitions, 0, transactional_id=name)
    place = TopicPartition(arena.topics.notifications, 0, next_offset, metadata=commits.write(metadata))
    member = Consumer({"bootstrap.servers": arena.kafka, "group.id": arena.topics.group})
    producer.send_offsets_to_transaction([place], member.consumer_group_metadata(), 10)
    member.close()


@pytest.mark.parametrize("ends", ["committed", "timed out"])
def test_the_open_transaction_of_a_predecessor_without_a_name_is_waited_out(
    make_arena: Callable[..., Arena], ends: str
) -> None:
    arena = make_arena(partitions=1)
    now = int(time.time() * S_MS)
    arena.send([(now, 0, NOVA.end([])), (now, 0, OTHER.end([]))])
    # Of two operations: had the transaction written its decision, one would be told twice.
    producer = dead_producer(arena, 30_000 if ends == "committed" else 15_000)
    send_offset(arena, producer, 1)
    with arena.start("one") as runner:
        runner.wait_event("processor.assigned")
        time.sleep(2)
        assert runner.events("processor.rebuilt") == [], "it did not wait"
        if ends == "committed":
            producer.commit_transaction(10)
        rebuilt = runner.wait_event("processor.rebuilt")
        arena.wait_next_offset([2])
        runner.stop()
    expected = {OTHER.operation} if ends == "committed" else {NOVA.operation, OTHER.operation}
    assert rebuilt["next_offset"] == (1 if ends == "committed" else 0)
    assert set(arena.last_decisions()) == expected


def open_by_name(arena: Arena, holds: str) -> Producer:
    """Commit a first offset, with a name, and leave a transaction open that holds up what a successor needs."""
    producer = dead_producer(arena, 60_000)
    send_offset(arena, producer, 0, f"{arena.topics.group}-dead")
    producer.commit_transaction(10)
    producer.begin_transaction()
    if holds == "offsets":
        send_offset(arena, producer, 1, f"{arena.topics.group}-dead")
    else:
        producer.produce(arena.topics.config()[holds], b"{}", b"key", partition=0)
        assert producer.flush(10) == 0
    return producer


@pytest.mark.parametrize("holds", ["offsets", "operations", "progress"])
def test_the_open_transaction_of_a_predecessor_that_is_gone_is_ended(
    make_arena: Callable[..., Arena], holds: str
) -> None:
    arena = make_arena(partitions=1)
    arena.send([(int(time.time() * S_MS), 0, NOVA.end(["a"])), (int(time.time() * S_MS), 0, NOVA.report("a"))])
    producer = open_by_name(arena, holds)
    with arena.start("one") as runner:
        event = runner.wait_event("processor.predecessor_fenced", timeout_s=20)
        assert event["predecessor"] == f"{arena.topics.group}-dead"
        arena.wait_next_offset([2], 20)
        # Readers of committed records are not held up either.
        wait_until(lambda: len(arena.derived().progress) == len(arena.derived().operations) - 1 == 1, "records", 20)
        runner.stop()
    with pytest.raises(KafkaException, match="fenced"):
        producer.commit_transaction(10)
    assert len(runner.events("processor.predecessor_fenced")) == 1


def test_the_open_transaction_of_a_member_is_not_ended(make_arena: Callable[..., Arena]) -> None:
    arena = make_arena(partitions=1, consumer={"session.timeout.ms": 10_000})
    arena.send([(int(time.time() * S_MS), 0, NOVA.end([])), (int(time.time() * S_MS), 0, OTHER.end([]))])
    name = f"{arena.topics.group}-dead"
    settings = {"bootstrap.servers": arena.kafka, "group.id": arena.topics.group, "client.id": name}
    member = Consumer(settings | {"partition.assignment.strategy": "cooperative-sticky", "session.timeout.ms": 30_000})
    member.subscribe([arena.topics.deadletters])
    try:
        wait_until(lambda: member.poll(0.1) is None and member.assignment(), "the member to have its share")
        producer = open_by_name(arena, "offsets")
        with arena.start("one") as runner:
            wait_until(lambda: member.poll(0.1) is None and runner.events("processor.assigned"), "both to be members")
            time.sleep(3)
            assert runner.events("processor.rebuilt") == runner.events("processor.predecessor_fenced") == []
            producer.commit_transaction(10)
            wait_until(lambda: member.poll(0.1) is None and arena.next_offsets() == [2], "the rest to be processed")
            assert runner.events("processor.predecessor_fenced") == []
    finally:
        member.close()
    assert set(arena.last_decisions()) == {OTHER.operation}


@pytest.mark.parametrize("max_poll_s", [300, 4])
def test_a_round_that_only_a_timer_caused_is_fenced(make_arena: Callable[..., Arena], max_poll_s: int) -> None:
    arena = make_arena(
        partitions=1,
        operations={"stall_after": "3s", "grace_period": "1s"},
        consumer=SESSION | {"max.poll.interval.ms": max_poll_s * S_MS},
    )
    with arena.start("sleeper", "step4:before:stop:2") as sleeper, arena.start("successor") as successor:
        successor.freeze()
        sleeper.wait_event("processor.rebuilt")
        arena.send([(int(time.time() * S_MS), 0, NOVA.start(HOSTS))])
        sleeper.wait_stopped()
        assert [record["status"] for record in arena.decisions()] == ["running"]
        successor.thaw()
        wait_until(lambda: len(arena.decisions()) == 2, "the successor to tell the stall")
        time.sleep(max(0, max_poll_s - 2) if max_poll_s < 60 else 0)
        sleeper.thaw()
        sleeper.wait_event("processor.starting_over")
        sleeper.stop()
        successor.stop()
    assert [record["status"] for record in arena.decisions()] == ["running", "stalled"]
    assert len(arena.derived().operations) == 2
    assert sleeper.events("operation.stalled") == []


def test_what_became_final_and_was_closed_in_one_round_has_its_row_after_a_kill(
    make_arena: Callable[..., Arena],
) -> None:
    arena = make_arena(partitions=1, operations={"grace_period": "1s", "allowed_lateness": "10s"})
    ago = int(time.time() * S_MS) - 3_600 * S_MS
    story = [(ago, 0, NOVA.end([])), (ago + 60 * S_MS, 0, OTHER.end([])), (ago + 120 * S_MS, 0, NOVA.end([]))]
    arena.send(story)
    with arena.start("one", "step5:before:kill") as victim:
        victim.wait_killed()
    assert arena.next_offsets() == [3]
    assert arena.rows()["precache_operation"] == []
    with arena.start("one") as successor:
        wait_until(lambda: len(arena.rows()["precache_operation"]) == 2, "both rows")
        successor.stop()
    assert len(arena.derived().operations) == 2
    assert arena.derived().letters == [("late", "0/2")]


def test_asked_to_stop_while_the_store_is_away_it_ends_in_time_and_loses_nothing(
    make_arena: Callable[..., Arena],
) -> None:
    arena = make_arena(partitions=2, operations={"grace_period": "1s"})
    now = int(time.time() * S_MS)
    with Proxy(arena.bucket.url) as proxy:
        away = arena.config("one")["store"] | {"url": proxy.url, "timeout": "1s"}
        with arena.start("one", store=away, shutdown_timeout="6s") as runner:
            runner.wait_event("processor.rebuilt")
            arena.send([(now, 0, NOVA.start(HOSTS)), (now, 0, NOVA.report("a"))])
            arena.wait_next_offset([2, -1001])
            proxy.cut()
            arena.send([(now + 1, 0, NOVA.report("b")), (now + 2, 0, NOVA.end(HOSTS)), (now + 2, 1, OTHER.end([]))])
            runner.wait_event("processor.store_waiting")
            began = time.monotonic()
            runner.stop()
            assert time.monotonic() - began < 6.0
    assert arena.next_offsets()[0] == 2, "points that are not stored are not committed"
    with arena.start("one") as again:
        arena.wait_final(2)
        # The second partition's decision was made before the stop: its row is written once that partition is rebuilt.
        wait_until(lambda: len(arena.rows()["precache_operation"]) == 2, "both rows")
        again.stop()
    rows = arena.rows()
    assert [row["host"] for row in rows["precache_progress"]] == HOSTS
    assert [row["status"] for row in rows["precache_operation"]] == ["completed", "completed"]
    assert len(arena.derived().progress) == 2


def test_a_partition_that_comes_back_after_the_store_was_away_is_read(make_arena: Callable[..., Arena]) -> None:
    arena = make_arena(partitions=2)
    now = int(time.time() * S_MS)
    heartbeat = Event(b"paris", {"event_type": "something.else"})
    with Proxy(arena.bucket.url) as proxy:
        away = arena.config("one")["store"] | {"url": proxy.url, "timeout": "1s"}
        with arena.start("one", store=away) as one:
            one.wait_event("processor.rebuilt")
            arena.send([(now, 0, heartbeat), (now, 1, heartbeat)])
            arena.wait_next_offset([1, 1])
            proxy.cut()
            arena.send([(now, 0, NOVA.end([])), (now, 1, OTHER.end([]))])
            one.wait_event("processor.store_waiting")
            with arena.start("two") as two:
                one.wait_event("processor.starting_over")
                two.wait_event("processor.assigned")
                two.stop()
            proxy.fix()
            arena.wait_next_offset([2, 2])
            arena.send([(now, 0, heartbeat), (now, 1, heartbeat)])
            arena.wait_next_offset([3, 3])
            one.stop()
    assert len(one.events("processor.starting_over")) < 5, "a new share is paused too, and is not rebuilt forever"
    assert len(arena.derived().operations) == 2


@pytest.mark.parametrize("strategy", ["cooperative-sticky", "range"])
def test_retention_that_overtakes_a_processor_at_work(make_arena: Callable[..., Arena], strategy: str) -> None:
    arena = make_arena(partitions=1, consumer={"session.timeout.ms": 30_000, "partition.assignment.strategy": strategy})
    now = int(time.time() * S_MS)
    ignored = Event(b"paris", {"event_type": "something.else"})
    arena.send([(now, 0, ignored)] * 3)
    with arena.start("one") as runner:
        arena.wait_next_offset([3])
        runner.freeze()
        time.sleep(1.5)  # until what it asked the broker for is answered
        arena.send([(now, 0, ignored)] * 200)
        admin = AdminClient({"bootstrap.servers": arena.kafka})
        for future in admin.delete_records([TopicPartition(arena.topics.notifications, 0, 150)]).values():
            future.result(timeout=30)
        arena.send([(now, 0, NOVA.end([]))])
        runner.thaw()
        arena.wait_next_offset([204], 30)
        runner.stop()
    assert list(arena.last_decisions()) == [NOVA.operation]
    assert len(runner.events("processor.out_of_range")) == 1
    (event,) = runner.events("processor.history_missing")
    assert (event["log_start"], event["skipped"], event["level"]) == (150, 147, "error")
