"""Bridges and processors as a supervisor runs them: each is started again when it ends, and may come to harm."""

import signal
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.support.process import Precache, free_port
from tests.support.stack import Stack

# What a service ends with when it gives up: its supervisor is to start it again.
_FATAL: Final = 1


class Member:
    """One service. It is harmed as a server is: killed and started, paused and resumed."""

    def __init__(self, stack: Stack, role: str, name: str, port: int, file: Path) -> None:
        self.name = name
        self._stack, self._role, self._port, self._file = stack, role, port, file
        self._process: Precache | None = None
        # The last words of each process that gave up.
        self.gave_up: list[str] = []

    @property
    def process(self) -> Precache:
        """The process that runs, or has run last."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process

    def start(self) -> None:
        """Start it, and do not wait: what it needs may be away."""
        self._process = self._stack.precache(self._role, "--config", str(self._file), name=self.name, http=self._port)

    def kill(self) -> None:
        """End it without a chance to clean up."""
        if self._process is not None:
            self._process.__exit__(None, None, None)

    def pause(self) -> None:
        """Stop it in its tracks."""
        if self.process.process.poll() is None:
            self.process.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        if self.process.process.poll() is None:
            self.process.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Ask it to end, and start nothing."""
        code = self.process.stop()
        assert code in {0, _FATAL}, f"{self.name} ended with {code}:\n{self.process.stderr[-4000:]}"

    def tend(self) -> None:
        """Start it again if it gave up by itself.

        Raises:
            AssertionError: it ended in another way than a fatal error.
        """
        code = self.process.process.poll()
        if code is None:
            return
        assert code == _FATAL, f"{self.name} ended with {code}:\n{self.process.stderr[-4000:]}"
        self.gave_up.append(f"{self.name}: {self.process.stderr.rstrip()[-400:]}")
        self.start()


class Fleet:
    """Some bridges and two processors. As a context manager it starts them, and kills them at the end."""

    def __init__(self, stack: Stack, bridges: Sequence[Sequence[dict[str, Any]]], processor: dict[str, Any]) -> None:
        self.members: list[Member] = []
        self._ending = ExitStack()
        for number, clouds in enumerate(bridges, 1):
            port, name = free_port(), f"bridge-{number}"
            self.members.append(Member(stack, "bridge", name, port, stack.bridge_file(port, clouds, name)))
        for number in (1, 2):
            port, name = free_port(), f"central-{number}"
            file = stack.processor_file(port, name, **processor)
            self.members.append(Member(stack, "processor", name, port, file))

    def __enter__(self) -> Self:
        for member in self.members:
            self._ending.callback(member.kill)
            member.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.close()

    def wait_ready(self, timeout_s: float = 60.0) -> None:
        """Wait until each is ready."""
        for member in self.members:
            member.process.wait_ready(timeout_s)
