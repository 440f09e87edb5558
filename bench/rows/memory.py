"""Memory: the bridge before a long queue, the processor with many large operations open."""

from contextlib import closing
from functools import partial
from typing import Final

from bench import check, proc, product
from bench.child import Child
from bench.committed import Committed
from bench.context import Bench
from bench.influx import Influx
from bench.load.bodies import Maker
from bench.load.plan import Plan
from bench.measure import Drain, Sample, drain
from bench.result import Result, raw
from bench.rows.bridge import one_drain, start_bridge, start_telegraf

_BRIDGE_GOAL_MB: Final = 150
_PROCESSOR_GOAL_MB: Final = 400
_MB: Final = 1_000_000


def run(bench: Bench) -> list[Result]:
    """Measure both."""
    return [_bridge(bench), _processor(bench)]


def _bridge(bench: Bench) -> Result:
    plan = Plan(clouds=1, operations=bench.size(1_000, 25), hosts=198)
    maker = Maker(plan)
    wanted = {event.message_id for event in plan.stream()}
    _ = bench.servers.rabbitmq, bench.servers.bootstrap

    def peak(start: partial[Child]) -> Sample:
        return one_drain(bench, start, (maker.body(event) for event in plan.stream()), wanted)

    ours, theirs = peak(partial(start_bridge, bench)), peak(partial(start_telegraf, bench))
    return Result(
        name="memory",
        what=f"peak memory of the bridge, {plan.events:,} messages waiting in RabbitMQ",
        against="Telegraf, the same",
        ours=f"{ours.peak_rss / _MB:.0f} MB",
        theirs=f"{theirs.peak_rss / _MB:.0f} MB",
        ratio=f"{ours.peak_rss / theirs.peak_rss:.2f}x",
        goal=f"< {_BRIDGE_GOAL_MB} MB",
        met=ours.peak_rss < _BRIDGE_GOAL_MB * _MB,
        raw=raw([ours, theirs]),
    )


def _processor(bench: Bench) -> Result:
    operations = bench.size(100, 4)
    plan = Plan(
        clouds=10,
        operations=operations,
        hosts=bench.size(2_000, 200),
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
        config = product.processor_config(servers, topics, bucket, notifications)
        with product.processor(servers, config) as child:
            sample = drain(child, Drain(plan.events, committed, plan.events, servers.pids(), timeout_s=1_200))
            now = proc.memory_bytes(child.pid, "VmRSS")
        check.points(influx, plan)
    return Result(
        name="memory",
        what=f"peak memory of the processor, {plan.all_operations:,} operations of {plan.hosts:,} hosts open",
        ours=f"{sample.peak_rss / _MB:.0f} MB",
        goal=f"< {_PROCESSOR_GOAL_MB} MB",
        met=sample.peak_rss < _PROCESSOR_GOAL_MB * _MB,
        notes=(f"{now / _MB:.0f} MB once all {plan.events:,} events were processed",),
        raw=raw([sample]),
    )
