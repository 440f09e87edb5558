"""The processor killed before and after each step, with operations open, final and closed."""

import time
from collections.abc import Callable, Iterator
from functools import partial

from tests.faults.processor.arena import Arena, Derived, Stamped, together
from tests.support.events import Source
from tests.support.final_records import final_record

S_MS = 1_000
TIMERS = {"grace_period": "1s", "stall_after": "600s", "abandon_after": "700s", "allowed_lateness": "20s"}
PLACES = [f"step{step}:{side}" for step in (1, 2, 3, 4, 5, 6) for side in ("before", "after")] + ["step4:inside"]


def source(number: int) -> Source:
    return Source(
        cloud="paris", aggregate=f"00000000-0000-0000-0000-{number:012}", request=f"req-{number}", name=f"app-{number}"
    )


def story(base_ms: int) -> Iterator[Stamped]:
    """Operations that close, end, settle, stall and are given up while records go on coming; two partitions."""
    silent, stalled = source(90), source(91)
    yield base_ms - 900 * S_MS, 0, silent.start(["x", "y"])
    yield base_ms - 650 * S_MS, 0, stalled.start(["x", "y"])
    for number in range(6):
        one, partition = source(number), number % 2
        began_ms = base_ms - 150 * S_MS + number * 15 * S_MS
        hosts = [f"host{host}" for host in range(4)]
        yield began_ms, partition, one.start(hosts)
        for place, host in enumerate(hosts[:-1]):
            yield (
                began_ms + place,
                partition,
                one.report(host, ["a"], ["b"] if place == 1 else [], index=place, total=4),
            )
            yield began_ms + place, partition, one.report(host, ["a"], [], index=9, total=4)
        yield began_ms + 10, partition, one.end(hosts)
        # Once it has settled, and once it is closed.
        yield began_ms + 5 * S_MS, partition, one.report(hosts[-1], ["a"], [], index=4, total=4)
        yield began_ms + 30 * S_MS, partition, one.report("stranger", ["a"], [], index=5, total=4)
    yield base_ms - 20 * S_MS, 0, silent.report("x")
    yield base_ms - 10 * S_MS, 0, stalled.report("x")
    yield base_ms - 10 * S_MS, 0, stalled.end(["x", "y"])
    yield base_ms, 1, source(92).end(["z"])


def run_undisturbed(arena: Arena, records: list[Stamped]) -> tuple[Derived, dict[str, list[dict[str, object]]]]:
    arena.send(records)
    with arena.start("one") as runner:
        arena.wait_final(9)
        runner.stop()
    return arena.derived(), arena.rows()


def test_killed_at_any_step_writes_the_same_and_each_event_once(make_arena: Callable[..., Arena]) -> None:
    records = sorted(story(int(time.time() * S_MS) - 5 * S_MS), key=lambda record: record[0])
    expected, rows = run_undisturbed(make_arena(operations=TIMERS), records)
    check_against_oracle(records, rows)
    arenas = {place: make_arena(operations=TIMERS) for place in PLACES}

    def disturb(place: str) -> None:
        arena = arenas[place]
        arena.send(records)
        for count in (2, 5):
            with arena.start("one", f"{place}:kill:{count}") as victim:
                victim.wait_killed()
        with arena.start("one") as successor:
            arena.wait_final(9)
            successor.stop()

    together(*(partial(disturb, place) for place in PLACES))
    for place, arena in arenas.items():
        derived = arena.derived()
        assert derived.operations == expected.operations, place
        assert derived.progress == expected.progress, place
        assert derived.letters == expected.letters, place
        assert arena.rows() == rows, place


def check_against_oracle(records: list[Stamped], rows: dict[str, list[dict[str, object]]]) -> None:
    """Hold the undisturbed run itself against the set of events; what came for closed operations counts for nothing."""
    by_operation = {str(row["operation"]): row for row in rows["precache_operation"]}
    assert len(by_operation) == 9
    for number in range(6):
        one = source(number)
        events = [event for _, _, event in records if event.key == one.key and b"stranger" not in event.value]
        told = final_record(events)
        row = by_operation[one.operation]
        assert row["revision"] == 2
        for name in ("status", "hosts_total", "hosts_done", "hosts_failed", "hosts_silent", "errors", "percent"):
            assert row[name] == told[name], (number, name)
    assert by_operation[source(90).operation]["status"] == "abandoned"
    assert by_operation[source(91).operation]["status"] == "completed_with_errors"
