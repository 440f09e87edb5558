"""What the kernel says of processes: CPU time of a process with all its children, of its threads, and memory.

Source: proc(5): `stat` (times in clock ticks), `status` (VmHWM), `/proc/stat` (the machine).
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICK_S: Final = 1.0 / os.sysconf("SC_CLK_TCK")
_GONE: Final = (FileNotFoundError, ProcessLookupError)


def _stat_fields(path: Path) -> list[str]:
    # The name stands in parentheses and may hold any character, so what follows is counted from the last one.
    return path.read_text().rpartition(")")[2].split()


def _parents() -> dict[int, int]:
    """Return the parent of every process."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = int(_stat_fields(entry / "stat")[1])
            except _GONE:
                continue
    return found


def tree(root: int) -> set[int]:
    """Return a process and all its descendants."""
    parents = _parents()
    members = {root}
    while True:
        more = {pid for pid, parent in parents.items() if parent in members} - members
        if not more:
            return members
        members |= more


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of one process, user and system, with those of the children that it has waited for."""
    try:
        fields = _stat_fields(Path(f"/proc/{pid}/stat"))
    except _GONE:
        return 0.0
    return sum(map(int, fields[11:15])) * _TICK_S


def thread_cpu_s(pid: int) -> dict[int, float]:
    """Return the CPU seconds of each thread of a process."""
    found = {}
    try:
        for entry in Path(f"/proc/{pid}/task").iterdir():
            fields = _stat_fields(entry / "stat")
            found[int(entry.name)] = (int(fields[11]) + int(fields[12])) * _TICK_S
    except _GONE:
        pass
    return found


def memory_bytes(pid: int, key: str = "VmHWM") -> int:
    """Return the peak (VmHWM) or present (VmRSS) resident memory of one process; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except _GONE:
        return 0
    values = [int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:")]
    return values[0] if values else 0


@dataclass(frozen=True, slots=True)
class MachineCpu:
    """CPU seconds of all cores since boot."""

    busy_s: float
    idle_s: float
    stolen_s: float


def machine_cpu() -> MachineCpu:
    """Read the machine's own account."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, idle, waiting, irq, soft_irq, stolen = (int(text) * _TICK_S for text in fields[:8])
    return MachineCpu(user + nice + system + irq + soft_irq, idle + waiting, stolen)
