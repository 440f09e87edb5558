"""`precache keep`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from console.cli.configs import CONFIG_PATH, load_or_fail
from console.cli.exits import FATAL, OK, USAGE, CommandError, end_unless
from console.cli.invocation import Invocation
from console.cli.output.formats import Listing, OutputOptions, output_of, output_options
from console.cli.output.tables import write
from console.cli.shell.groups import Group
from console.cli.store import config_option, emit, open_store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keeper.core.plan import Plan

_EPILOG: Final = """\b
Examples:
  precache keep --config keep.yaml --dry-run            # the plan; asks for nothing, writes nothing
  precache keep --config keep.yaml --dry-run -o json | jq -r 'select(.asks) | .image'
  precache keep --config keep.yaml                      # the service
  precache keep --config keep.yaml --once               # one round, for cron
  precache keep status --cloud paris

\b
Exit codes:
  0  stopped by SIGTERM or SIGINT, cleanly; --once: the round is done, or another keeper acts;
     --dry-run: every declared image is on every host that is up
  1  fatal error; --dry-run: an image is missing somewhere, or would be asked for now; a cloud does not answer
  2  bad configuration, or the extra [openstack] is not installed
"""
_STATUS_EPILOG: Final = """\b
Examples:
  precache keep status
  precache keep status --config keep.yaml --aggregate my-application -o wide
  precache keep status -o json | jq -r 'select(.state == "failing") | .reason'

\b
Exit codes:
  0  done (also when nothing is declared)
  1  the store can't be read
  2  wrong usage or configuration
"""


@click.group(cls=Group, invoke_without_command=True, epilog=_EPILOG)
@click.option("--config", "path", metavar="FILE", type=CONFIG_PATH, help="The keeper's file.")
@click.option("--dry-run", is_flag=True, help="Print the plan, and end. Ask for nothing, write nothing.")
@click.option("--once", is_flag=True, help="Carry out one round, and end.")
@output_options
@click.pass_context
def keep(context: click.Context, /, *, path: Path | None, dry_run: bool, once: bool, **format_: Any) -> int:
    """Keep declared images resident: ask Nova again before it purges them.

    Runs until it is stopped; logs go to stderr. Of several keepers in a group one acts.
    """
    if context.invoked_subcommand is not None:
        return OK
    if path is None:
        raise CommandError("Name the keeper's file: --config keep.yaml (config/keep.yaml is an example)", USAGE)
    if dry_run and once:
        raise CommandError("--dry-run and --once exclude each other", USAGE)
    invocation = context.ensure_object(Invocation)
    if dry_run:
        return _plan(invocation, path, output_of(**format_))
    return _serve(invocation, path, once=once)


def _plan(invocation: Invocation, path: Path, output: OutputOptions) -> int:
    from console.keep import plan as plans
    from keeper.config import KeeperConfig
    from keeper.service import plan_once

    invocation.configure_logs(default_level="error")
    found = plan_once(load_or_fail(path, KeeperConfig))
    if output.format in {"json", "yaml"}:
        output.print_objects(plans.objects(found))
    else:
        write(plans.lines(found))
    return FATAL if plans.drifts(found) else OK


def _serve(invocation: Invocation, path: Path, *, once: bool) -> int:
    from precache.runtime.shutdown import Stop

    # Before the rest is imported, which takes its time: a stop in that time is a clean one, too.
    stop = Stop().on_signals()
    from keeper import service
    from keeper.config import KeeperConfig
    from keeper.reload import ConfigFile

    invocation.configure_logs()
    config = load_or_fail(path, KeeperConfig)
    if once:
        _report_once(service.run_once(config, stop))
    else:
        end_unless(service.run(ConfigFile(path, config).on_hangup(), stop), OK)
    return OK


def _report_once(plans: "Mapping[str, Plan] | None") -> None:
    if plans is None:
        emit("another keeper of this group acts: nothing was done")
        return
    asked = sum(len(plan.calls) for plan in plans.values())
    emit(f"{asked} {'request' if asked == 1 else 'requests'} made; `precache keep status` shows how all stands")


@keep.command(epilog=_STATUS_EPILOG)
@config_option
@click.option("--cloud", default="", help="Only this cloud's.")
@click.option("--aggregate", metavar="NAME|UUID", default="", help="Only this aggregate's.")
@click.option("--all", "show_all", is_flag=True, help="Also what is no longer declared.")
@output_options
def status(*, path: Path | None, cloud: str, aggregate: str, show_all: bool, **format_: Any) -> int:
    """Show how each declared image stands, as the keeper saw it last."""
    from console.keep.status import WANTED
    from precache.query.api import WantedFilter

    output = output_of(**format_)
    output.choose(WANTED)
    with open_store(path, "keeper") as store:
        rows = store.reader.wanted(WantedFilter(cloud=cloud, aggregate=aggregate))
    found = [row for row in rows if show_all or row.state != "removed"]
    output.print(Listing(WANTED, found))
    if not found:
        emit("no keeper has written anything" if not rows else "nothing is declared any more: --all shows what was")
    return OK
