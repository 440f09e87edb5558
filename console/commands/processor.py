"""`precache processor`."""

from pathlib import Path

import click

from console.cli.configs import CONFIG_PATH, load_or_fail
from console.cli.exits import FATAL, OK, CommandError, end_unless
from console.cli.invocation import Invocation

_EPILOG = """\b
Examples:
  precache processor --config /etc/precache/processor.yaml
  precache processor --config processor.yaml --rebuild-store   # with all processors stopped

\b
Exit codes:
  0  stopped by SIGTERM or SIGINT, cleanly (another signal, a second later, ends it at once: 1); or the store is rebuilt
  1  fatal error; or stopped before the store was rebuilt
  2  bad configuration, or the extra [processor] is not installed
"""


@click.command(epilog=_EPILOG)
@click.option("--config", "path", metavar="FILE", type=CONFIG_PATH, required=True, help="Its configuration.")
@click.option(
    "--rebuild-store", is_flag=True, help="Write the store anew from Kafka, and end; with all processors stopped."
)
@click.pass_obj
def processor(invocation: Invocation, path: Path, rebuild_store: bool) -> int:  # noqa: FBT001 - click's signature
    """Make operations of Nova's notifications in Kafka: points and records for the store, and the derived topics.

    Runs until it is stopped; logs go to stderr. Several processes share the work.
    """
    from precache.runtime.shutdown import Stop

    # Before the rest is imported, which takes its time: a stop in that time is a clean one, too.
    stop = Stop().on_signals()
    from processor import service
    from processor.config import ProcessorConfig

    invocation.configure_logs()
    config = load_or_fail(path, ProcessorConfig)
    if not rebuild_store:
        end_unless(service.run(config, stop), OK)
        return OK
    end_unless(service.rebuild(config, stop, lambda text: click.echo(text, err=True)), FATAL)
    if stop.requested:
        raise CommandError("stopped before the log's end: the store is not whole; run it again")
    return OK
