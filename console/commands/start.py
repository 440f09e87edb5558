"""`precache start`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from console.cli.exits import USAGE, CommandError
from console.cli.invocation import Invocation
from console.cli.output.durations import DURATION
from console.watch.feeds.source import LOCAL, WatchSource, required, source, source_options

if TYPE_CHECKING:
    from console.start.clouds import CloudAccess
    from console.start.mute import Mute
    from precache.config.operators import OperatorCloud

_EPILOG: Final = """\b
First on stdout: the global request id, before Nova is asked; then the operation's id.
`precache watch --operation` takes either. On hosts whose images lie in Ceph (RBD) Nova
reports success, and instances start no faster: they are cloned from Ceph.

\b
Examples:
  precache start my-application ubuntu-24.04 --cloud paris
  precache start my-application ubuntu-24.04 debian-13 --cloud paris --cloud rome --separate-images
  precache start my-application ubuntu-24.04 --retry 2 --backoff 10m --timeout 4h
  precache start my-application ubuntu-24.04 --os-cloud admin --transport-url-file /run/secrets/rabbit
  precache start my-application ubuntu-24.04 --os-cloud admin --no-wait

\b
Exit codes: (of several requests, the first that applies of 130, 2, 9, 8, 6, 5, 4, 7, 1, 3, 0)
  0    every host has every image; with --no-wait: Nova has the request
  1    images failed (with or without silent hosts)
  2    wrong usage or configuration
  3    nothing failed, but hosts gave no answer
  4    abandoned; or stalled, with --fail-on-stall
  5    Nova has the request, and no notification came within 60 s
  6    cannot ask or watch: network, broker, credentials, internal error
  7    still running at --timeout
  8    refused, by Nova or before it was asked
  9    unknown whether Nova has the request: no response, and no notification within 60 s
  130  Ctrl-C (143: SIGTERM); Nova goes on
"""


@click.command(epilog=_EPILOG)
@click.argument("aggregate")
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@source_options
@click.option("--cloud", "clouds", metavar="C", multiple=True, help="The cloud, as in bridge.yaml; may be repeated.")
@click.option("--os-cloud", metavar="NAME", help="Its entry in clouds.yaml, instead of precache.yaml's or OS_CLOUD.")
@click.option("--no-wait", is_flag=True, help="End once Nova has the request.")
@click.option("--separate-images", is_flag=True, help="A request for each image: silent hosts are reported by image.")
@click.option("--retry", "retries", metavar="N", type=click.IntRange(0), default=0, help="Ask again, after failures.")
@click.option("--backoff", "backoff_s", type=DURATION, default="1m", show_default=True, help="Wait before --retry.")
@click.option("--force", is_flag=True, help="Ask in spite of what speaks against it.")
@click.option("--timeout", "timeout_s", type=DURATION, help="Give up after this time, such as 90s or 2h.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object an event, one a line.")
@click.option("-o", "output", type=click.Choice(["json"]), help="The same.")
@click.option("--fail-on-stall", is_flag=True, help="End with 4 at a stall, instead of a warning.")
@click.pass_obj
def start(
    invocation: Invocation,
    /,
    *,
    aggregate: str,
    images: tuple[str, ...],
    clouds: tuple[str, ...],
    os_cloud: str | None,
    no_wait: bool,
    separate_images: bool,
    retries: int,
    backoff_s: float,
    force: bool,
    timeout_s: float | None,
    as_json: bool,
    output: str | None,
    fail_on_stall: bool,
    **places: Any,
) -> int:
    """Ask Nova to cache images on the hosts of an aggregate, and follow it to its end.

    AGGREGATE and IMAGE are names or ids.
    """
    from console.start.request import Terms
    from console.start.run import Order, StartRun
    from console.watch.feeds.kafka import Reach
    from console.watch.feeds.recent import LOOK_BACK_S
    from console.watch.history import History
    from console.watch.show.screens import Manner, screen_for

    where = source(**places)
    if not no_wait:
        where = required(where)
    targets = _targets(clouds, os_cloud, where, places["path"])
    invocation.configure_logs(default_level="error")
    cloud = targets[0].name
    manner = Manner(timeout_s, WatchSource().resume() if where is None else where.resume(cloud))
    feed = None if where is None else where.feed(Reach(look_back_s=LOOK_BACK_S), cloud, _say)
    terms = Terms(timeout_s, fail_on_stall, not no_wait, retries, backoff_s, receives=where is not None)
    order = Order(targets, aggregate, images, separate_images, force, terms)
    screen = screen_for(as_json=as_json or output == "json", manner=manner)
    has_past = where is not None and where.is_kafka
    with screen:
        return StartRun(
            order, feed, screen, manner, mute=_mute(where), history=History(places["path"]), has_past=has_past
        ).run()


def _targets(
    clouds: tuple[str, ...], os_cloud: str | None, where: WatchSource | None, config: Path | None
) -> "list[CloudAccess]":
    """Return how to reach each cloud that was named; or the only one that the operator's file names.

    Raises:
        CommandError: that can't be known.
    """
    from console.start.clouds import CloudAccess

    known = _operator_clouds(config)
    names = list(dict.fromkeys(clouds)) or ([next(iter(known))] if len(known) == 1 and os_cloud is None else [""])
    on_rabbit = where is not None and not where.is_kafka
    if len(names) > 1 and (os_cloud is not None or on_rabbit):
        option = "--os-cloud" if os_cloud is not None else "--transport-url"
        raise CommandError(f"{option} is for one cloud: give one --cloud, or run one command for each cloud", USAGE)
    unknown = [name for name in names if name not in known]
    if len(names) > 1 and unknown:
        raise CommandError(f"precache.yaml has no entry for {', '.join(unknown)} under operators.clouds", USAGE)
    found = []
    for name in names:
        entry = known.get(name)
        entry_cloud, region = (None, None) if entry is None else (entry.os_cloud, entry.region)
        found.append(
            CloudAccess(name or (LOCAL if on_rabbit else ""), os_cloud or entry_cloud, None if os_cloud else region)
        )
    return found


def _operator_clouds(config: Path | None) -> "dict[str, OperatorCloud]":
    """Return the clouds of the operator's file, by name; none where there is no such file."""
    from console.cli.configs import errors_text
    from precache.config import ConfigError, top_level_keys
    from precache.config.partial import load_blocks
    from precache.operator.config import OperatorConfig
    from precache.operator.search import find

    path = find(config)
    if path is None or "operators" not in top_level_keys(path):
        return {}
    try:
        clouds = load_blocks(path, OperatorConfig, {"operators"}).operators.clouds
    except ConfigError as error:
        raise CommandError(errors_text(path, error), USAGE) from error
    return {cloud.name: cloud for cloud in clouds}


def _mute(where: WatchSource | None) -> "Mute":
    from console.start.mute import MuteInKafka, MuteOnRabbit, Unheard

    if where is None:
        return Unheard()
    if not where.is_kafka:
        return MuteOnRabbit()
    return MuteInKafka(where.kafka_settings())


def _say(text: str) -> None:
    click.echo(text, err=True)
