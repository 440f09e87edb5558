"""A processor that fell out of its group commits nothing: the group may have moved on, and be empty again."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from processor.fault_points import FaultPoints
from tests.faults.processor.arena import Arena
from tests.integration.processor.running import named, now_ms, running, set_offset
from tests.support.events import Source
from tests.support.process import wait_until

NOVA = Source()
HOSTS = ["a", "b"]


class Sleeper(FaultPoints):
    """Sleeps once before its second commit, until it is let go on."""

    def __init__(self) -> None:
        super().__init__("")
        self.commits = 0
        self.asleep = False
        self.wake = False

    def hit(self, place: str) -> None:
        if place != "step4:before":
            return
        self.commits += 1
        if self.commits == 2:
            self.asleep = True
            end = time.monotonic() + 60
            while not self.wake and time.monotonic() < end:
                time.sleep(0.05)


def test_what_was_decided_as_a_member_is_not_committed_by_none(
    make_arena: Callable[..., Arena], logged: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper = Sleeper()
    monkeypatch.setattr("processor.service.FaultPoints", lambda: sleeper)
    arena = make_arena(partitions=1, consumer={"session.timeout.ms": 6_000, "max.poll.interval.ms": 6_000})
    arena.send([(now_ms(), 0, NOVA.start(HOSTS))])
    with running(arena):
        arena.wait_next_offset([1])
        arena.send([(now_ms(), 0, NOVA.report("a"))])
        wait_until(lambda: sleeper.asleep, "the second commit")
        admin = AdminClient({"bootstrap.servers": arena.kafka})

        def members() -> int:
            group = arena.topics.group
            return len(admin.describe_consumer_groups([group])[group].result(30).members)

        wait_until(lambda: members() == 0, "the group to be empty", 40)
        # As whoever took over, and has left since: its commit must stand.
        set_offset(arena, 1, f"v1;low=0;parts=1;clock={now_ms()};txn=another")
        sleeper.wake = True
        arena.wait_next_offset([2])
    assert named(logged, "processor.starting_over"), "what was decided before was committed"
    assert len(arena.derived().progress) == 1
