"""The hook that the fault tests rest on: at its place, at its time, and never otherwise."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from processor.errors import StartOver
from processor.fault_points import VARIABLE, FaultPoints

ROOT = Path(__file__).parents[3]


@pytest.fixture
def killed() -> list[int]:
    return []


@pytest.fixture
def kill(killed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    spy = mock.create_autospec(signal.pthread_kill, side_effect=lambda _, number: killed.append(number))
    monkeypatch.setattr(signal, "pthread_kill", spy)


@pytest.mark.usefixtures("kill")
@pytest.mark.parametrize(
    ("text", "passes", "expected"),
    [
        ("step4:after:kill", 1, [signal.SIGKILL]),
        ("step4:after:stop", 1, [signal.SIGSTOP]),
        ("step4:after:kill", 3, [signal.SIGKILL]),
        ("step4:after:kill:3", 2, []),
        ("step4:after:kill:3", 3, [signal.SIGKILL]),
        ("step4:before:kill", 3, []),
        ("", 3, []),
    ],
)
def test_at_its_place_and_time_once(text: str, passes: int, expected: list[int], killed: list[int]) -> None:
    points = FaultPoints(text)
    for _ in range(passes):
        points.hit("step4:after")
    assert killed == expected


def test_it_may_fail_the_round() -> None:
    points = FaultPoints("step3:before:fail")
    points.hit("step3:after")
    with pytest.raises(StartOver, match="fault point step3:before"):
        points.hit("step3:before")
    points.hit("step3:before")


def test_it_is_read_from_the_environment_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "step1:before:fail")
    points = FaultPoints()
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(StartOver):
        points.hit("step1:before")
    FaultPoints().hit("step1:before")


# The main thread waits, as a processor's does; what another one does right after its fault point must not happen.
STOPPED = """
import os, sys, threading
from processor.fault_points import FaultPoints
points = FaultPoints("here:stop")
def work():
    points.hit("here")
    os.write(1, b"went on")
for _ in range(3):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
threading.Thread(target=work).start()
threading.Event().wait(60)
"""


def test_a_stop_is_at_its_place_whatever_other_threads_do() -> None:
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", STOPPED], cwd=ROOT, stdout=subprocess.PIPE) as process:
            try:
                _, status = os.waitpid(process.pid, os.WUNTRACED)
                assert os.WIFSTOPPED(status)
                assert process.stdout is not None
                os.set_blocking(process.stdout.fileno(), False)
                assert not process.stdout.read()
            finally:
                process.kill()
