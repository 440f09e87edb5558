"""Processes known by more than their number, so that nothing but what was started here is ever signalled."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

# Variables that steer the servers or their tools: a developer's own settings must not reach the servers of the tests.
_STEERING: Final = ("RABBITMQ_", "ERL_", "KAFKA_", "INFLUXD_", "INFLUX_", "CLASSPATH", "NOTIFY_SOCKET", "OS_", "PG")

# Reads from a pipe that only the test's process holds open for writing. However that process ends, SIGKILL included,
# the pipe closes, and the whole session of the server is killed. (PR_SET_PDEATHSIG would be simpler, but it follows the
# thread that started the child, not its process.)
_WATCHDOG: Final = 'cat > /dev/null; kill -s KILL -- "-$1" 2> /dev/null'

# SIGKILL needs no cooperation; what is left after this time hangs in the kernel.
_KILL_TIMEOUT_S: Final = 10.0

# Children of this process, by number: they have to be waited for, or they stay as zombies.
_children: Final[dict[int, subprocess.Popen[bytes]]] = {}


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _stat(pid: int) -> tuple[str, int, str] | None:
    """State, session and start time (in ticks since boot) of a process; None when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name stands in parentheses and may hold any character, so what follows is counted from the last one.
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[3]), fields[19]


@dataclass(frozen=True)
class Process:
    """The leader of a session: its number, and when it was started, so that a recycled number is told apart."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Process:
        """Look up a process that runs now."""
        stat = _stat(pid)
        if stat is None:
            msg = f"process {pid} has ended already"
            raise ProcessLookupError(msg)
        return cls(pid, f"{_boot_id()}:{stat[2]}")

    def _is_this(self, stat: tuple[str, int, str] | None) -> bool:
        return stat is not None and self.started == f"{_boot_id()}:{stat[2]}"

    def is_alive(self) -> bool:
        """Whether it still runs; a zombie, which only waits to be collected, does not."""
        stat = _stat(self.pid)
        if self._is_this(stat) and stat is not None and stat[0] not in "ZX":
            return True
        child = _children.pop(self.pid, None)
        if child is not None:
            child.wait()
        return False

    def signal(self, number: int) -> None:
        """Signal the process itself; nothing happens when it has ended."""
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def members(self) -> Iterator[int]:
        """Every process in its session, also when the leader itself has ended."""
        leader = _stat(self.pid)
        if leader is not None and not self._is_this(leader):
            return  # the number belongs to a stranger by now, and so would the session of that number
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                stat = _stat(int(entry.name))
                if stat is not None and stat[1] == self.pid and stat[0] not in "ZX":
                    yield int(entry.name)

    def signal_all(self, number: int) -> None:
        """Signal every process of the session."""
        for pid in self.members():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def wait(self, timeout_s: float) -> bool:
        """Wait for its end; False when it still runs after the time given."""
        return wait_until(lambda: not self.is_alive(), timeout_s, pause_s=0.02)

    def end(self, timeout_s: float) -> None:
        """Ask it to end, and after the time given, make it: afterwards nothing of its session is left."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        self.wait(timeout_s)
        self.kill()

    def kill(self) -> None:
        """End its whole session at once, without a chance to clean up."""
        self.signal_all(signal.SIGKILL)
        wait_until(lambda: not self.is_alive() and not any(self.members()), _KILL_TIMEOUT_S, pause_s=0.02)


def own_environment(**variables: str) -> dict[str, str]:
    """The environment for a server or its tool: this one, less what would steer it, plus the variables given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_STEERING)}
    return kept | variables


def spawn(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> Process:
    """Start a process in a session of its own, which goes on when this process ends."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    _children[child.pid] = child
    return Process.of(child.pid)


class Watchdog:
    """Kills a process's session as soon as the process that made the watchdog has ended, in whatever way."""

    def __init__(self, process: Process) -> None:
        argv = ["/bin/sh", "-c", _WATCHDOG, "watchdog", str(process.pid)]
        self._shell = subprocess.Popen(argv, stdin=subprocess.PIPE, start_new_session=True)

    def dismiss(self) -> None:
        """End the watchdog alone; to be called once the process has ended, and its number may get another owner."""
        os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.wait()
        if self._shell.stdin is not None:
            self._shell.stdin.close()


def wait_until(condition: Callable[[], bool], timeout_s: float, *, pause_s: float = 0.1) -> bool:
    """Ask again and again until it is so; False when it was not within the time given."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause_s)
    return True
