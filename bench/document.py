"""Writes docs/benchmarks.md, with the results of a run."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bench import report
from bench.result import Result

FILE: Final = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"

_MAX_COLUMNS: Final = 118

_TEXT: Final = """\
# Benchmarks

`python -m bench --write-docs` writes this file: don't edit it. To measure on your own machine:

    make bench                           # everything, three runs of each: almost an hour on two cores
    .venv/bin/python -m bench store whole --runs 5
    .venv/bin/python -m bench delay --with EARLIER.json   # one row again, the others from a file of --json
    make bench-check                     # bridge and processor again: which rows cost over 15 % more CPU than here
    .venv/bin/python -m bench --quick    # a smoke test: loads too small for meaningful figures
    .venv/bin/python -m bench --help

The benchmark starts a RabbitMQ, a Kafka and an InfluxDB of its own, and ends them. It builds Telegraf with
`go install`, and installs Quix Streams in an environment of its own. Both are kept in
`${{XDG_CACHE_HOME:-~/.cache}}/precache-bench`.

{results}

A row of `python -m bench --help` that is not in the table was not measured. Rows may come from several runs on the
same machine.

## How it is measured

- **Side by side.** Absolute figures of a shared machine are not stable; ratios are. So two programs run in turn on the
  same load (A B, B A, A B). The ratio is the median of the ratios of the pairs; the brackets have the lowest and the
  highest. Rates and CPU are medians. After a start of the servers, the first run is not measured.
- **Data of the servers** is in memory if there is room for it. So the speed of a disk plays no part.
- **The load** is a real notification of nova-conductor, 1.6 kB on RabbitMQ. Each message has ids, hosts, times and a
  `_unique_id` of its own, because oslo.messaging drops a message whose `_unique_id` repeats. All messages are in
  RabbitMQ or Kafka before a program starts. So the publisher never limits it. Kafka's topics have 4 partitions.
- **The window** opens with the first output and closes with the last, checked every 50 ms. Output before it opened
  does not count. No figure includes the start-up. Output counts where it arrives: Kafka's end offsets, the group's
  committed offsets, InfluxDB's own counter of points.
- **CPU** is that of the measured process and its children, from `/proc`, in the same window. All servers run on the
  same machine and use its cores, too. "Cores busy" says how much. "Limited by" says what kept each program from being
  faster. If that is a server, the ratio describes the server as much as the programs.
- **Every run is checked**: each message id is in Kafka once, the queue is empty and acknowledged, each point is in
  InfluxDB, the counts of each operation are right, and there is no dead letter. A wrong answer fails the benchmark.
- **Peers.** Telegraf has batches of 5,000, and more undelivered messages than a batch, so it never waits for its
  flush interval. It does less than precache: it does not decode on the way to Kafka, and has no state on the way to
  InfluxDB. Its points have as many fields as those of precache, because InfluxDB's work depends on the fields. The
  three fields that need state hold values of one notification. Quix Streams counts the different hosts of each
  operation with its default settings, and writes nothing.
- **`--rebuild-store`** reads decisions that a processor made before. That earlier run is not measured.
- **Asking the store.** Whole commands, from the start of the process to its end; the median of nine. The store has
  three months of 51 clouds, and InfluxDB has come to rest after it was filled.
- **Delay.** Five of every hundred hosts are probes. An InfluxQL query asks every few milliseconds for those that can't
  be read yet. So the figure is the delay until a point can be read, overestimated by the time between two queries.
"""


def write(results: Sequence[Result], facts: Mapping[str, str]) -> Path:
    """Write the file; return where it is."""
    FILE.write_text(text(report.markdown(results, facts)))
    return FILE


def text(results: str) -> str:
    """Return the file's text around the results, which are Markdown."""
    return "\n".join(_wrapped(line) for line in _TEXT.format(results=results).split("\n"))


def _wrapped(line: str) -> str:
    """Break a long item of a list; tables and code stay as they are."""
    mark, dash, _ = line.partition("- ")
    if len(line) <= _MAX_COLUMNS or not dash or mark.strip():
        return line
    indent = " " * len(mark + dash)
    return textwrap.fill(line, _MAX_COLUMNS, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)
