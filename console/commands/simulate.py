"""`precache simulate`."""

from typing import Final

import click

from console.cli.exits import FATAL, OK, CommandError
from console.cli.invocation import Invocation

_EPILOG: Final = """\b
Examples:
  precache simulate --transport-url rabbit://precache:precache@127.0.0.1:5672/
  precache simulate --api 127.0.0.1:8774
  precache simulate --once

\b
Exit codes:
  0  stopped by SIGTERM or SIGINT, or, with --once, done
  1  RabbitMQ can't be reached, or refuses; or the address of --api can't be listened on
  2  wrong usage, or the extra [bridge] is not installed
"""


def _address(_context: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    from pydantic import TypeAdapter, ValidationError

    from precache.config.types import Listen

    try:
        found: tuple[str, int] = TypeAdapter(Listen).validate_python(text)
    except ValidationError as error:
        raise click.BadParameter("should be HOST:PORT, such as 127.0.0.1:8774") from error
    return found


@click.command(epilog=_EPILOG)
@click.option(
    "--transport-url",
    # Not the variable of `watch` and `start`: that may name the RabbitMQ of a real cloud.
    envvar="PRECACHE_SIMULATOR_URL",
    default="rabbit://precache:precache@127.0.0.1:5672/",
    help="The RabbitMQ, as in nova.conf. Default: that of docker-compose.yml.",
)
@click.option("--every", "every_s", metavar="SECONDS", type=click.FloatRange(1), default=60.0, help="Default: 60.")
@click.option(
    "--api",
    metavar="HOST:PORT",
    callback=_address,
    help="Serve the clouds' OpenStack APIs, too, below /paris, /rome and /oslo: for `start` and `keep`.",
)
@click.option("--once", is_flag=True, help="One round of four operations, then end.")
@click.pass_obj
def simulate(
    invocation: Invocation, /, *, transport_url: str, every_s: float, api: tuple[str, int] | None, once: bool
) -> int:
    """Publish what three simulated clouds would, to a real RabbitMQ. For a look at precache without a cloud.

    The clouds are paris, rome and oslo, with the topics precache-paris, precache-rome and precache-oslo. In each round
    some hosts fail, and one stays silent. Never point it at a RabbitMQ that a real cloud uses.
    """
    from precache.runtime.shutdown import Stop

    stop = Stop().on_signals()
    from console.simulator.parts import PartError
    from console.simulator.rounds import run
    from precache.runtime.http import ListenError

    invocation.configure_logs(default_level="error")
    try:
        run(transport_url, stop, every_s=every_s, once=once, api=api, show=click.echo)
    except (ListenError, PartError) as error:
        raise CommandError(str(error), FATAL) from error
    return OK
