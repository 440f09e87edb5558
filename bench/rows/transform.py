"""What the processor does between Kafka and the store: against the least possible, and against a stream library."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench import check, children, product
from bench.child import Child
from bench.compare import Comparison, each, interleave
from bench.context import Bench
from bench.load.plan import Plan
from bench.measure import Drain, Sample, drain
from bench.peers import quix
from bench.result import Result, compared
from bench.rows.store import decided, plan_for, rebuild_store
from bench.servers import PARTITIONS, unique
from tests.services.testing import Topics

_ROOT: Final = Path(__file__).resolve().parents[2]
_CHILDREN: Final = Path(children.__file__).parent
_LINE_BYTES: Final = 64


def printed(child: Child) -> int:
    """Return the last whole number that a program has printed: how far it is."""
    with child.out.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _LINE_BYTES))
        lines = [line for line in file.read().split(b"\n")[:-1] if line.isdigit()]
    return int(lines[-1]) if lines else 0


def start_child(bench: Bench, module: str, *arguments: str | Path) -> Child:
    """Start one of the programs of the benchmark's own."""
    argv = [sys.executable, _CHILDREN / f"{module}.py", *arguments]
    return Child(module.replace("_", " "), argv, bench.folder, env={"PYTHONPATH": str(_ROOT)})


@contextmanager
def no_write(bench: Bench, notifications: str, topics: Topics, *options: str) -> Iterator[Child]:
    """Run our processor over a log, without the write to the store."""
    servers = bench.servers
    with servers.bucket() as bucket:
        config = product.processor_config(servers, topics, bucket, notifications)
        with start_child(bench, "no_write", "processor", "--config", config, *options) as child:
            yield child


def transform(bench: Bench, plan: Plan) -> Sample:
    """Let our processor read a log to its end and write nothing; every report has to become a point."""
    with no_write(bench, bench.logs.topic(plan), decided(bench, plan), "--rebuild-store") as child:
        sample = drain(child, Drain(plan.events, lambda: printed(child), None, bench.servers.pids()))
        counted = printed(child)
    check.equal("points", counted, plan.progress_events)
    return sample


def decode_only(bench: Bench, plan: Plan) -> Sample:
    """Consume and decode JSON, nothing else."""
    settings = {
        "bootstrap": bench.servers.bootstrap,
        "topic": bench.logs.topic(plan),
        "group": unique("bench"),
        "partitions": PARTITIONS,
    }
    with start_child(bench, "decode_only", json.dumps(settings)) as child:
        return drain(child, Drain(plan.events, lambda: printed(child), plan.events, bench.servers.pids()))


def run_decode(bench: Bench) -> list[Result]:
    """Measure ours without the write against consuming and decoding alone."""
    plan = plan_for(bench)
    bench.logs.topic(plan)
    ours: Any = partial(transform, bench, plan)
    found = interleave(ours, partial(decode_only, bench, plan), bench.runs)
    what = f"processor without the write (--rebuild-store): {plan.events:,} notifications become points, in memory"
    against = "consume + JSON decode alone (confluent-kafka, orjson): the limit, not a rival"
    return [compared("transform", what, against, found, goal=0.8)]


def quix_apply(bench: Bench, plan: Plan) -> Sample:
    """Let Quix Streams apply a stateful function to every message."""
    group = unique("bench-quix")
    topic = bench.logs.topic(plan)
    # It prints every 2,000 messages, so the last few are not seen.
    whole = plan.events // 2_000 * 2_000
    with quix.start(bench.folder, bench.servers.bootstrap, topic, group) as child:
        return drain(child, Drain(plan.events, lambda: printed(child), whole, bench.servers.pids()))


def run_quix(bench: Bench) -> list[Result]:
    """Measure ours, with the store and without it, against a stateful apply in Quix Streams that writes nothing."""
    quix.fetch()
    _ = bench.servers.influxdb
    plan = plan_for(bench)
    bench.logs.topic(plan)
    against = f"Quix Streams {quix.VERSION}: stateful apply (RocksDB, changelog), no InfluxDB at all"
    programs: list[Any] = [partial(program, bench, plan) for program in (rebuild_store, transform, quix_apply)]
    stored, alike, theirs = each(programs, bench.runs)
    what = f"processor, store only (--rebuild-store), with InfluxDB: {plan.events:,} notifications"
    like = f"the same without the write, as Quix Streams does without: {plan.events:,} notifications"
    return [
        compared("quix", what, against, Comparison(stored, theirs), goal=3.0),
        compared("quix", like, against, Comparison(alike, theirs), goal=3.0),
    ]
