"""Real notifications go in at RabbitMQ; what they say comes out in InfluxDB and in the derived topics."""

import json
import random
from typing import Any

import pytest

from tests.support import captures, expected
from tests.support.kafka import header, read_all
from tests.support.process import wait_until
from tests.support.stack import Stack

FINAL = {"completed", "completed_with_errors", "abandoned"}


def points(stack: Stack, measurement: str) -> list[dict[str, Any]]:
    return [expected.comparable(row) for row in stack.points(measurement)]


def wait_final(stack: Stack, operations: int) -> None:
    def all_final() -> bool:
        rows = stack.points("precache_operation")
        return len(rows) == operations and all(row["status"] in FINAL for row in rows)

    wait_until(all_final, f"{operations} final operations", 60)


def by_time(row: dict[str, Any]) -> tuple[str, int, str]:
    return row["aggregate_uuid"], row["micros"], row.get("image", "")


@pytest.mark.parametrize("source", ["rabbit", "oslo"])
def test_each_capture_gives_exactly_what_it_says(stack: Stack, source: str) -> None:
    sent = [captures.read(name) for name in captures.ALL]
    with stack.bridge(source=source) as bridge, stack.processor() as processor:
        for capture in sent:
            stack.publish(capture)
        wait_final(stack, len(sent))
        assert processor.stop() == 0
        assert bridge.stop() == 0

    progress = [row for capture in sent for row in expected.progress_rows(capture, "paris")]
    images = [row for capture in sent for row in expected.image_rows(capture, "paris")]
    operations = [expected.operation_row(capture, "paris") for capture in sent]
    assert sorted(points(stack, "precache_progress"), key=by_time) == sorted(progress, key=by_time)
    assert sorted(points(stack, "precache_operation"), key=by_time) == sorted(operations, key=by_time)
    assert sorted(points(stack, "precache_image"), key=by_time) == sorted(images, key=by_time)
    assert_figures_known_by_heart(points(stack, "precache_progress"), points(stack, "precache_operation"))


def assert_figures_known_by_heart(progress: list[dict[str, Any]], operations: list[dict[str, Any]]) -> None:
    """Hold what no computation of a test can get wrong in the same way as the product."""
    row = {operation["aggregate_name"]: operation for operation in operations}
    reports = {name: [point for point in progress if point["aggregate_name"] == name] for name in row}
    blog, mixed, empty = row["my-application"], row["db-tier"], row["empty"]

    assert len(reports["my-application"]) == 95
    assert sum(point["images_failed_count"] > 0 for point in reports["my-application"]) == 8
    assert (blog["hosts_done"], blog["hosts_total"]) == (95, 95)
    assert (blog["hosts_failed"], blog["hosts_silent"], blog["errors"], len(blog["images"])) == (8, 0, 8, 1)

    assert len(reports["db-tier"]) == 23
    assert (mixed["hosts_total"], mixed["hosts_silent"], mixed["silent_hosts"]) == (24, 1, ["db12"])
    assert mixed["failed_hosts"] == ["db3", "db4", "db5", "db9", "db17"]
    assert (mixed["errors"], mixed["percent"]) == (9, 100 * 23 / 24)

    assert reports["empty"] == []
    assert (empty["status"], empty["hosts_total"], empty["hosts_done"]) == ("completed", 0, 0)


def everything(stack: Stack) -> dict[str, Any]:
    """All points but the heartbeats, and both derived topics, byte for byte."""
    measurements = ("precache_progress", "precache_operation", "precache_image")
    derived = {
        topic: [(record.partition(), record.key(), record.value(), header(record, "ce_id")) for record in records]
        for topic in (stack.topics.progress, stack.topics.operations)
        if (records := read_all(stack.servers.kafka, topic))
    }
    return {name: stack.points(name) for name in measurements} | derived


def test_what_is_published_again_changes_nothing(stack: Stack) -> None:
    sent = [message for name in captures.ALL for message in captures.read(name)]
    rng = random.Random(20261122)

    def again() -> list[captures.Captured]:
        copies = [message.with_fresh_unique_id() for message in sent]
        rng.shuffle(copies)
        return copies

    with stack.bridge() as bridge:
        with stack.processor() as processor:
            stack.publish(sent)
            wait_final(stack, len(captures.ALL))
            stack.wait_processed(len(sent))
            before = everything(stack)
            assert len(before[stack.topics.progress]) == 95 + 23

            stack.publish(again())
            stack.wait_processed(2 * len(sent))
            assert everything(stack) == before, "a repetition within `allowed_lateness` changed something"
            assert processor.stop() == 0

        with stack.processor(operations={"allowed_lateness": "1s"}) as processor:
            # The clock moves to wall time, less two seconds, once nothing is left to be read.
            wait_until(lambda: is_closed(stack), "the operations to be closed")
            stack.publish(again())
            stack.wait_processed(3 * len(sent))
            assert processor.stop() == 0
        assert bridge.stop() == 0

    assert everything(stack) == before, "an event for a closed operation changed something"
    letters = read_all(stack.servers.kafka, stack.topics.deadletters)
    assert [header(letter, "precache_reason") for letter in letters] == ["late"] * len(sent)
    kept = sorted(json.loads(letter.value() or b"{}")["message_id"] for letter in letters)
    assert kept == sorted(message.message()["message_id"] for message in sent)


def is_closed(stack: Stack) -> bool:
    """Whether the committed `replay_from` of every partition has reached its next offset: nothing is in memory."""
    return stack.replay_from_all() == stack.next_offsets()
