"""What InfluxDB takes on this machine, whoever writes: no processor can be faster."""

import gzip
import json
import tempfile
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from bench import check
from bench.compare import repeat
from bench.context import Bench
from bench.influx import Influx
from bench.load.bodies import Maker
from bench.load.plan import Plan
from bench.measure import Drain, Sample, drain
from bench.result import Result, limits, raw
from bench.rows.store import plan_for
from bench.rows.transform import start_child
from precache.config.store import InfluxStoreConfig
from processor.core.effects import Effects
from processor.core.partition import Partition
from processor.core.settings import Timers
from processor.stores.api import numbered
from processor.stores.influxdb.lineprotocol import batches
from processor.stores.influxdb.store import SERIES

_BATCH: Final = InfluxStoreConfig.model_fields["batch"].default
_CHUNK: Final = 20_000
_MAX_CHARS: Final = 2**24


def run(bench: Bench) -> list[Result]:
    """Measure."""
    _ = bench.servers.influxdb
    plan = plan_for(bench)
    with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
        _encode(plan, Path(folder))
        found = repeat(partial(_post, bench, plan, Path(folder)), bench.runs)
    return [
        Result(
            name="limit",
            what=f"InfluxDB alone: {plan.progress_events:,} points made beforehand, two requests of {_BATCH:,} at once",
            ours=f"{found.rate / 1_000:.1f} k/s",
            limit=limits(found),
            notes=("what any processor on this machine is held against, whatever it is written in",),
            raw=raw(found.samples),
        )
    ]


def _encode(plan: Plan, folder: Path) -> None:
    """Write the points of a plan as bodies of requests, in the order in which a processor would write them."""
    maker, partition = Maker(plan), Partition(Timers())
    events = enumerate(plan.stream(seed=1))
    number = 0
    while chunk := list(islice(events, _CHUNK)):
        out = Effects()
        for offset, event in chunk:
            partition.apply(0, offset, maker.key(event).encode(), maker.value(event), out)
        points = sorted(numbered(out.points), key=SERIES)
        for batch in batches(points, max_lines=_BATCH, max_chars=_MAX_CHARS, refused=[]):
            (folder / f"{number:06d}.{len(batch)}").write_bytes(gzip.compress(batch.body(), 1))
            number += 1


def _post(bench: Bench, plan: Plan, folder: Path) -> Sample:
    servers = bench.servers
    with servers.bucket() as bucket, closing(Influx(bucket)) as influx:
        place = {"url": bucket.url, "org": bucket.org, "bucket": bucket.name, "token": bucket.token}
        with start_child(bench, "post_only", json.dumps({**place, "folder": str(folder)})) as child:
            sample = drain(child, Drain(plan.progress_events, influx.points_written, None, servers.pids()))
        check.points(influx, plan)
    return sample
