"""One module for each thing that is measured, and the list of them all."""

from collections.abc import Callable
from typing import Final

from bench.context import Bench
from bench.result import Result
from bench.rows import bridge, delay, growth, limit, memory, query, rebuild, store, transform, unwanted, whole

Row = Callable[[Bench], list[Result]]

ROWS: Final[dict[str, Row]] = {
    "bridge": bridge.run,
    "unwanted": unwanted.run,
    "store": store.run,
    "whole": whole.run,
    "limit": limit.run,
    "transform": transform.run_decode,
    "quix": transform.run_quix,
    "delay": delay.run,
    "rebuild": rebuild.run,
    "memory": memory.run,
    "growth": growth.run,
    "query": query.run,
}
