"""The processor's way from Kafka to InfluxDB alone (`--rebuild-store`) against Telegraf."""

from contextlib import closing
from functools import partial
from typing import Any, Final

from bench import check, product
from bench.cache import emit
from bench.child import Child
from bench.committed import Committed
from bench.compare import interleave
from bench.context import Bench
from bench.influx import Influx
from bench.load.plan import Plan
from bench.measure import Drain, Sample, drain
from bench.peers import telegraf
from bench.result import Result, compared
from bench.servers import Servers
from tests.services.testing import Bucket, Topics

AGAINST: Final = f"Telegraf {telegraf.VERSION}: kafka_consumer (json_v2) to influxdb_v2, stateless"
FIELDS: Final = "points have ten fields on both sides; without state, three of Telegraf's are not what they are called"


def plan_for(bench: Bench) -> Plan:
    """Return the load that all comparisons of the processor share."""
    return Plan(clouds=10, operations=bench.size(200, 10), hosts=200)


def decided(bench: Bench, plan: Plan) -> Topics:
    """Return derived topics that hold the decisions on a plan's log, as they do wherever a store is written anew.

    A processor makes them, with InfluxDB and all, when they are asked for first; that run is measured by nobody.
    """
    if plan not in bench.decided:
        notifications = bench.logs.topic(plan)
        emit("processing the log once, for the decisions that --rebuild-store reads")
        topics = bench.servers.make_derived_topics(notifications)
        with bench.servers.bucket() as bucket:
            config = product.processor_config(bench.servers, topics, bucket, notifications)
            with (
                product.processor(bench.servers, config) as child,
                closing(Committed(bench.servers, topics.group, notifications)) as committed,
            ):
                drain(child, Drain(plan.events, committed, plan.events, bench.servers.pids()))
        bench.decided[plan] = topics
    return bench.decided[plan]


def rebuild_store(bench: Bench, plan: Plan) -> Sample:
    """Let our processor write a bucket from the log; it exits at the log's end."""
    servers = bench.servers
    notifications = bench.logs.topic(plan)
    topics = decided(bench, plan)
    with servers.bucket() as bucket:
        config = product.processor_config(servers, topics, bucket, notifications)
        with product.processor(servers, config, "--rebuild-store") as child:
            return _watched(servers, child, bucket, plan, until=None, deep=True)


def telegraf_store(bench: Bench, plan: Plan) -> Sample:
    """Let Telegraf write a bucket from the log."""
    servers = bench.servers
    notifications = bench.logs.topic(plan)
    with (
        servers.bucket() as bucket,
        telegraf.kafka_to_influx(bench.folder, servers.bootstrap, notifications, bucket) as child,
    ):
        return _watched(servers, child, bucket, plan, until=plan.events, deep=False)


def _watched(servers: Servers, child: Child, bucket: Bucket, plan: Plan, *, until: int | None, deep: bool) -> Sample:
    with closing(Influx(bucket)) as influx:
        sample = drain(child, Drain(plan.events, influx.points_written, until, servers.pids()))
        (check.state if deep else check.points)(influx, plan)
    return sample


def run(bench: Bench) -> list[Result]:
    """Measure."""
    _ = bench.servers.influxdb
    plan = plan_for(bench)
    bench.logs.topic(plan)
    ours: Any = partial(rebuild_store, bench, plan)
    found = interleave(ours, partial(telegraf_store, bench, plan), bench.runs)
    load = f"{plan.events:,} notifications of {plan.all_operations:,} operations, 4 partitions"
    what = f"processor, store only (--rebuild-store): {load}"
    return [compared("store", what, AGAINST, found, goal=1.5, notes=[FIELDS])]
