"""A processor that sleeps past its session while another takes over, and wakes up again."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.faults.processor.arena import Arena, together
from tests.services.testing import Bucket
from tests.support.events import Source
from tests.support.process import wait_until

S_MS = 1_000
NOVA = Source()
HOSTS = ["a", "b", "c"]
PLACES = [f"step{step}:{side}" for step in (1, 2, 3, 4, 5, 6) for side in ("before", "after")] + ["step4:inside"]
# Longer than a loaded machine may keep the other one from its heartbeats.
SESSION = {"session.timeout.ms": 3_000}
# Committed, and the row not yet written: InfluxDB can't fence, so who wakes up here writes an older row over a newer.
WINDOW = {"step4:after", "step5:before"}


def statuses(rows: dict[str, list[dict[str, Any]]]) -> list[str]:
    return [row["status"] for row in rows["precache_operation"]]


def test_stopped_at_any_step_while_another_finishes(
    make_arena: Callable[..., Arena], make_bucket: Callable[[], Bucket]
) -> None:
    arenas = {place: make_arena(partitions=1, operations={"grace_period": "1s"}, consumer=SESSION) for place in PLACES}
    buckets = {place: make_bucket() for place in WINDOW}

    def sleep_at(place: str) -> None:
        arena = arenas[place]
        now = int(time.time() * S_MS)
        with arena.start("sleeper", f"{place}:stop") as sleeper, arena.start("successor") as successor:
            # It joins alone, so that the partition is its own.
            successor.freeze()
            sleeper.wait_event("processor.rebuilt")
            arena.send([(now, 0, NOVA.start(HOSTS)), (now, 0, NOVA.report("a")), (now, 0, NOVA.report("b", [], ["x"]))])
            sleeper.wait_stopped()
            successor.thaw()
            arena.send([(now + 1, 0, NOVA.report("c")), (now + 2, 0, NOVA.end(HOSTS))])
            arena.wait_final(1)
            # Rows are written after the commit.
            wait_until(lambda: statuses(arena.rows()) == ["completed_with_errors"], f"{place}: the row of the result")
            finished = arena.rows()
            sleeper.thaw()
            if place in WINDOW:
                wait_until(lambda: statuses(arena.rows()) == ["running"], f"{place}: the older row, over the newer")
            sleeper.wait_event("processor.lost", "processor.revoked")
            rows = arena.rows()
            sleeper.stop()
            successor.stop()
        derived = arena.derived()
        assert len(derived.progress) == 3
        assert len(rows["precache_progress"]) == 3
        if place not in WINDOW:
            assert rows == finished, place
            return
        arena.rebuild_store(arena.bucket)
        assert arena.rows() == finished, place
        arena.rebuild_store(buckets[place])
        assert arena.rows(buckets[place]) == finished, place

    together(*(partial(sleep_at, place) for place in PLACES))


def test_stopped_while_idle_it_reports_no_false_stall(make_arena: Callable[..., Arena]) -> None:
    hosts = [f"host{number}" for number in range(200)]
    # It keeps its place in the group: the state that it wakes up with is the old one.
    arena = make_arena(
        "LogAppendTime",
        partitions=1,
        operations={"stall_after": "3s", "grace_period": "1s"},
        consumer={"session.timeout.ms": 30_000, "heartbeat.interval.ms": 1_000},
    )
    with arena.start("one") as runner:
        runner.wait_event("processor.rebuilt")
        arena.send([(0, 0, NOVA.start(hosts))])
        arena.wait_next_offset([1])
        runner.freeze()
        for number in range(0, 200, 10):
            arena.send([(0, 0, NOVA.report(host)) for host in hosts[number : number + 10]])
            time.sleep(0.25)
        arena.send([(0, 0, NOVA.end(hosts))])
        runner.thaw()
        arena.wait_final(1)
        runner.stop()
    assert [record["status"] for record in arena.decisions()] == ["running", "completed"]
    assert len(arena.derived().progress) == 200
