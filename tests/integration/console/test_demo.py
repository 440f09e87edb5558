"""`precache demo` as a process: no server, every operation told, and a store that is what was sent."""

import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import urllib.request
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.support.process import PRECACHE, Precache

ROOT = Path(__file__).parents[3]
SUMMARY = """
paris: my-application, images c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2
Completed 95 hosts, 8 errors in """


@pytest.mark.timeout(240)
def test_in_a_pipe(tmp_path: Path) -> None:
    store = tmp_path / "demo.sqlite"
    with Precache(["demo", "--fast", "--store", str(store)], tmp_path, name="demo") as process:
        assert process.wait_end(120) == 0, process.stderr + process.stdout[-2000:]
        out = process.stdout
        assert process.stderr == ""
    assert "\x1b" not in out
    assert "paris: Aggregate 'my-application' host 95: 100% complete (8 errors)" in out
    assert SUMMARY in out
    assert "No answer from hosts:\ndb12\n" in out
    assert out.count("oslo #2: Aggregate 'web-tier' host ") == 16
    assert "4 operations, 150 points, no difference" in out
    assert str(store) in out
    with closing(sqlite3.connect(store)) as connection:
        (points,) = connection.execute("SELECT count(*) FROM precache_progress").fetchone()
    assert points == 150


@pytest.mark.timeout(240)
def test_as_json(tmp_path: Path) -> None:
    store = tmp_path / "demo.sqlite"
    with Precache(["demo", "--fast", "--json", "--store", str(store)], tmp_path, name="demo") as process:
        assert process.wait_end(120) == 0, process.stderr
        events = [json.loads(line) for line in process.stdout.splitlines()]
    kinds = [event["event"] for event in events]
    assert {kind: kinds.count(kind) for kind in kinds} == {"started": 4, "progress": 150, "finished": 4, "demo": 1}
    assert events[-1]["differences"] == []
    assert len(events[-1]["operations"]) == 4


@pytest.mark.timeout(240)
def test_on_a_terminal(tmp_path: Path) -> None:
    shown, screen = pty.openpty()
    command: list[str | Path] = [PRECACHE, "demo", "--fast", "--store", tmp_path / "demo.sqlite"]
    process = subprocess.Popen(command, stdout=screen, stderr=subprocess.PIPE, env=os.environ | {"TERM": "xterm"})
    os.close(screen)
    text = b""
    try:
        while chunk := os.read(shown, 65_536):
            text += chunk
    except OSError:  # Linux's way to say that the other side is closed
        pass
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(120) == 0
    process.stderr.close()
    os.close(shown)
    assert b"95/95 hosts" in text
    assert b"completed_with_errors" in text
    assert b"no difference" in text
    assert b"Aggregate 'my-application' host" not in text


@pytest.mark.timeout(240)
def test_it_ends_with_the_page_on_its_data_until_ctrl_c(tmp_path: Path) -> None:
    """Twice at once: the second finds the usual port taken, and shows its page all the same."""
    with ExitStack() as running:
        demos = [
            running.enter_context(
                Precache(["demo", "--fast", "--web", "--store", f"{number}.sqlite"], tmp_path, name=f"demo-{number}")
            )
            for number in (1, 2)
        ]
        for demo in demos:
            demo.wait_text("The page of this data: ", timeout_s=120)
        urls = [re.findall(r"The page of this data: (\S+)", demo.stderr)[0] for demo in demos]
        assert urls[0] != urls[1]
        for demo, url in zip(demos, urls, strict=True):
            with urllib.request.urlopen(f"{url}?format=json", timeout=20) as answer:
                view = json.load(answer)
            assert (view["totals"]["ended"], view["totals"]["wrong"]) == (4, 2)
            demo.process.send_signal(signal.SIGINT)
            assert demo.wait_end(30) == 0, demo.stderr


def test_make_demo_asks_for_the_page_on_a_terminal_alone(tmp_path: Path) -> None:
    program = tmp_path / "precache"
    program.write_text('#!/bin/sh\necho "given: $*"\n')
    program.chmod(0o755)
    # What a Makefile's `venv` would set up is there: it runs these tests.
    command = ["make", "-o", ".venv/.synced", f"BIN={tmp_path}", "demo"]
    environ = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    piped = subprocess.run(command, cwd=ROOT, env=environ, check=True, capture_output=True, text=True)
    assert piped.stdout == "given: demo\n"
    ours, its = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        subprocess.run(command, cwd=ROOT, env=environ, check=True, stdout=its, stderr=its)
        os.close(its)
        assert terminal.read(1_000).decode().splitlines() == ["given: demo --web"]
