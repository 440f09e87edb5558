"""The whole processor: progress points, derived topics in transactions, operations' rows; against Telegraf."""

from contextlib import closing
from functools import partial

from bench import check, product
from bench.child import wait_for
from bench.committed import Committed
from bench.compare import interleave
from bench.context import Bench
from bench.influx import Influx
from bench.load.plan import Plan
from bench.measure import Drain, Sample, drain
from bench.result import Result, compared
from bench.rows.store import AGAINST, FIELDS, decided, plan_for, telegraf_store


def whole(bench: Bench, plan: Plan) -> Sample:
    """Let our processor do all that it does, until every record is committed."""
    servers = bench.servers
    notifications = bench.logs.topic(plan)
    with servers.bucket() as bucket, servers.derived_topics(notifications) as topics:
        config = product.processor_config(servers, topics, bucket, notifications)
        with (
            product.processor(servers, config) as child,
            closing(Influx(bucket)) as influx,
            closing(Committed(servers, topics.group, notifications)) as committed,
        ):
            sample = drain(child, Drain(plan.events, committed, plan.events, servers.pids()))
            rows = 'SELECT count("hosts_done") FROM precache_operation'
            # Operations' rows follow the commit.
            wait_for(lambda: influx.number(rows) >= plan.all_operations, "the rows of all operations", 30)
        with closing(Influx(bucket)) as influx:
            check.state(influx, plan)
        check.derived(servers, topics.progress, topics.operations, topics.deadletters, plan)
    return sample


def run(bench: Bench) -> list[Result]:
    """Measure."""
    _ = bench.servers.influxdb
    plan = plan_for(bench)
    decided(bench, plan)  # and so the servers are warm
    found = interleave(partial(whole, bench, plan), partial(telegraf_store, bench, plan), bench.runs)
    what = f"processor, whole (derived topics, transactions): {plan.events:,} notifications, 4 partitions"
    return [compared("whole", what, AGAINST, found, goal=1.0, notes=[FIELDS])]
