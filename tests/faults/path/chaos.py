"""Faults drawn from a seed, at random moments, on any server and any process; some of them at once."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from tests.faults.path.fleet import Fleet
from tests.faults.path.site import Disturbance, Server, Site

SERVERS: Final = ("rabbitmq", "kafka", "influxdb")
_SERVER_KINDS: Final = ("killed", "stopped", "refusing", "hanging")
_PROCESS_KINDS: Final = ("killed", "killed", "stopped")
# A server has so long to itself before it is disturbed again; starting takes its share of it.
_REST_S: Final = 12.0


@dataclass(frozen=True)
class Fault:
    """One fault: when, to whom, what."""

    at_s: float
    target: str
    disturbance: Disturbance

    def __str__(self) -> str:
        return f"{self.at_s:.1f} s: {self.target} {self.disturbance}"


def plan(
    chance: random.Random, processes: Sequence[str], duration_s: float, every_s: float, most_s: float
) -> list[Fault]:
    """Draw faults, one in `every_s` on the average, of `most_s` at most; none on what has one, or just had.

    In the first round each server has one, so that a short run meets all.
    """
    targets = [*SERVERS, *processes]
    free_s = dict.fromkeys(targets, 0.0)
    first = chance.sample(SERVERS, len(SERVERS))
    faults, now_s = [], 0.0
    while now_s < duration_s:
        rested = [name for name in targets if free_s[name] <= now_s]
        wanted = [name for name in first if name in rested] or rested
        if wanted:
            target = chance.choice(wanted)
            first = [name for name in first if name != target]
            kind = chance.choice(_SERVER_KINDS if target in SERVERS else _PROCESS_KINDS)
            seconds = round(chance.uniform(0.2, most_s), 1)
            faults.append(Fault(round(now_s, 1), target, Disturbance(kind, seconds)))
            free_s[target] = now_s + seconds + _REST_S
        now_s += chance.uniform(0.3, 1.7) * every_s
    return faults


class Chaos:
    """Lets planned faults happen, each in a thread of its own."""

    def __init__(self, site: Site, fleet: Fleet, faults: Sequence[Fault]) -> None:
        members = {member.name: Server(member.name, member) for member in fleet.members}
        self._targets = members | {name: site.server(name) for name in SERVERS}
        self._locks = {name: threading.Lock() for name in self._targets}
        self._faults = faults
        self._fleet = fleet

    def happen(self, meanwhile: Callable[[float], None]) -> None:
        """Let all happen; return once all has ended, with every server back.

        Args:
            meanwhile: called again and again, with the seconds since the beginning.

        Raises:
            AssertionError: a process ended that should not.
        """
        began = time.monotonic()
        running: list[Future[None]] = []
        left = list(self._faults)
        with ThreadPoolExecutor(len(self._targets)) as pool:
            while left or not all(future.done() for future in running):
                now_s = time.monotonic() - began
                while left and left[0].at_s <= now_s:
                    running.append(pool.submit(self._disturb, left.pop(0)))
                self._tend()
                meanwhile(now_s)
                time.sleep(0.1)
        for future in running:
            future.result()

    def _disturb(self, fault: Fault) -> None:
        # A start that took longer than planned: the next fault of that target waits.
        with self._locks[fault.target]:
            fault.disturbance.happen(self._targets[fault.target], time.sleep)

    def _tend(self) -> None:
        for member in self._fleet.members:
            # Whoever is killed just now is started again by who killed it.
            if self._locks[member.name].acquire(blocking=False):
                try:
                    member.tend()
                finally:
                    self._locks[member.name].release()
