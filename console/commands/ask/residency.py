"""`precache residency`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from console.cli.exits import OK, USAGE, CommandError
from console.cli.output.durations import DURATION
from console.cli.output.formats import Listing, output_of, output_options
from console.cli.store import config_option, emit, open_store
from console.commands.ask.operation import named

if TYPE_CHECKING:
    from precache.config.operators import OperatorsBlock
    from precache.query.residency import AggregateKey, Residency

_EPILOG = """\b
States: resident; expiring (resident, with less than --expiring left); unsure (it may be there:
nobody used it, as far as is known, for as long as Nova keeps it); failed; silent (asked, and no
answer: it may be there); missing (the host was never asked; only with --live).

\b
Examples:
  precache residency --cloud paris --aggregate my-application
  precache residency --aggregate my-application --state failed --state silent
  precache residency --expiring 4h
  precache residency --host cn-7.example.org
  precache residency --aggregate my-application --hosts -o json
  precache residency --operation req-5f0d8a52-0b5e-4a7e-9d0a-6c1a6a7d0c11 --hosts
  precache residency --cloud paris --aggregate my-application --live --state missing

\b
Exit codes:
  0  done (also when nothing is known)
  1  the store can't be read
  2  wrong usage or configuration
"""
_STATES: Final = ("resident", "expiring", "unsure", "failed", "silent", "missing")


@click.command(epilog=_EPILOG)
@config_option
@click.option("--cloud", default="", help="Only this cloud's.")
@click.option("--aggregate", metavar="NAME|UUID", default="", help="Only this aggregate's.")
@click.option("--image", metavar="ID", default="", help="Only this image.")
@click.option("--host", default="", help="List what is on this host.")
@click.option("--operation", metavar="ID", default="", help="Only the aggregate and the images of this operation.")
@click.option("--state", "states", type=click.Choice(_STATES), multiple=True, help="List hosts in it; may be repeated.")
@click.option("--expiring", "margin_s", metavar="D", type=DURATION, help="List hosts with less than this left.")
@click.option("--hosts", "by_hosts", is_flag=True, help="List each host, instead of counts by image.")
@click.option(
    "--since", "since_s", metavar="D", type=DURATION, default="7d", show_default=True, help="Use what began within it."
)
@click.option("--live", is_flag=True, help="Ask Nova which hosts the aggregates have now (the extra [openstack]).")
@output_options
def residency(
    *,
    path: Path | None,
    cloud: str,
    aggregate: str,
    image: str,
    host: str,
    operation: str,
    states: tuple[Any, ...],
    margin_s: float | None,
    by_hosts: bool,
    since_s: float,
    live: bool,
    **format_: Any,
) -> int:
    """Estimate which images are on which hosts, from the reports of operations and from boots.

    An image is resident from the START of the last operation that cached it, or from the last boot, for as long as Nova
    keeps unused images: `purge_after` of the operator's file, 24h unless it says otherwise.
    """
    from console.query.residency import HOSTS, IMAGES, by_host, by_image, of_images

    output = output_of(**format_)
    wanted = states or (("expiring",) if margin_s is not None else ())
    is_by_host = by_hosts or bool(host or wanted)
    if is_by_host:
        output.choose(HOSTS)
    else:
        output.choose(IMAGES)
    images: tuple[str, ...] = ()
    if operation:
        if cloud or aggregate:
            raise CommandError(
                "--operation names its cloud and its aggregate: leave --cloud and --aggregate out", USAGE
            )
        with open_store(path) as store:
            known = named(store, operation)
        cloud, aggregate, images = known.cloud, known.aggregate_uuid, known.images
    found = ask(path, cloud=cloud, aggregate=aggregate, image=image, margin_s=margin_s, since_s=since_s, live=live)
    if operation:
        found = [of_images(each, images) for each in found]
    if is_by_host:
        rows = list(by_host(found, host, wanted))
        output.print(Listing(HOSTS, rows))
        if found and not rows:
            emit("none: no host matches --host, --state or --expiring")
    else:
        output.print(Listing(IMAGES, list(by_image(found))))
    _comment(found, live=live)
    return OK


def ask(
    path: Path | None, *, cloud: str, aggregate: str, image: str, margin_s: float | None, since_s: float, live: bool
) -> "list[Residency]":
    """Return the estimate; with ``live``, of the hosts that Nova has now. ``path``: the operator's file."""
    from precache.query.api import BootFilter
    from precache.query.residency import MARGIN_S, Question, estimate

    now_ns = time.time_ns()
    with open_store(path) as store:
        since_ns = now_ns - int(max(since_s, store.operators.longest_purge_after_s()) * 1e9)
        question = Question(
            now_ns=now_ns,
            purge_after_s=store.operators.purge_after_s,
            aggregate=aggregate,
            image=image,
            margin_s=MARGIN_S if margin_s is None else margin_s,
        )
        boots = store.reader.boots(BootFilter(cloud=cloud, image=image, since_ns=since_ns))
        found = estimate(store.reader.evidence(since_ns, cloud), question, boots)
        if not live:
            return found
        hosts = _live_hosts(found, store.operators)
        return estimate(
            store.reader.evidence(since_ns, cloud), msgspec.structs.replace(question, live_hosts=hosts), boots
        )


def _live_hosts(found: "list[Residency]", operators: "OperatorsBlock") -> "dict[AggregateKey, tuple[str, ...]]":
    from console.query.live import live_hosts
    from console.start.clouds import connect_to

    return live_hosts([(each.cloud, each.aggregate_uuid) for each in found], operators, connect_to)


def _comment(found: "list[Residency]", *, live: bool) -> None:
    if not found:
        emit("nothing is known: no operation of these began within --since")
        return
    for each in found:
        if each.lists_cut:
            emit(f"note: the store does not name all hosts of {each.aggregate_name}: its lists are cut")
    hosts = "Hosts are those that Nova has now." if live else "Hosts are those of each last operation."
    emit(f"An estimate: from what hosts reported, not from a look at them. {hosts}")
