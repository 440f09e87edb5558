import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from precache.runtime.shutdown import Stop

ROOT = Path(__file__).parents[3]

# Waits in the main thread and in another; says why it stops, then takes its time.
PROGRAM = """
import sys, threading, time
from precache.runtime.shutdown import Stop
stop = Stop().on_signals()
other = threading.Thread(target=stop.wait)
other.start()
print("ready", flush=True)
began = time.monotonic()
stop.wait(60 if sys.argv[1] == "bounded" else None)
other.join()
print(stop.reason, time.monotonic() - began < 30, flush=True)
time.sleep(float(sys.argv[2]))
"""


def start(*argv: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("how", ["bounded", "unbounded"])
def test_a_signal_ends_every_wait_at_once(number: signal.Signals, how: str) -> None:
    with start(how, "0") as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert (out, err, process.returncode) == (f"{number.name} True\n", "", 0)


# The kernel may give a process's signal to any of its threads; `pthread_kill` gives it to one that is not the main one.
ELSEWHERE = """
import signal, sys, threading, time
from precache.runtime.shutdown import Stop
from precache.runtime.shutdown import finish_within
stop = Stop().on_signals()
def signal_this_thread():
    time.sleep(0.2)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    time.sleep(60)
threading.Thread(target=signal_this_thread, daemon=True).start()
if sys.argv[1] == "stop":
    stop.wait()
else:
    finish_within(lambda: time.sleep(60), stop, 0.1)
sys.stdout.write(stop.reason)
sys.stdout.flush()
sys.exit(0)
"""


@pytest.mark.parametrize("waiting", ["stop", "finish_within"])
def test_a_signal_that_another_thread_receives_is_noticed(waiting: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, waiting], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
    )
    assert ended.stdout.endswith("SIGTERM"), ended
    assert ended.returncode == 0


def test_a_second_signal_ends_the_process_at_once() -> None:
    with start("bounded", "60") as process:
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert process.stdout.readline() == "SIGTERM True\n"
        time.sleep(1.1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 1
        assert "second signal" in err


def test_waits() -> None:
    stop = Stop()
    began = time.monotonic()
    assert stop.wait(0.05) is False
    assert 0.04 < time.monotonic() - began < 2
    assert stop.wait(0) is False
    assert stop.wait(-1) is False
    assert not stop.requested


def test_a_request_from_another_thread_wakes_all_and_the_first_reason_is_kept() -> None:
    stop = Stop()
    woken: list[bool] = []
    waiting = [threading.Thread(target=lambda: woken.append(stop.wait(30))) for _ in range(5)]
    for thread in waiting:
        thread.start()
    stop.request("the store is gone")
    stop.request("another")
    for thread in waiting:
        thread.join(10)
    assert woken == [True] * 5
    assert stop.reason == "the store is gone"
    assert stop.wait() is True


DESCRIPTORS = """
import gc, os
from precache.runtime.shutdown import Stop
before = len(os.listdir("/proc/self/fd"))
for _ in range(50):
    Stop().request("x")
gc.collect()
print(len(os.listdir("/proc/self/fd")) - before)
"""


def test_no_descriptor_is_left() -> None:
    # In a process of its own: clients of other tests open descriptors when they like.
    command = [sys.executable, "-c", DESCRIPTORS]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "0\n"


def test_two_signals_at_once_are_one_request() -> None:
    with start("bounded", "0.5") as process:
        process.send_signal(signal.SIGTERM)
        time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
        assert (out, err, process.returncode) == ("SIGTERM True\n", "", 0)
