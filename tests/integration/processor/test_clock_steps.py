"""This machine's clock jumps, as after hours in which its virtual machine was suspended: nothing is decided early."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from processor import service, wall_time
from processor.wall_time import SteadyWall
from tests.faults.processor.arena import Arena
from tests.integration.processor.running import named, now_ms, running
from tests.support.events import Source
from tests.support.process import wait_until

NOVA, ENDED, SILENT = Source(), Source(request="req-2"), Source(request="req-3")
HOSTS: Final = ["a", "b"]
MINUTE_MS: Final = 60_000
# For so long the machine slept.
SLEPT_MS: Final = 180 * MINUTE_MS


class Clock:
    """A machine's clock that is set right by a jump; the steady one beside it stood still meanwhile."""

    def __init__(self) -> None:
        self.behind_ms = SLEPT_MS

    def wall(self) -> SteadyWall:
        return SteadyWall(lambda: now_ms() - self.behind_ms, now_ms)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(service, "SteadyWall", made.wall)
    monkeypatch.setattr(wall_time, "_BELIEVED_AFTER_MS", 3_000)
    return made


def test_a_backlog_that_came_while_the_machine_slept_counts_as_stamped(
    make_arena: Callable[..., Arena], logged: list[dict[str, Any]], clock: Clock
) -> None:
    arena = make_arena(partitions=1)
    began = now_ms() - SLEPT_MS
    with running(arena):
        arena.send([(began, 0, NOVA.start(HOSTS)), (began, 0, ENDED.start(["c"])), (began, 0, ENDED.end(["c"]))])
        arena.wait_next_offset([3])
        clock.behind_ms = 0
        # No pause of NOVA's is longer than stall_after; the report of ENDED comes within allowed_lateness.
        arena.send(
            [
                (began + 30 * MINUTE_MS, 0, ENDED.report("c")),
                (began + 34 * MINUTE_MS, 0, NOVA.report("a")),
                *(
                    (began + minutes * MINUTE_MS, 0, NOVA.report(f"late{minutes}", total=8))
                    for minutes in range(60, 180, 30)
                ),
                (began + 120 * MINUTE_MS, 0, SILENT.start(HOSTS)),
                (now_ms() - MINUTE_MS, 0, NOVA.report("b")),
            ]
        )
        arena.wait_next_offset([11])
        # The clock has been believed for good once what is silent is reported.
        wait_until(lambda: status(arena, SILENT) == "stalled", "the stall of what is silent", 60)
    assert [record["status"] for record in arena.decisions() if record["operation"] == NOVA.operation] == ["running"]
    ended = [record for record in arena.decisions() if record["operation"] == ENDED.operation]
    assert [record["status"] for record in ended][-1] == "completed"
    assert arena.derived().letters == []
    assert named(logged, "processor.wall_clock_stepped")
    assert named(logged, "processor.stamped_ahead") == []


def status(arena: Arena, source: Source) -> str:
    return str(arena.last_decisions().get(source.operation, {}).get("status"))
