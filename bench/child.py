"""A program under measurement: a process of its own, with its log, ended when the run has ended."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.services.process import Process, Watchdog

_STOP_TIMEOUT_S: Final = 40.0
_LOG_TAIL_BYTES: Final = 3000


class ChildError(RuntimeError):
    """A program under measurement ended or went wrong; the text holds the end of its log."""


class Child:
    """A running program. Leaving the context ends it: SIGTERM, and SIGKILL when that does not help."""

    def __init__(
        self, name: str, argv: Sequence[str | Path], folder: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name: Final = name
        self.log: Final = folder / f"{name}-{time.monotonic_ns()}.log"
        self.out: Final = self.log.with_suffix(".out")
        self.started: Final = time.perf_counter()
        with self.log.open("wb") as log, self.out.open("wb") as out:
            self._process = subprocess.Popen(
                [str(part) for part in argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                env=os.environ | (env or {}),
                cwd=folder,
                start_new_session=True,
            )
        # However the benchmark itself ends, nothing that it started goes on.
        self._watchdog: Watchdog | None = Watchdog(Process.of(self._process.pid))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    def ended(self) -> bool:
        """Whether it has ended by itself.

        Raises:
            ChildError: with an error.
        """
        code = self._process.poll()
        if code:
            raise ChildError(f"{self.name} ended with {code}:\n{self.log_tail()}")
        return code is not None

    def wait(self, timeout_s: float) -> None:
        """Wait for its end.

        Raises:
            ChildError: it ended with an error, or not in time.
        """
        wait_for(self.ended, f"{self.name} to end", timeout_s, self.log_tail)

    def stop(self) -> int:
        """End it, unless it has ended; returns its exit code."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        code = self._process.wait()
        if self._watchdog is not None:
            self._watchdog.dismiss()
            self._watchdog = None
        return code

    def log_tail(self) -> str:
        """Return the end of what it wrote to stderr and stdout."""
        texts = [file.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace") for file in (self.log, self.out)]
        return "\n".join(texts)


def wait_for(
    holds: Callable[[], bool], what: str, timeout_s: float, tell: Callable[[], str] = str, every_s: float = 0.05
) -> None:
    """Wait until something is so.

    Raises:
        ChildError: it was not in time.
    """
    end = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > end:
            raise ChildError(f"waited {timeout_s:.0f} s in vain for {what}\n{tell()}")
        time.sleep(every_s)
