"""Whether an event costs the same however much there is of everything: clouds, finished operations, hosts."""

import os
import signal
import time
from collections.abc import Sequence
from functools import partial
from statistics import median
from typing import Final

from bench import check, product
from bench.child import Child, wait_for
from bench.compare import Run, Series, each
from bench.context import Bench
from bench.load import log, rabbit
from bench.load.bodies import Maker
from bench.load.plan import Plan
from bench.measure import Drain, Sample, drain
from bench.result import Result, raw
from bench.rows.bridge import forwarded, queued
from bench.rows.transform import no_write, printed
from bench.servers import unique

# A cost that grows with anything here grows a hundredfold or more; measuring errors stay within this.
_FLAT: Final = 1.3
_SHORT_HOSTS: Final = 5
# What follows the last point of a round: its commit, and the rows of its operations.
_SETTLED_S: Final = 2.0


def run(bench: Bench) -> list[Result]:
    """Measure all three."""
    return [_clouds(bench), _finished(bench), _hosts(bench)]


def _result(what: str, steps: Sequence[int], found: Sequence[Series], notes: Sequence[str] = ()) -> Result:
    costs = [series.cpu_us for series in found]
    ratio = costs[-1] / costs[0]
    return Result(
        name="growth",
        what=what,
        ours=", ".join(f"{cost:.1f} us ({step:,})" for step, cost in zip(steps, costs, strict=True)),
        ratio=f"{ratio:.2f}x",
        goal=f"cost per event flat (at most {_FLAT}x)",
        met=ratio <= _FLAT,
        cpu=f"{median(costs):.0f} us",
        notes=tuple(notes),
        raw=raw([sample for series in found for sample in series.samples]),
    )


def _clouds(bench: Bench) -> Result:
    steps = (1, 10, 50)
    total = bench.size(200_000, 10_000)
    _ = bench.servers.rabbitmq, bench.servers.bootstrap
    if not bench.quick:
        _bridge_clouds(bench, steps[-1], total // steps[-1])  # not measured: the servers have just begun
    runs: list[Run] = [partial(_bridge_clouds, bench, clouds, total // clouds) for clouds in steps]
    what = f"bridge, CPU a message by number of clouds, {total:,} messages in all"
    return _result(what, steps, each(runs, bench.runs))


def _bridge_clouds(bench: Bench, clouds: int, messages: int) -> Sample:
    servers = bench.servers
    url = servers.rabbitmq.transport_url
    hosts = 98
    plan = Plan(clouds=clouds, operations=max(1, messages // (hosts + 2)), hosts=hosts)
    maker = Maker(plan)
    places = [product.Cloud(plan.operation(cloud, 0).cloud, unique("bench")) for cloud in range(clouds)]
    names = [place.topic for place in places]
    rabbit.declare(url, *names)
    try:
        bodies: dict[str, list[bytes]] = {place.name: [] for place in places}
        for event in plan.stream():
            bodies[event.operation.cloud].append(maker.body(event))
        for place in places:
            rabbit.fill(url, place.topic, bodies[place.name])
        with servers.derived_topics() as topics, product.bridge(servers, topics, places) as child:
            out = forwarded(servers, topics, heartbeats=4 * clouds)
            sample = drain(child, Drain(plan.events, out, plan.events, servers.pids()))
            wait_for(lambda: all(queued(servers, name) == 0 for name in names), "all to be acknowledged", 60)
            check.every_message(servers, topics.notifications, {event.message_id for event in plan.stream()})
    finally:
        rabbit.delete(url, *names)
    return sample


def _finished(bench: Bench) -> Result:
    """The same events, after ever more operations that have ended but not yet closed."""
    steps = (10, bench.size(1_000, 30), bench.size(10_000, 100))
    tail = Plan(clouds=10, operations=bench.size(50, 5), hosts=200, first=steps[-1])
    before = [Plan(clouds=10, operations=finished // 10, hosts=_SHORT_HOSTS) for finished in steps]
    runs: list[Run] = [partial(_processed, bench, tail, plan) for plan in before]
    what = f"processor, all but the store, CPU an event after that many finished operations, {tail.events:,} events"
    return _result(what, steps, each(runs, bench.runs))


def _hosts(bench: Bench) -> Result:
    steps = (100, 1_000, bench.size(10_000, 2_000))
    events = bench.size(200_000, 20_000)
    plans = [Plan(clouds=1, operations=events // hosts, hosts=hosts) for hosts in steps]
    runs: list[Run] = [partial(_processed, bench, plan) for plan in plans]
    what = f"processor, all but the store, CPU an event by hosts of an operation, {events:,} events"
    return _result(what, steps, each(runs, bench.runs))


def _processed(bench: Bench, plan: Plan, before: Plan | None = None) -> Sample:
    """Let a processor with a store that only counts process a plan, after another one that is not measured.

    The processor is stopped while the plan is written to its log: it finds a backlog, as in all other measurements.
    """
    servers = bench.servers
    skipped = before.progress_events if before else 0
    with (
        bench.logs.for_once(before or plan) as notifications,
        servers.derived_topics(notifications) as topics,
        no_write(bench, notifications, topics) as child,
    ):
        if before:
            wait_for(partial(_done, child, skipped), "the operations before", 300, child.log_tail)
            time.sleep(_SETTLED_S)
            os.kill(child.pid, signal.SIGSTOP)
            log.fill(servers, notifications, plan, seed=2)
            os.kill(child.pid, signal.SIGCONT)
        total = skipped + plan.progress_events
        out = Drain(plan.events, lambda: printed(child) - skipped, plan.progress_events, servers.pids())
        sample = drain(child, out)
        wait_for(partial(_done, child, total), "all points", 30)
        check.equal("points", printed(child), total)
    return sample


def _done(child: Child, points: int) -> bool:
    return printed(child) >= points
