"""How soon a processor is back after a restart, with a million events behind operations that are still open."""

import time
from contextlib import closing
from statistics import median
from typing import Final

from bench import check, proc, product
from bench.cache import emit
from bench.child import wait_for
from bench.committed import Committed
from bench.context import Bench
from bench.influx import Influx
from bench.load.log import fill_ends
from bench.load.plan import Plan
from bench.measure import Drain, drain
from bench.result import Result
from tests.support.process import free_port

_GOAL_S: Final = 10.0
_TIMEOUT_S: Final = 300.0


def run(bench: Bench) -> list[Result]:
    """Measure."""
    operations = bench.size(50, 2)
    plan = Plan(
        clouds=10,
        operations=operations,
        hosts=bench.size(2_000, 100),
        aggregates=operations,
        parallel=operations,
        ended=False,
    )
    servers = bench.servers
    with (
        bench.logs.for_once(plan) as notifications,
        servers.bucket() as bucket,
        servers.derived_topics(notifications) as topics,
        closing(Influx(bucket)) as influx,
        closing(Committed(servers, topics.group, notifications)) as committed,
    ):
        port = free_port()
        config = product.processor_config(servers, topics, bucket, notifications, port)
        with product.processor(servers, config) as first:
            drain(first, Drain(plan.events, committed, plan.events, servers.pids()))
        seconds, peak = [], 0
        for number in range(bench.runs):
            with product.processor(servers, config) as again:
                wait_for(lambda: product.is_ready(port), "the processor to be ready again", _TIMEOUT_S, again.log_tail)
                seconds.append(time.perf_counter() - again.started)
                emit(f"  ready again after {seconds[-1]:.2f} s")
                if number == bench.runs - 1:
                    _end_all(bench, plan, notifications, influx)
                peak = max(peak, proc.memory_bytes(again.pid))
    return [
        Result(
            name="rebuild",
            what=f"restart to ready, {plan.events:,} events behind {plan.all_operations:,} open operations",
            ours=f"{median(seconds):.1f} s",
            goal=f"< {_GOAL_S:.0f} s",
            met=median(seconds) < _GOAL_S,
            notes=(
                f"from the start of the process to /readyz; by run: {', '.join(f'{one:.1f}' for one in seconds)} s",
                f"peak memory {peak / 2**20:.0f} MiB",
                "every operation ends afterwards with all its hosts counted, once",
            ),
            raw=tuple({"seconds": one} for one in seconds),
        )
    ]


def _end_all(bench: Bench, plan: Plan, notifications: str, influx: Influx) -> None:
    """End every operation: what the processor then says of them is what it had in memory."""
    fill_ends(bench.servers, notifications, plan)
    wait_for(lambda: influx.number(check.COMPLETED) >= plan.all_operations, "all operations to be over", _TIMEOUT_S)
    total = influx.number('SELECT sum("hosts_done") FROM precache_operation')
    check.equal("hosts of all operations", total, plan.progress_events)
    check.points(influx, plan)
