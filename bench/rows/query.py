"""What asking a large store costs: the commands as an operator types them, on InfluxDB and on SQLite."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from statistics import median
from typing import Any, Final

from pydantic import SecretStr

from bench import proc, product
from bench.cache import emit
from bench.check import WrongAnswerError
from bench.context import Bench
from bench.load.history import DETAIL, RESIDENCY, aggregates, rows, running
from bench.result import Result
from bench.rows import page
from precache.config.store import InfluxStoreConfig, SqliteStoreConfig
from processor.stores.opening import open_store

_CHUNK_ROWS: Final = 20_000
_RUNS: Final = 9
_MB: Final = 1_000_000
_MEMORY_GOAL_MB: Final = 250
_EVERY_S: Final = 0.005
_BUSY_CORES: Final = 0.1
_REST_TIMEOUT_S: Final = 180.0

Store = InfluxStoreConfig | SqliteStoreConfig


@dataclass(frozen=True, slots=True)
class Question:
    """One command, what it has to answer, and within how many seconds."""

    what: str
    arguments: Sequence[str]
    goal_s: float
    is_right: Callable[[list[dict[str, Any]]], bool]


QUESTIONS: Final = (
    Question(
        "operations: the newest 50",
        ("operations", "-o", "json"),
        0.5,
        lambda found: len(found) == 50,
    ),
    Question(
        "operation ID: one of 2,000 hosts, six weeks ago",
        ("operation", DETAIL.operation(45), "--hosts", "all", "-o", "json"),
        0.5,
        lambda found: len(found[0]["hosts"]) == DETAIL.hosts,
    ),
    Question(
        "operation ID by its global request id",
        ("operation", DETAIL.request(45)[1], "--hosts", "failed", "-o", "json"),
        0.5,
        lambda found: found[0]["operation"] == DETAIL.operation(45) and len(found[0]["hosts"]) == DETAIL.hosts // 50,
    ),
    Question(
        "residency: 5,000 hosts x 20 images, of a cloud of 7,000 hosts",
        ("residency", "--cloud", RESIDENCY.cloud, "--aggregate", RESIDENCY.name, "-o", "json"),
        2.0,
        lambda found: sorted(each["resident"] for each in found) == [4_900, *[5_000] * 19],
    ),
)


def run(bench: Bench) -> list[Result]:
    """Measure."""
    results = []
    for store, pid in _stores(bench):
        with _filled(bench, store, pid) as points:
            config = bench.folder / f"{store.type}-precache.yaml"
            config.write_text(json.dumps({"store": _as_configured(store), "operators": {}}))
            results += [_measure(bench, question, store.type, config, points) for question in QUESTIONS]
            results.append(page.measure(bench, _as_configured(store), points))
    return results


def _stores(bench: Bench) -> Iterator[tuple[Store, int | None]]:
    with bench.servers.bucket() as bucket:
        token = SecretStr(bucket.token)
        yield (
            InfluxStoreConfig(
                type="influxdb", url=bucket.url, org=bucket.org, bucket=bucket.name, token=token, timeout=60
            ),
            bench.servers.influxdb.pid,
        )
    yield SqliteStoreConfig(type="sqlite", path=bench.folder / "precache.db"), None


def _as_configured(store: Store) -> dict[str, Any]:
    found: dict[str, Any] = store.model_dump(mode="json", exclude_none=True)
    if isinstance(store, InfluxStoreConfig):
        found["token"] = store.token.get_secret_value()
    return found


@contextmanager
def _filled(bench: Bench, config: Store, pid: int | None) -> Iterator[int]:
    """Fill a store with three months, and let its server come to rest; yields the number of points."""
    # Half an hour for 5 million points is the machine's worst; a smoke test has the two large aggregates alone.
    of = list(aggregates(clouds=bench.size(50, 0)))
    points = sum(each.hosts * each.operations for each in of)
    emit(f"filling {config.type} with {points:,} points")
    store = open_store(config)
    store.check()
    left = chain(rows(time.time_ns(), of), running(time.time_ns(), page.running_on(of)))
    while chunk := list(islice(left, _CHUNK_ROWS)):
        store.write(chunk)
    store.close()
    _rest(pid)
    yield points
    if isinstance(config, SqliteStoreConfig):
        for suffix in ("", "-wal", "-shm", ".lock"):
            config.path.with_name(config.path.name + suffix).unlink(missing_ok=True)


def _rest(pid: int | None) -> None:
    """Wait until a server has put its new data in order; for some minutes at most."""
    end = time.monotonic() + _REST_TIMEOUT_S
    before = None if pid is None else proc.cpu_s(pid)
    while pid is not None and before is not None and time.monotonic() < end:
        time.sleep(5.0)
        now = proc.cpu_s(pid)
        if now - before < 5.0 * _BUSY_CORES:
            return
        before = now


def _measure(bench: Bench, question: Question, store: str, config: Path, points: int) -> Result:
    found = [_once(question, config) for _ in range(bench.size(_RUNS, 1))]
    seconds, peak = median(each[0] for each in found), max(each[1] for each in found)
    return Result(
        name="query",
        what=f"{question.what}; {store}, {points / 1e6:.1f} M points",
        ours=f"{seconds:.2f} s, {peak / _MB:.0f} MB",
        goal=f"< {question.goal_s:.1f} s, < {_MEMORY_GOAL_MB} MB",
        met=seconds < question.goal_s and peak < _MEMORY_GOAL_MB * _MB,
        notes=(f"{len(found)} runs, from {min(found)[0]:.2f} to {max(found)[0]:.2f} s; memory is the highest",),
        raw=tuple({"seconds": each[0], "peak_rss": each[1]} for each in found),
    )


def _once(question: Question, config: Path) -> tuple[float, int]:
    """Run the command; returns its seconds, from start to end, and its peak memory in bytes."""
    file = config.with_suffix(".out")
    with file.open("wb") as out:
        began = time.perf_counter()
        command = [str(product.PRECACHE), *question.arguments, "--config", str(config)]
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        peak = 0
        while child.poll() is None:
            peak = max(peak, proc.memory_bytes(child.pid))
            time.sleep(_EVERY_S)
        seconds = time.perf_counter() - began
    answer = file.read_bytes()
    if child.returncode or not question.is_right([json.loads(line) for line in answer.splitlines()]):
        raise WrongAnswerError(f"{question.what}: exit code {child.returncode}, {answer[:500]!r}")
    return seconds, peak
