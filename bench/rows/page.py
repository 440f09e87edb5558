"""What the first page of `precache web` costs on a large store: 50 clouds, 100 running operations, 200 open pages."""

import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any, Final

from bench import proc, product
from bench.check import WrongAnswerError
from bench.context import Bench
from bench.load.history import DETAIL, RESIDENCY, Aggregate
from bench.result import Result
from tests.services.network import free_ports

_RUNS: Final = 9
_GOAL_S: Final = 0.15
_OPEN: Final = 200
_START_S: Final = 20.0
# What is asked within this time of the last question is not asked of the store again.
_FRESH_S: Final = 5.5
_MB: Final = 1_000_000
_ASK: Final = b"GET /stream/overview HTTP/1.1\r\nHost: localhost\r\n\r\n"


def running_on(of: Sequence[Aggregate]) -> list[Aggregate]:
    """Return two aggregates of each small cloud: where an operation runs."""
    small = [each for each in of if each not in {RESIDENCY, DETAIL}]
    return [each for each in small if each.name.endswith(("-00", "-01"))]


def measure(bench: Bench, store: dict[str, Any], points: int) -> Result:
    """Measure the page's time on the server, alone and with many open pages."""
    [port] = free_ports(1)
    config = bench.folder / f"{store['type']}-web.yaml"
    config.write_text(json.dumps({"store": store, "listen": f"127.0.0.1:{port}"}))
    command = [str(product.PRECACHE), "web", "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            url = f"http://127.0.0.1:{port}/"
            _wait(url)
            first = _once(bench, url)
            shown = [_once(bench, url) for _ in range(bench.size(_RUNS, 1))]
            asked = [_once(bench, f"{url}?format=json") for _ in range(bench.size(_RUNS, 1))]
            with _open_pages(port, bench.size(_OPEN, 5)):
                beside = [_once(bench, url) for _ in range(bench.size(_RUNS, 1))]
            peak = proc.memory_bytes(server.pid)
        finally:
            server.terminate()
    seconds = median(shown)
    return Result(
        name="query",
        what=f"web: all clouds, 50, with 100 running operations; {store['type']}, {points / 1e6:.1f} M points",
        ours=f"{seconds * 1_000:.0f} ms, {peak / _MB:.0f} MB",
        goal=f"< {_GOAL_S * 1_000:.0f} ms",
        met=seconds < _GOAL_S,
        notes=(
            f"{len(shown)} requests, which show what was known and ask the store behind: {_span(shown)}",
            f"the first after the start: {first * 1e3:.0f} ms; as JSON, which waits for the store: {_span(asked)}",
            f"with {bench.size(_OPEN, 5)} open pages: {_span(beside)}",
        ),
        raw=tuple({"seconds": each} for each in (*shown, *asked, *beside)),
    )


def _span(seconds: Sequence[float]) -> str:
    return f"{median(seconds) * 1e3:.0f} ms ({min(seconds) * 1e3:.0f} to {max(seconds) * 1e3:.0f})"


def _wait(url: str) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{url}healthz", timeout=5):  # noqa: S310 - http by construction
                return
        except OSError:
            time.sleep(0.1)
    raise WrongAnswerError("precache web does not answer")


def _once(bench: Bench, url: str) -> float:
    time.sleep(_FRESH_S)
    began = time.perf_counter()
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - http by construction
        body = answer.read()
    seconds = time.perf_counter() - began
    is_right = (
        b'"running": 100' in body if url.endswith("json") else body.count(b"<progress") >= 50 and b">100<" in body
    )
    if not (bench.quick or is_right):
        raise WrongAnswerError(f"the page lacks running operations: {body[:2000]!r}")
    return seconds


@contextmanager
def _open_pages(port: int, count: int) -> Iterator[None]:
    """Have so many pages open, each of which takes what it gets."""
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    try:
        for client in clients:
            client.sendall(_ASK)
        yield
    finally:
        for client in clients:
            client.close()
