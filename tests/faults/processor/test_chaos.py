"""Three processors that are killed, and stopped past their session, at random moments."""

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.processor.arena import Arena, Runner, Stamped
from tests.services.testing import Bucket
from tests.support.events import Event, Source
from tests.support.final_records import comparable, final_record
from tests.support.process import wait_until

S_MS = 1_000
PARTITIONS = 4
TIMERS = {"grace_period": "2s", "stall_after": "30m", "abandon_after": "40m", "allowed_lateness": "48h"}
# At the end what is still open is given up soon: no timestamp moves a clock far ahead.
HASTY = {"grace_period": "1s", "stall_after": "2s", "abandon_after": "4s", "allowed_lateness": "48h"}


def operations(chance: random.Random, count: int, most_hosts: int) -> list[list[Event]]:
    """Return the events of some operations: failures, silent hosts, missing START or END, repetitions, any order."""
    made = []
    for number in range(count):
        aggregate = f"00000000-0000-0000-0000-{number // 2:012}"
        source = Source(chance.choice(["paris", "london"]), aggregate, f"req-{number}")
        hosts = [f"host{host}" for host in range(chance.choice([0, 1, chance.randint(2, most_hosts)]))]
        events = [
            source.report(host, ["a"], chance.choice([[], [], [], ["b"]]), chance.randint(1, 10**6), total=len(hosts))
            for host in hosts
            if chance.random() < 0.95
        ]
        if chance.random() < 0.85:
            events.insert(0, source.start(hosts))
        if chance.random() < 0.85 or not events:
            events.append(source.end(hosts, 2_000_000))
        if chance.random() < 0.3:
            chance.shuffle(events)
        events += chance.sample(events, min(len(events), chance.choice([0, 0, 3])))
        made.append(events)
    return made


def records(told: list[list[Event]], now_ms: int) -> list[Stamped]:
    """Return the log: operations overlap; what has no end stays open to the end of the log."""
    began_ms = now_ms - 60 * S_MS
    placed = [
        (began_ms + number * 20 + place * 3, number // 2 % PARTITIONS, event)
        for number, events in enumerate(told)
        for place, event in enumerate(events)
    ]
    return sorted(placed, key=lambda record: record[0])


class Troop:
    """Three processors."""

    def __init__(self, arena: Arena, chance: random.Random, tuning: dict[str, Any]) -> None:
        self._arena = arena
        self._chance = chance
        self._tuning = tuning
        self.runners: dict[str, Runner] = {name: arena.start(name, tuning=tuning) for name in ("one", "two", "three")}

    def disturb(self) -> None:
        """Kill one and start it again, or stop one for longer than its session."""
        name = self._chance.choice(sorted(self.runners))
        if self._chance.random() < 0.5:
            self.runners[name].kill()
            time.sleep(self._chance.random())
            self.runners[name] = self._arena.start(name, tuning=self._tuning)
        else:
            self.runners[name].freeze()
            time.sleep(2.0 + 2 * self._chance.random())
            self.runners[name].thaw()

    def end(self) -> None:
        for runner in self.runners.values():
            runner.stop()

    def kill(self) -> None:
        for runner in self.runners.values():
            runner.kill()


def still_open(arena: Arena) -> int:
    """Return how many operations have a last record that is none of an end."""
    return sum(not record["final_at"] for record in arena.last_decisions().values())


def differing(arena: Arena, told: list[list[Event]]) -> list[str]:
    """Return the operations whose last record does not tell what the set of their events says."""
    last = arena.last_decisions()
    names = [f"{events[0].key.decode()}/{events[0].body['context']['request_id']}" for events in told]
    return [
        name
        for name, events in zip(names, told, strict=True)
        if name not in last or comparable(last[name]) != final_record(events)
    ]


def play(
    arena: Arena, bucket: Bucket, *, seed: int, count: int, most_hosts: int, disturbances: int, **tuning: Any
) -> str:
    """Play it all, check it all, and return what it was in one line."""
    began = time.monotonic()
    chance = random.Random(seed)
    told = operations(chance, count, most_hosts)
    log = records(told, int(time.time() * S_MS))
    troop = Troop(arena, chance, tuning)
    try:
        share = len(log) // disturbances + 1
        for start in range(0, len(log), share):
            arena.send(log[start : start + share])
            time.sleep(0.5 + chance.random())
            wait_until(lambda: still_open(arena), "operations that are open", 60)
            troop.disturb()
        troop.end()
        arena.operations = HASTY
        troop = Troop(arena, chance, tuning)
        arena.wait_final(count, 300)
        # What came late is revised two seconds later.
        wait_until(lambda: not differing(arena, told), "records that tell all that was sent", 60)
        troop.end()
    finally:
        troop.kill()
    derived = arena.derived()  # each ce_id once
    last = arena.last_decisions()
    assert len(derived.progress) == sum(record["hosts_done"] for record in last.values())
    arena.rebuild_store(bucket)
    rows = arena.rows()
    assert arena.rows(bucket) == rows
    return (
        f"{len(log)} records, {count} operations, {disturbances} disturbances, {len(derived.progress)} progress and "
        f"{len(derived.operations)} operation records, {sum(map(len, rows.values()))} points and rows, seed {seed}: "
        f"none missing, none twice, {time.monotonic() - began:.0f} s"
    )


@pytest.mark.parametrize("strategy", ["cooperative-sticky", "range"])
def test_killed_and_stopped_at_random(
    make_arena: Callable[..., Arena], make_bucket: Callable[[], Bucket], strategy: str
) -> None:
    arena = make_arena(partitions=PARTITIONS, operations=TIMERS, consumer={"partition.assignment.strategy": strategy})
    play(arena, make_bucket(), seed=7, count=40, most_hosts=20, disturbances=5)


@pytest.mark.soak
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("strategy", ["cooperative-sticky", "range"])
def test_killed_and_stopped_at_random_for_long(
    make_arena: Callable[..., Arena],
    make_bucket: Callable[[], Bucket],
    capsys: pytest.CaptureFixture[str],
    strategy: str,
) -> None:
    arena = make_arena(partitions=PARTITIONS, operations=TIMERS, consumer={"partition.assignment.strategy": strategy})
    # Rounds large enough to get through it in time, small enough that each disturbance meets one.
    seed = random.randrange(10**6)
    told = play(arena, make_bucket(), seed=seed, count=200, most_hosts=500, disturbances=30, round_records=200)
    with capsys.disabled():
        print(f"\nkilled and stopped at random, {strategy}: {told}")  # noqa: T201 - the figures of a long run
