"""`precache watch`."""

from typing import Any

import click

from console.cli.exits import USAGE, CommandError
from console.cli.invocation import Invocation
from console.cli.output.durations import DURATION
from console.watch.feeds.source import WatchSource, required, source, source_options
from console.watch.follow import Want
from precache.contract.identity import SEPARATOR
from precache.contract.request_ids import is_global_request_id

_EPILOG = """\b
Examples:
  precache watch --kafka kafka.example.org:9092 --cloud paris --aggregate my-application
  precache watch --config processor.yaml --timeout 2h --fail-on-stall
  precache watch --config processor.yaml --operation paris/ccf82bd4-.../req-5f0d8a52-...
  precache watch --last --cloud paris --aggregate my-application
  precache watch --all
  precache watch --transport-url-file /run/secrets/paris --cloud paris --aggregate my-application

\b
Exit codes:
  0    every host has every image
  1    images failed (with or without silent hosts)
  2    wrong usage or configuration
  3    nothing failed, but hosts gave no answer
  4    abandoned; or stalled, with --fail-on-stall
  5    nothing began within --timeout
  6    cannot watch: broker, credentials, a call that hangs, internal error
  7    still running at --timeout
  130  Ctrl-C (143: SIGTERM)
"""


@click.command(epilog=_EPILOG)
@source_options
@click.option("--cloud", default="", help="Only this cloud; with --transport-url, its name (default: local).")
@click.option("--aggregate", metavar="NAME|UUID", default="", help="Only this aggregate.")
@click.option("--operation", metavar="ID", default="", help="This operation, begun or over; or a global request id.")
@click.option("--all", "everything", is_flag=True, help="Everything that runs, on all clouds, until Ctrl-C.")
@click.option("--last", is_flag=True, help="The matching operation that began last, over or not.")
@click.option("--timeout", "timeout_s", type=DURATION, help="Give up after this time, such as 90s or 2h.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object an event, one a line.")
@click.option("-o", "output", type=click.Choice(["json"]), help="The same.")
@click.option("--fail-on-stall", is_flag=True, help="End with 4 at a stall, instead of a warning.")
@click.pass_obj
def watch(
    invocation: Invocation,
    /,
    *,
    cloud: str,
    aggregate: str,
    operation: str,
    everything: bool,
    last: bool,
    timeout_s: float | None,
    as_json: bool,
    output: str | None,
    fail_on_stall: bool,
    **places: Any,
) -> int:
    """Follow the first matching operation that begins from now on, and exit with how it went.

    Says "watching ..." on stderr when it is ready: ask Nova to cache only after that.
    """
    from console.watch.every import watch_all
    from console.watch.feeds.kafka import Reach
    from console.watch.feeds.recent import LOOK_BACK_S
    from console.watch.history import History
    from console.watch.loop import watch as run
    from console.watch.show.screens import Manner, screen_for

    where = required(source(**places))
    if sum([everything, last, bool(operation)]) > 1:
        raise CommandError("Choose one of --all, --last and --operation", USAGE)
    want = _want(cloud, aggregate, operation, from_start=not where.is_kafka)
    invocation.configure_logs(default_level="error")
    manner = Manner(timeout_s, where.resume(cloud))
    screen = screen_for(as_json=as_json or output == "json", manner=manner)
    if everything:
        return watch_all(where.feed(Reach(look_back_s=LOOK_BACK_S), cloud, _say), want, screen, manner)
    if last:
        want = Want(operation=_last(where, want))
    feed = where.feed(Reach(want.followed), cloud, _say)
    return run(feed, want, screen, manner, history=History(where.path), fail_on_stall=fail_on_stall)


def _last(where: WatchSource, want: Want) -> str:
    """Return the id of the operation that began last.

    Raises:
        CommandError: there is none, or that can't be known.
    """
    from console.watch import exit_codes
    from console.watch.every import last_operation
    from console.watch.feeds.api import CannotWatchError
    from console.watch.feeds.kafka import Reach
    from console.watch.feeds.recent import LOOK_BACK_S, WHOLE_S

    if not where.is_kafka:
        raise CommandError("--last takes Kafka (--config or --kafka): RabbitMQ knows nothing of the past", USAGE)
    try:
        for look_back_s in (LOOK_BACK_S, WHOLE_S):
            found = last_operation(where.feed(Reach(look_back_s=look_back_s), "", _say), want)
            if found:
                return found
    except CannotWatchError as error:
        raise CommandError(f"cannot watch: {error}", exit_codes.CANNOT_WATCH) from error
    raise CommandError("no operation in Kafka matches: check --cloud and --aggregate", exit_codes.NOTHING_BEGAN)


def _want(cloud: str, aggregate: str, operation: str, *, from_start: bool) -> Want:
    if is_global_request_id(operation):
        return Want(cloud, aggregate, global_request_id=operation, from_start=from_start)
    if operation and operation.count(SEPARATOR) < 2:  # noqa: PLR2004 - the id's three parts
        text = "--operation should be CLOUD/AGGREGATE_UUID/REQUEST_ID, or a global request id (req-UUID)"
        raise CommandError(f"{text}, not {operation!r}", USAGE)
    return Want(cloud, aggregate, operation, from_start=from_start)


def _say(text: str) -> None:
    click.echo(text, err=True)
