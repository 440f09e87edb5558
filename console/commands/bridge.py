"""`precache bridge`."""

from pathlib import Path

import click

from console.cli.configs import CONFIG_PATH, load_or_fail
from console.cli.exits import OK
from console.cli.invocation import Invocation

_EPILOG = """\b
Examples:
  precache bridge --config /etc/precache/bridge.yaml
  precache --log-format json --log-level warning bridge --config bridge.yaml

\b
Exit codes:
  0  stopped by SIGTERM or SIGINT, cleanly (another signal, a second later, ends it at once: 1)
  1  fatal error
  2  bad configuration, or the extra [bridge] is not installed
"""


@click.command(epilog=_EPILOG)
@click.option("--config", "path", metavar="FILE", type=CONFIG_PATH, required=True, help="Its configuration.")
@click.pass_obj
def bridge(invocation: Invocation, path: Path) -> int:
    """Read Nova's notifications from the RabbitMQ of one or more clouds, and write them to Kafka.

    A notification is acknowledged to RabbitMQ only when Kafka has it. Runs until it is stopped; logs go to stderr.
    """
    from precache.runtime.shutdown import Stop

    # Before the rest is imported, which takes a second: a stop in that time is a clean one, too.
    stop = Stop().on_signals()
    from bridge import service
    from bridge.config import BridgeConfig

    invocation.configure_logs()
    service.run(load_or_fail(path, BridgeConfig), stop)
    return OK
