"""What the three servers have in common: a folder, settings that last, processes, and a life that a test can steer."""

from __future__ import annotations

import shutil
import signal
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final, Self

from .network import are_free
from .process import Process, Watchdog, spawn, wait_until
from .state import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# The slowest of the three, RabbitMQ, is up in ten seconds on two idle cores; a loaded machine takes several times that.
_START_TIMEOUT_S: Final = 180.0

# How long an orderly end may take before the process is killed.
_STOP_TIMEOUT_S: Final = 60.0

# How much of a server's log goes into the error when it does not start.
_LOG_TAIL_LINES: Final = 30


class StartError(RuntimeError):
    """A server or its installation failed; the text holds what its log says."""


def tail(log: Path) -> str:
    """Return the last lines of a log."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(lines[-_LOG_TAIL_LINES:])


class Node(ABC):
    """A server of the tests' own, in a folder of its own, listening on the loopback address alone.

    As a context manager it starts on entry and stops on exit. It may be stopped or killed, and started again:
    addresses, passwords and data stay. Unless told otherwise (`tied=False`) it ends with the process that started it,
    however that ends, so that a test run that is killed leaves nothing behind.

    Another `Node` made on the same folder, in this process or a later one, finds the server that runs there.
    """

    name: ClassVar[str]

    def __init__(self, base: Path, *, tied: bool = True) -> None:
        self.base: Final = base
        self._tied = tied
        self._watchdogs: list[Watchdog] = []
        saved = read_json(base / "node.json")
        self._settings: dict[str, str] = saved.get("settings", {})
        self._processes = {name: Process(*known) for name, known in saved.get("processes", {}).items()}

    @classmethod
    @abstractmethod
    def install(cls) -> None:
        """Fetch or build the server's program unless that was done before."""

    @abstractmethod
    def exports(self) -> dict[str, str]:
        """Return the variables that tell a test where this server is."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server does what it is there for now, not only listens."""

    @abstractmethod
    def _choose_settings(self) -> dict[str, str]:
        """Pick ports, names and passwords; asked for once, then kept with the node."""

    @abstractmethod
    def _ports(self) -> list[int]:
        """Return the ports that the server listens on."""

    @abstractmethod
    def _prepare(self) -> None:
        """Write the configuration, and lay out the data folder when there is none."""

    @abstractmethod
    def _launch(self) -> None:
        """Start the processes, the one called `server` last."""

    def _set_up(self) -> None:  # noqa: B027 - most servers need no more than to run
        """Do what has to be done once through the server's own API."""

    @property
    def data(self) -> Path:
        """Where the server keeps its data."""
        return self.base / "data"

    @property
    def log(self) -> Path:
        """What the server's processes print."""
        return self.base / "server.log"

    @property
    def pid(self) -> int:
        """The number of the real server process."""
        return self._processes["server"].pid

    def has_address(self) -> bool:
        """Whether it was ever started, and so has an address that the next start keeps."""
        return bool(self._settings)

    def was_started(self) -> bool:
        """Whether it was started, and neither stopped nor killed from here since."""
        return bool(self._processes)

    def is_alive(self) -> bool:
        """Whether all its processes run, be they paused."""
        return bool(self._processes) and all(process.is_alive() for process in self._processes.values())

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.begin()
        self.await_answer()

    def begin(self) -> None:
        """Start it and return at once, for a server that answers only once others of its kind run too."""
        if self.is_alive():
            msg = f"{self.name} in {self.base} runs already"
            raise StartError(msg)
        self.kill()
        self.install()
        self.base.mkdir(parents=True, exist_ok=True)
        if not self._settings or not are_free(self._ports()):
            self._settings = self._settings | self._choose_settings()
        self._prepare()
        self._launch()

    def await_answer(self) -> None:
        """Wait until it answers."""
        answered = wait_until(lambda: not self.is_alive() or self.answers(), _START_TIMEOUT_S)
        if not answered or not self.is_alive():
            self.kill()
            msg = f"{self.name} did not start; the end of {self.log}:\n{tail(self.log)}"
            raise StartError(msg)
        self._set_up()

    def stop(self) -> None:
        """End it in an orderly way."""
        for process in reversed(self._processes.values()):
            process.end(_STOP_TIMEOUT_S)
        self._forget()

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL to all its processes."""
        for process in reversed(self._processes.values()):
            process.kill()
        self._forget()

    def restart(self) -> None:
        """Stop it, and start it with its data."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the server: its connections stay open, and nothing moves on them."""
        self._processes["server"].signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        self._processes["server"].signal_all(signal.SIGCONT)

    def wipe(self) -> None:
        """End it and remove its data; addresses and passwords stay for the next start."""
        self.kill()
        settings = self._settings
        # A file that appears or is gone meanwhile is no reason to fail; what is left is written over.
        shutil.rmtree(self.base, ignore_errors=True)
        self.base.mkdir(parents=True, exist_ok=True)
        self._settings = settings
        self._save()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _spawn(self, role: str, argv: Sequence[str], env: Mapping[str, str]) -> None:
        process = spawn(argv, env=env, cwd=self.base, log=self.log)
        self._processes[role] = process
        if self._tied:
            self._watchdogs.append(Watchdog(process))
        self._save()

    def _forget(self) -> None:
        for watchdog in self._watchdogs:
            watchdog.dismiss()
        self._watchdogs.clear()
        self._processes.clear()
        if self._settings:
            self._save()

    def _save(self) -> None:
        processes = {role: [process.pid, process.started] for role, process in self._processes.items()}
        write_json(self.base / "node.json", {"settings": self._settings, "processes": processes})
