"""`precache operations`."""

import time
from pathlib import Path
from typing import Any, get_args

import click

from console.cli.exits import OK
from console.cli.output.durations import DURATION
from console.cli.output.formats import Listing, output_of, output_options
from console.cli.store import config_option, emit, open_store
from precache.contract.operation import Status

_EPILOG = """\b
Examples:
  precache operations --running
  precache operations --cloud paris --aggregate my-application --since 7d
  precache operations --status completed_with_errors -o value -c request_id
  precache operations --since 24h -o json | jq -r .cloud | sort | uniq -c

\b
Exit codes:
  0  done (also when there are none)
  1  the store can't be read
  2  wrong usage or configuration
"""


@click.command(epilog=_EPILOG)
@config_option
@click.option("--cloud", default="", help="Only this cloud's.")
@click.option("--aggregate", metavar="NAME|UUID", default="", help="Only this aggregate's.")
@click.option("--image", metavar="ID", default="", help="Only those that have reported on this image.")
@click.option("--status", "statuses", type=click.Choice(get_args(Status)), multiple=True, help="May be repeated.")
@click.option("--running", is_flag=True, help="Only what is not over: running, ending, stalled.")
@click.option("--since", "since_s", metavar="D", type=DURATION, help="Only what began within this time, such as 24h.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), default=50, show_default=True, help="The newest N.")
@output_options
def operations(
    *,
    path: Path | None,
    cloud: str,
    aggregate: str,
    image: str,
    statuses: tuple[Status, ...],
    running: bool,
    since_s: float | None,
    limit: int,
    **format_: Any,
) -> int:
    """List operations, the newest first."""
    from console.query.operations import OPERATIONS
    from precache.query.api import OPEN_STATUSES, OperationFilter

    output = output_of(**format_)
    output.choose(OPERATIONS)
    wanted = OperationFilter(
        cloud=cloud,
        aggregate=aggregate,
        image=image,
        statuses=frozenset(statuses) | (OPEN_STATUSES if running else frozenset()),
        since_ns=0 if since_s is None else time.time_ns() - int(since_s * 1e9),
        limit=limit,
    )
    with open_store(path) as store:
        found = store.reader.operations(wanted)
    output.print(Listing(OPERATIONS, found))
    if not found:
        emit("no operations")
    elif len(found) == limit:
        emit(f"these are the newest {limit}; more with --limit")
    return OK
