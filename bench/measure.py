"""One drain: a backlog is there, a program is started on it, and its output is watched until all is out.

The window opens with the first output seen and closes when the last is out, so start-up is in nobody's figure. What was
out when the window opened is not counted. CPU is that of the measured process with its children, over the same window.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bench import proc
from bench.child import Child, ChildError

_EVERY_S: Final = 0.05
# Looking for children goes through all processes of the machine: too dear for every reading.
_FAMILY_EVERY_S: Final = 1.0
_US: Final = 1e6


@dataclass(frozen=True, slots=True)
class Shares:
    """How many cores each part kept busy, on average, over a window."""

    measured: float
    busiest_thread: float
    servers: Mapping[str, float]
    bench: float
    others: float
    idle: float
    stolen: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One drain.

    Attributes:
        subject: who was measured.
        messages: that went through within the window.
        seconds: the window.
        cpu_s: of the measured processes within the window.
        peak_rss: bytes; the most that the measured processes had in memory since they started.
        shares: of the machine.
    """

    subject: str
    messages: float
    seconds: float
    cpu_s: float
    peak_rss: int
    shares: Shares | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU microseconds a message."""
        return self.cpu_s / self.messages * _US


@dataclass(frozen=True, slots=True)
class _Reading:
    at: float
    out: int
    cpu_s: float
    threads: Mapping[int, float]
    servers: Mapping[str, float]
    bench_s: float
    machine: proc.MachineCpu


@dataclass(frozen=True, slots=True)
class Drain:
    """What to watch.

    Attributes:
        events: how many messages lie before the program.
        out: how much has come out; in messages, or in anything else that grows evenly with them. 0 until the window
            opens.
        until: how much comes out in all; None when the program ends by itself once it is done.
        servers: the processes that serve it, by name.
    """

    events: int
    out: Callable[[], int]
    until: int | None
    servers: Mapping[str, int]
    timeout_s: float = 600.0


def drain(child: Child, what: Drain) -> Sample:
    """Watch a program until it is done.

    Raises:
        ChildError: it ended with an error, or was not done in time.
    """
    first: _Reading | None = None
    last: _Reading | None = None
    peak = 0
    family = _Family(child.pid)
    end = time.monotonic() + what.timeout_s
    while not child.ended():
        count = what.out()
        if count and (last is None or count > last.out):
            last = _read(family, what, count)
            first = first or last
        peak = max(peak, family.peak_rss())
        if what.until is not None and count >= what.until:
            break
        if time.monotonic() > end:
            raise ChildError(f"{child.name}: {count} of {what.until} after {what.timeout_s:.0f} s\n{child.log_tail()}")
        time.sleep(_EVERY_S)
    if first is None or last is None or last.out <= first.out:
        raise ChildError(f"{child.name} was done before it could be watched: the load is too small\n{child.log_tail()}")
    # A program that ended by itself may have done so after the last look at it.
    return _sample(child.name, what, (first, last), max(last.out, what.out()), peak)


class _Family:
    """A process and its descendants, looked for again from time to time."""

    def __init__(self, root: int) -> None:
        self.root = root
        self._members: set[int] = {root}
        self._looked = 0.0

    def members(self) -> set[int]:
        if time.monotonic() - self._looked > _FAMILY_EVERY_S:
            self._members = proc.tree(self.root)
            self._looked = time.monotonic()
        return self._members

    def cpu_s(self) -> float:
        return sum(proc.cpu_s(pid) for pid in self.members())

    def peak_rss(self) -> int:
        return sum(proc.memory_bytes(pid) for pid in self.members())


def _read(family: _Family, what: Drain, count: int) -> _Reading:
    return _Reading(
        at=time.perf_counter(),
        out=count,
        cpu_s=family.cpu_s(),
        threads=proc.thread_cpu_s(family.root),
        servers={name: proc.cpu_s(pid) for name, pid in what.servers.items()},
        bench_s=proc.cpu_s(os.getpid()),
        machine=proc.machine_cpu(),
    )


def _sample(subject: str, what: Drain, window: tuple[_Reading, _Reading], total: int, peak: int) -> Sample:
    first, last = window
    seconds = last.at - first.at
    return Sample(
        subject=subject,
        messages=what.events * (last.out - first.out) / total,
        seconds=seconds,
        cpu_s=last.cpu_s - first.cpu_s,
        peak_rss=peak,
        shares=_shares(first, last, seconds),
    )


def _shares(first: _Reading, last: _Reading, seconds: float) -> Shares:
    measured = (last.cpu_s - first.cpu_s) / seconds
    servers = {name: (last.servers[name] - before) / seconds for name, before in first.servers.items()}
    bench = (last.bench_s - first.bench_s) / seconds
    busy = (last.machine.busy_s - first.machine.busy_s) / seconds
    threads = [cpu_s - first.threads.get(thread, 0.0) for thread, cpu_s in last.threads.items()]
    return Shares(
        measured=measured,
        busiest_thread=max(threads, default=0.0) / seconds,
        servers=servers,
        bench=bench,
        others=max(0.0, busy - measured - sum(servers.values()) - bench),
        idle=(last.machine.idle_s - first.machine.idle_s) / seconds,
        stolen=(last.machine.stolen_s - first.machine.stolen_s) / seconds,
    )
