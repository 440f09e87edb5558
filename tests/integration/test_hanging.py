"""Processes that really hang in a call: what they say to those who ask, and how they end."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.process import free_port, wait_until

# Each hangs without Python's lock, as a client's library would.
RUN = """
import ctypes
from pathlib import Path
from precache.runtime import logs
from precache.config import load
from precache.runtime.shutdown import Stop
from precache.runtime.watchdog import WatchdogLimits

def hang_here(*_args, **_more):
    ctypes.CDLL(None).pause()

logs.configure("json")
LIMITS = WatchdogLimits(round_s=0.5, beat_s=1.0, end_s=6.0)
"""
BRIDGE = (
    RUN
    + """
from bridge import service
from bridge.config import BridgeConfig
service.OsloSource = hang_here
service.run(load(Path({file!r}), BridgeConfig), Stop().on_signals(), LIMITS)
"""
)
PROCESSOR = (
    RUN
    + """
from processor import service
from processor.config import ProcessorConfig
from processor.round.tuning import Tuning
service.Membership.poll = hang_here
config, stop = load(Path({file!r}), ProcessorConfig), Stop().on_signals()
service.run(config, stop, tuning=Tuning(limits=LIMITS), check_topics=False)
"""
)
BRIDGE_FILE = """
kafka: {bootstrap.servers: 127.0.0.1:9}
clouds:
  - {name: paris, transport_url: "rabbit://u:p@127.0.0.1:9/", exchange: nova, topic: precache, source: oslo}
  - {name: rome, transport_url: "rabbit://u:p@127.0.0.1:9/", exchange: nova, topic: precache}
"""
PROCESSOR_FILE = """
kafka: {bootstrap.servers: 127.0.0.1:9}
store: {type: sqlite, path: precache.db}
"""
WATCH = """
import ctypes
from console.watch import loop
from console.watch.feeds import reading
from console.watch.follow import Want
from console.watch.history import History
from console.watch.show.screens import Manner, screen_for
from precache.runtime.watchdog import WatchdogLimits

class Feed:
    def open(self, limit_s, beat):
        pass
    def close(self):
        pass
    def poll(self, timeout_s):
        ctypes.CDLL(None).pause()

reading._LIMITS = WatchdogLimits(round_s=0.5, end_s=1.0, frozen_s=None)
loop.watch(Feed(), Want(), screen_for(as_json=True, manner=Manner()), Manner(), history=History(None))
"""


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


@pytest.mark.parametrize(
    ("code", "config", "loop"), [(BRIDGE, BRIDGE_FILE, "cloud:paris"), (PROCESSOR, PROCESSOR_FILE, "loop")]
)
def test_a_service_whose_loop_hangs_is_not_ready_then_not_healthy_then_ends(
    tmp_path: Path, code: str, config: str, loop: str
) -> None:
    port = free_port()
    file = tmp_path / "service.yaml"
    file.write_text(f"{config}http: {{listen: 127.0.0.1:{port}}}\n")
    seen: list[tuple[int, str]] = []
    with subprocess.Popen(
        [sys.executable, "-c", code.format(file=str(file))], stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:

        def says(path: str, text: str) -> bool:
            status, body = ask(port, path)
            seen.append((status, body))
            return status == 503 and text in body

        try:
            wait_until(lambda: says("readyz", "no round has ended for"), "/readyz to go stale", 60)
            wait_until(lambda: says("healthz", f"{loop} hangs for"), "/healthz to fail", 60)
            _, log = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 1, (log, seen)
    assert (200, "ok\n") not in seen[-1:]
    (hang,) = (event for event in map(json.loads, log.splitlines()) if event["event"] == "watchdog.hanging")
    assert (hang["loop"], hang["level"]) == (loop, "error")
    assert hang["stack"][-1].endswith("hang_here")


def test_a_watch_that_hangs_ends_with_its_own_code() -> None:
    ended = subprocess.run([sys.executable, "-c", WATCH], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 6, ended
    assert "precache: cannot watch: reading hangs for 1 s in" in ended.stderr
