"""docs/benchmarks.md, written whole by the run that it tells of."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bench import report
from bench.result import Result

FILE: Final = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"

_TEXT: Final = """\
# Benchmarks

Written by `python -m bench --write-docs`; do not edit. To measure on your own machine:

    make bench                           # everything, three runs of each: the better part of an hour on two cores
    .venv/bin/python -m bench store whole --runs 5
    .venv/bin/python -m bench delay --with EARLIER.json   # one row anew, the others from a file of --json
    .venv/bin/python -m bench --quick    # a smoke test: loads too small for figures that mean anything
    .venv/bin/python -m bench --help

RabbitMQ, Kafka and InfluxDB are started for the benchmark alone, and ended with it. Telegraf is built by `go
install`, Quix Streams installed in an environment of its own; both are kept in
`${{XDG_CACHE_HOME:-~/.cache}}/precache-bench`.

{results}

A row of `python -m bench --help` that is not in the table was not measured. Rows may come from runs one after the
other on the same machine.

## How it is measured

- **Side by side.** Absolute figures of a machine that others share are not stable; ratios are. So two programs run
  in turn on the same load (A B, B A, A B), and the ratio is the median of the ratios of the pairs; in brackets the
  lowest and the highest. Rates and CPU are medians. Where servers have just begun, one run goes before that is not
  measured.
- **The servers' data** lies in memory where there is room for it: a disk's mood is nobody's merit.
- **The load** is a real notification (captured from nova-conductor), 1.6 kB on RabbitMQ, with ids, hosts, times and
  a `_unique_id` of its own in each message (oslo.messaging drops a message whose `_unique_id` repeats). It lies in
  RabbitMQ or Kafka to the last message before anything is started, so the publisher is never what limits. Kafka's
  topics have 4 partitions.
- **The window** opens with the first output seen and closes with the last, looked for every 50 ms; what was out
  when it opened is not counted. Start-up is in nobody's figure. Output is counted where it arrives: Kafka's end
  offsets, the group's committed offsets, InfluxDB's own counter of points taken.
- **CPU** is that of the measured process with its children, from `/proc`, over the same window. All servers run on
  the same machine and take their share of its cores: "cores busy" says how much, and "limited by" what kept each
  program from being faster. When that is a server, the ratio says as much of the server as of the programs.
- **Every run is checked**: each message id in Kafka once, queue empty and acknowledged, each point in InfluxDB,
  hosts counted right in each operation, no dead letter. A run with a wrong answer fails the benchmark.
- **Peers**: Telegraf with batches of 5,000, and more undelivered messages than a batch so that it never waits for its
  flush interval. It does less than we do: it neither decodes on the way to Kafka nor has state on the way to
  InfluxDB. There it writes as many fields a point as we do, since InfluxDB's own work goes by the fields; the three
  that need state hold what one notification has to say. Quix Streams counts each operation's different hosts, with
  its default settings, and writes nothing.
- **`--rebuild-store`** reads decisions that a processor has made before, as it does wherever a store is lost; that run
  is not measured.
- **Delay**: five of every hundred hosts are probes; an InfluxQL query asks every few milliseconds for those that
  can't be read yet. So it is readability that is measured, overestimated by the time between two questions.
"""


def write(results: Sequence[Result], facts: Mapping[str, str]) -> Path:
    """Write the file; returns where it is."""
    text = _TEXT.format(results=report.markdown(results, facts))
    FILE.write_text(text)
    return FILE
