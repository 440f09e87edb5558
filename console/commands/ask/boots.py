"""`precache boots`."""

import time
from pathlib import Path
from typing import Any

import click

from console.cli.exits import OK
from console.cli.output.durations import DURATION
from console.cli.output.formats import Listing, output_of, output_options
from console.cli.store import config_option, emit, open_store

_EPILOG = """\b
Examples:
  precache boots --cloud paris --aggregate my-application
  precache boots --since 7d -o json

\b
Exit codes:
  0  done (also when there are none)
  1  the store can't be read
  2  wrong usage or configuration
"""


@click.command(epilog=_EPILOG)
@config_option
@click.option("--cloud", default="", help="Only this cloud's.")
@click.option("--aggregate", metavar="NAME|UUID", default="", help="Only on hosts of this aggregate.")
@click.option("--image", metavar="ID", default="", help="Only from this image.")
@click.option(
    "--since", "since_s", metavar="D", type=DURATION, default="30d", show_default=True, help="What ended within it."
)
@output_options
def boots(*, path: Path | None, cloud: str, aggregate: str, image: str, since_s: float, **format_: Any) -> int:
    """Compare how long instances took to boot, with the image resident on their host and without.

    Times are seconds from the instance's creation: the median and the 95th percentile, by image and aggregate.
    """
    from console.query.boots import BOOTS
    from precache.query.api import BootFilter
    from precache.query.boots import boot_times
    from precache.query.residency import Question

    output = output_of(**format_)
    output.choose(BOOTS)
    now_ns = time.time_ns()
    since_ns = now_ns - int(since_s * 1e9)
    with open_store(path) as store:
        question = Question(
            now_ns=now_ns, purge_after_s=store.operators.purge_after_s, aggregate=aggregate, image=image
        )
        # What was touched before --since may have been resident within it.
        first_ns = since_ns - int(store.operators.longest_purge_after_s() * 1e9)
        found = store.reader.boots(BootFilter(cloud=cloud, image=image, since_ns=first_ns))
        times = boot_times(found, store.reader.evidence(first_ns, cloud), question, since_ns) if found else []
    output.print(Listing(BOOTS, times))
    if not times:
        emit("no boots: the store has none of these; a cloud needs `boots: true` in bridge.yaml")
    else:
        emit("An estimate: whether an image was resident follows from reports and earlier boots.")
    return OK
