"""When each simulated cloud sends what. Pure."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from console.simulator.clouds import SimulatedReport, SimulatedRequest

# How long the hosts of one operation take together, before and after which it starts and ends, in seconds.
_REPORTS_S: Final = 16.0
_BEFORE_S: Final = 0.5
_AFTER_S: Final = 0.5
# The second operation on an aggregate begins while the first runs.
_LATER_S: Final = 4.0
_FAST: Final = 0.05


@dataclass(frozen=True, slots=True)
class Step:
    """One notification: when (seconds from the start of the demo), and which."""

    at_s: float
    request: SimulatedRequest
    kind: Literal["start", "progress", "end"]
    report: SimulatedReport | None = None
    index: int = 0


def schedule(requests: Sequence[SimulatedRequest], *, fast: bool = False) -> dict[str, list[Step]]:
    """Return what each cloud sends, in order, by the cloud's name."""
    speed = _FAST if fast else 1.0
    steps: dict[str, list[Step]] = {}
    begun: dict[str, int] = {}
    for request in requests:
        before = begun.get(request.cloud, 0)
        begun[request.cloud] = before + 1
        steps.setdefault(request.cloud, []).extend(_steps(request, before * _LATER_S * speed, speed))
    # sorted() is stable: what is due at the same time keeps the order of its operation.
    return {cloud: sorted(cloud_steps, key=lambda step: step.at_s) for cloud, cloud_steps in steps.items()}


def _steps(request: SimulatedRequest, begin_s: float, speed: float) -> Iterator[Step]:
    yield Step(begin_s, request, "start")
    # As even as hosts are: some answer in a row, some take their time.
    jitter = random.Random(request.aggregate.uuid)  # noqa: S311 - for looks
    gaps = [jitter.expovariate(1.0) for _ in request.reports]
    scale = _REPORTS_S * speed / sum(gaps) if gaps else 0.0
    now = begin_s + _BEFORE_S * speed
    for index, (report, gap) in enumerate(zip(request.reports, gaps, strict=True), start=1):
        now += gap * scale
        yield Step(now, request, "progress", report, index)
    yield Step(now + _AFTER_S * speed, request, "end")
