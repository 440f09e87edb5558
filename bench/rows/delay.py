"""From a notification sent to its point readable in InfluxDB, through everything in between.

One loop sends and asks. Of every hundred hosts five are probes; one InfluxQL query every few milliseconds asks for all
probes that are not there yet. So what is measured is readability itself, and the delay is overestimated by the time
between two questions.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from typing import Final

from bench import check, proc, product
from bench.cache import emit
from bench.child import Child, wait_for
from bench.context import Bench
from bench.influx import Influx
from bench.load import rabbit
from bench.load.bodies import Maker
from bench.load.plan import Event, Plan, host_name
from bench.result import Result
from bench.servers import unique
from tests.support.process import free_port

_CLOUDS: Final = 10
_RATE: Final = 1_000  # notifications a second, all clouds together
_STEP: Final = timedelta(seconds=1) / _RATE
_HOSTS: Final = 100
_PROBES: Final = tuple(range(9, _HOSTS, 20))
_WARM_UP_S: Final = 3.0
_ASK_EVERY_S: Final = 0.004
_LAST_WAIT_S: Final = 30.0
_GOAL_P50_MS: Final = 50.0
_GOAL_P99_MS: Final = 250.0
_QUERY: Final = 'SELECT "index" FROM precache_progress WHERE time > {after} AND ({hosts}) GROUP BY "cloud"'


@dataclass
class Probes:
    """The points that are waited for, by their notification's time in microseconds, and how long each took."""

    sent: dict[int, float] = field(default_factory=dict)
    delays_s: list[float] = field(default_factory=list)
    asked_at: list[float] = field(default_factory=list)
    cores: dict[str, float] = field(default_factory=dict)

    def found(self, times_ns: Sequence[int], now: float) -> None:
        """Take note of points that are readable."""
        for time_ns in times_ns:
            sent = self.sent.pop(time_ns // 1_000, None)
            if sent is not None:
                self.delays_s.append(now - sent)

    def query(self) -> str:
        """Return the question for everything that is not there yet."""
        hosts = " OR ".join(f"\"host\" = '{host_name(host)}'" for host in _PROBES)
        return _QUERY.format(after=min(self.sent) * 1_000 - 1, hosts=hosts)


class _Meter:
    """How many cores each process keeps busy from now on."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._at = time.perf_counter()
        self._before = self._read()

    def _read(self) -> dict[str, float]:
        return {name: proc.cpu_s(pid) for name, pid in self._pids.items()} | {"idle": proc.machine_cpu().idle_s}

    def cores(self) -> dict[str, float]:
        """Return them, idle ones too."""
        seconds = time.perf_counter() - self._at
        return {name: (after - self._before[name]) / seconds for name, after in self._read().items()}


def _us(event: Event) -> int:
    return round(event.time.replace(tzinfo=UTC).timestamp() * 1e6)


def _frames(
    plan: Plan, publishers: dict[str, rabbit.Publisher], start: datetime
) -> Iterator[tuple[Event, rabbit.Publisher, bytes]]:
    maker = Maker(plan)
    for event in plan.stream(start, _STEP):
        publisher = publishers[event.operation.cloud]
        yield event, publisher, publisher.encode(maker.body(event))


def _send_and_ask(plan: Plan, publishers: dict[str, rabbit.Publisher], influx: Influx, start: datetime) -> Probes:
    probes = Probes()
    warm_us = round((start.timestamp() + _WARM_UP_S) * 1e6)
    for event, publisher, frames in list(_frames(plan, publishers, start)):
        due_us = _us(event)
        while time.time() * 1e6 < due_us:
            _ask(probes, influx)
            time.sleep(0.0005)
        if event.host in _PROBES and due_us > warm_us:
            probes.sent[due_us] = time.perf_counter()
        publisher.send(frames)
    end = time.monotonic() + _LAST_WAIT_S
    while probes.sent and time.monotonic() < end:
        _ask(probes, influx)
        time.sleep(0.0005)
    check.equal("probes that never became readable", len(probes.sent), 0)
    return probes


def _ask(probes: Probes, influx: Influx) -> None:
    if probes.sent and (not probes.asked_at or time.perf_counter() - probes.asked_at[-1] >= _ASK_EVERY_S):
        rows = influx.rows(probes.query())
        now = time.perf_counter()
        probes.asked_at.append(now)
        probes.found([row[0] for row in rows], now)


def run(bench: Bench) -> list[Result]:
    """Measure."""
    seconds = bench.size(30, 4) + _WARM_UP_S
    each = _HOSTS + 2
    plan = Plan(clouds=_CLOUDS, operations=round(seconds * _RATE / _CLOUDS / each), hosts=_HOSTS, parallel=1)
    if not bench.quick:
        emit("  once without measuring: servers that have just begun are slower than those that have run for a while")
        _one(bench, plan)
    found = [_one(bench, plan) for _ in range(bench.runs)]
    p50s, p99s = zip(*((_percentile(one.delays_s, 50), _percentile(one.delays_s, 99)) for one in found), strict=True)
    p50, p99 = median(p50s), median(p99s)
    steps = [after - before for one in found for before, after in zip(one.asked_at, one.asked_at[1:], strict=False)]
    probes = f"{sum(len(one.delays_s) for one in found):,} probes, each asked for until it could be read"
    cores = ", ".join(f"{name} {share:.2f}" for name, share in found[-1].cores.items())
    asked = f"asked every {median(steps) * 1e3:.0f} ms, by which the delay is overestimated"
    return [
        Result(
            name="delay",
            what=f"notification sent to point readable in InfluxDB: {_RATE:,}/s over {_CLOUDS} clouds",
            ours=f"p50 {p50:.0f} ms, p99 {p99:.0f} ms",
            goal=f"p50 < {_GOAL_P50_MS:.0f} ms, p99 < {_GOAL_P99_MS:.0f} ms",
            met=p50 < _GOAL_P50_MS and p99 < _GOAL_P99_MS,
            notes=(
                f"{probes}; {asked}",
                f"cores busy in the last run: {cores}",
                f"by run: {', '.join(f'p50 {a:.0f} p99 {b:.0f} ms' for a, b in zip(p50s, p99s, strict=True))}",
                f"one bridge, one processor; {plan.events:,} notifications a run; every point is there afterwards",
            ),
            raw=tuple({"delays_ms": [round(delay * 1e3, 2) for delay in one.delays_s]} for one in found),
        )
    ]


def _percentile(delays_s: Sequence[float], percent: int) -> float:
    return quantiles(delays_s, n=100)[percent - 1] * 1e3


def _one(bench: Bench, plan: Plan) -> Probes:
    servers = bench.servers
    url = servers.rabbitmq.transport_url
    clouds = [product.Cloud(plan.operation(cloud, 0).cloud, unique("bench")) for cloud in range(plan.clouds)]
    names = [cloud.topic for cloud in clouds]
    rabbit.declare(url, *names)
    with ExitStack() as stack:
        stack.callback(rabbit.delete, url, *names)
        bucket = stack.enter_context(servers.bucket())
        topics = stack.enter_context(servers.derived_topics())
        port = free_port()
        config = product.processor_config(servers, topics, bucket, http=port)
        processor = stack.enter_context(product.processor(servers, config))
        wait_for(lambda: product.is_ready(port), "the processor to be ready", 60, processor.log_tail)
        bridge = stack.enter_context(product.bridge(servers, topics, clouds))
        _await_heartbeats(bench, topics.notifications, plan.clouds, bridge)
        influx = stack.enter_context(closing(Influx(bucket)))
        publishers = {cloud.name: rabbit.Publisher(url, cloud.topic) for cloud in clouds}
        for publisher in publishers.values():
            stack.callback(publisher.close)
        meter = _Meter(servers.pids() | {"bridge": bridge.pid, "processor": processor.pid, "bench": os.getpid()})
        probes = _send_and_ask(plan, publishers, influx, datetime.now(UTC) + timedelta(seconds=4))
        probes.cores = meter.cores()
        # The last hosts are no probes: they may still be on their way.
        wait_for(lambda: check.count(influx) >= plan.progress_events, "the last points", _LAST_WAIT_S)
        check.points(influx, plan)
    emit(f"  p50 {_percentile(probes.delays_s, 50):.1f} ms, p99 {_percentile(probes.delays_s, 99):.1f} ms")
    return probes


def _await_heartbeats(bench: Bench, topic: str, clouds: int, bridge: Child) -> None:
    """Wait until every cloud's bridge has written its first heartbeat."""
    wait_for(lambda: sum(bench.servers.end_offsets(topic)) >= clouds, "the bridge's heartbeats", 60, bridge.log_tail)
    time.sleep(2.0)
