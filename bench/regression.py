"""Which rows cost more CPU than in the committed document: a guard against becoming slow, and no timed test.

Machines differ, and one machine from day to day. So CPU is held against that of the peer, which ran beside; where there
is no peer, against a fixed piece of work, whose CPU stands in the document as its calibration.
"""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from bench.load.bodies import captured_body
from bench.result import Result

MOST_WORSE: Final = 0.15
_ROUNDS: Final = 7
_READS: Final = 5_000
_NS: Final = 1e9
_CPU: Final = re.compile(r"^([0-9.]+)(?: / ([0-9.]+))? us$")
_CALIBRATION: Final = re.compile(r"^- calibration: ([0-9]+) ns", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU microseconds a message, of precache and of the peer where there is one."""

    us: float
    peer_us: float | None


@dataclass(frozen=True, slots=True)
class Compared:
    """A row, and by how much it costs more than before (0.2: 20 %); None where that can't be known."""

    what: str
    more: float | None

    @property
    def is_worse(self) -> bool:
        """Whether it costs too much more."""
        return self.more is not None and self.more > MOST_WORSE

    def __str__(self) -> str:
        change = "not comparable" if self.more is None else f"CPU a message {self.more:+.0%}"
        return f"{'WORSE: ' if self.is_worse else ''}{self.what}: {change}"


def calibration_ns() -> float:
    """Return the CPU nanoseconds for reading one notification, both layers; the best of some rounds."""
    body = captured_body()
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.process_time()
        for _ in range(_READS):
            orjson.loads(orjson.loads(body)["oslo.message"])
        best = min(best, time.process_time() - began)
    return best / _READS * _NS


def compared(results: Sequence[Result], document: str, here_ns: float) -> list[Compared]:
    """Hold each row that has a figure of CPU against the document's.

    Args:
        results: of this run.
        document: the text of docs/benchmarks.md.
        here_ns: this machine's calibration.
    """
    there = _CALIBRATION.search(document)
    scale = None if there is None else here_ns / float(there[1])
    before = dict(_rows(document))
    return [
        Compared(result.what, _more(cost, before.get(result.what), scale))
        for result in results
        if (cost := _cost(result.cpu)) is not None
    ]


def _more(now: Cost, before: Cost | None, scale: float | None) -> float | None:
    if before is None:
        return None
    if now.peer_us and before.peer_us:
        return (now.us / now.peer_us) / (before.us / before.peer_us) - 1
    return None if scale is None else now.us / (before.us * scale) - 1


def _rows(document: str) -> Iterator[tuple[str, Cost]]:
    for line in document.splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and (cost := _cost(cells[-1])) is not None:
            yield cells[0], cost


def _cost(cell: str) -> Cost | None:
    found = _CPU.match(cell)
    return None if found is None else Cost(float(found[1]), float(found[2]) if found[2] else None)
