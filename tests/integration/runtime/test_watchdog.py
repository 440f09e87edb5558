"""Processes that really hang: they say where, and end."""

import json
import subprocess
import sys

HANGING = """
import ctypes, threading
from precache.runtime import logs
from precache.runtime.watchdog import Watchdog, WatchdogLimits
logs.configure("json")
watchdog = Watchdog(WatchdogLimits(round_s=0.4, beat_s=0.5, end_s=1.0, frozen_s={frozen_s}))
def stands_here():
    watchdog.watch("cloud:paris").round_ended()
    {hang}
with watchdog.running():
    thread = threading.Thread(target=stands_here)
    thread.start()
    thread.join()
"""


def run_hanging(hang: str, frozen_s: float) -> subprocess.CompletedProcess[str]:
    code = HANGING.format(hang=hang, frozen_s=frozen_s)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


def test_a_process_whose_thread_hangs_says_where_and_ends() -> None:
    ended = run_hanging("ctypes.CDLL(None).pause()", 60.0)
    assert ended.returncode == 1, ended
    (event,) = (json.loads(line) for line in ended.stderr.splitlines())
    assert (event["event"], event["level"], event["loop"]) == ("watchdog.hanging", "error", "cloud:paris")
    assert event["stack"][-1].endswith("stands_here")


def test_a_process_that_keeps_pythons_lock_ends_too() -> None:
    ended = run_hanging("threading.Event().wait(0.6); ctypes.PyDLL(None).pause()", 1.5)
    assert ended.returncode == 1, ended
    assert "stands_here" in ended.stderr
