"""`precache` as a process of its own, with its HTTP port, its log and its end."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PRECACHE = Path(sys.executable).with_name("precache")


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Precache:
    """A running `precache ARGS...`; stdout and stderr go to files, so that a test can read them at any time."""

    def __init__(
        self,
        args: Sequence[str],
        folder: Path,
        *,
        name: str,
        env: Mapping[str, str] | None = None,
        http: int | None = None,
        command: Sequence[str] = (str(PRECACHE),),
    ) -> None:
        self.name = name
        self.http = http
        self.out = folder / f"{name}-{time.monotonic_ns()}.out"
        self.err = self.out.with_suffix(".err")
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [*command, *args],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=folder,
                env=os.environ | (env or {}),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()

    @property
    def stdout(self) -> str:
        """What the process wrote to its standard output so far."""
        return self.out.read_text()

    @property
    def stderr(self) -> str:
        """What the process wrote to its standard error so far."""
        return self.err.read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the log events of one name so far (the log is JSON lines in a pipe)."""
        lines = (line for line in self.stderr.splitlines() if line.startswith("{"))
        return [event for event in map(json.loads, lines) if event.get("event") == name]

    def ready(self) -> tuple[bool, str]:
        """Ask /readyz: whether it is ready, and its text."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/readyz", timeout=5) as answer:
                return True, answer.read().decode()
        except urllib.error.HTTPError as error:
            return False, error.read().decode()
        except OSError as error:
            return False, str(error)

    def metrics(self) -> dict[str, float]:
        """Return the samples of /metrics: `name{labels}` to value."""
        lines = self.metrics_text().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {key: float(value) for key, value in pairs}

    def metrics_text(self) -> str:
        """Return /metrics as Prometheus gets it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics", timeout=5) as answer:
            text: str = answer.read().decode()
            return text

    def wait_ready(self, timeout_s: float = 40.0) -> Self:
        """Wait until /readyz says so.

        Raises:
            AssertionError: the process ended, or was not ready in time; its log is in the text.
        """
        end = time.monotonic() + timeout_s
        said = "nothing"
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.stderr[-4000:]}")
            is_ready, said = self.ready()
            if is_ready:
                return self
            time.sleep(0.1)
        raise AssertionError(f"{self.name} not ready within {timeout_s} s: {said}\n{self.stderr[-4000:]}")

    def wait_text(self, text: str, timeout_s: float = 20.0) -> None:
        """Wait until the process has written a text to stdout or stderr."""
        wait_until(lambda: text in self.stdout or text in self.stderr, f"{self.name} to say {text!r}", timeout_s)

    def wait_end(self, timeout_s: float = 60.0) -> int:
        """Wait for the end of the process and return its exit code (negative: the signal)."""
        return self.process.wait(timeout_s)

    def stop(self, timeout_s: float = 40.0) -> int:
        """Ask the process to end (SIGTERM) and return its exit code."""
        self.process.terminate()
        return self.wait_end(timeout_s)

    def kill(self) -> None:
        """End the process with SIGKILL, as the kernel's OOM killer would."""
        self.process.kill()
        self.process.wait()


def wait_until(holds: Any, what: str, timeout_s: float = 30.0, every_s: float = 0.1) -> None:
    """Wait until `holds()` is true.

    Raises:
        AssertionError: it was not, in time; the text says what was waited for.
    """
    end = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout_s} s in vain for {what}")
        time.sleep(every_s)


def comes_true(condition: Callable[[], bool], within_s: float) -> bool:
    """Return whether something became true within the time."""
    end = time.monotonic() + within_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return condition()
