"""What a run was limited by: the measured program, a server, the benchmark itself, or a machine that others use too."""

import os
from collections.abc import Sequence
from typing import Final

from bench.measure import Sample, Shares

# A thread that runs for so much of the time does not wait for anybody.
_FULL_THREAD: Final = 0.85
# So little idle time, of all cores, is a machine without room.
_FULL_MACHINE_IDLE: Final = 0.08
_NOISE: Final = 0.10


def limit(shares: Shares) -> str:
    """Say in a few words what kept the program from being faster."""
    parts = {
        "the program": shares.measured,
        **shares.servers,
        "the benchmark itself": shares.bench,
        "other programs": shares.others,
    }
    if shares.busiest_thread >= _FULL_THREAD:
        return "its own thread"
    cores = os.cpu_count() or 1
    greatest = max(parts, key=lambda name: parts[name])
    if shares.idle / cores < _FULL_MACHINE_IDLE:
        return f"all cores busy, most with {greatest}"
    if greatest != "the program" and parts[greatest] >= _FULL_THREAD:
        return greatest
    return f"waiting ({shares.idle:.1f} cores idle)"


def describe(shares: Shares) -> str:
    """Return the cores that each part kept busy, largest first."""
    parts = {"program": shares.measured, **shares.servers, "bench": shares.bench, "others": shares.others}
    ordered = sorted(parts.items(), key=lambda part: -part[1])
    return ", ".join(f"{name} {share:.2f}" for name, share in ordered) + f", idle {shares.idle:.2f}"


def warnings(samples: Sequence[Sample]) -> list[str]:
    """Say what makes the figures doubtful: other programs, a stolen core, a benchmark that is in the way."""
    known = [sample.shares for sample in samples if sample.shares is not None]
    found = []
    for text, worst in (
        ("other programs used up to {:.2f} cores during these runs", max((one.others for one in known), default=0.0)),
        ("the hypervisor took up to {:.2f} cores away", max((one.stolen for one in known), default=0.0)),
        ("the benchmark's own watching took up to {:.2f} cores", max((one.bench for one in known), default=0.0)),
    ):
        if worst > _NOISE:
            found.append(text.format(worst))
    return found
