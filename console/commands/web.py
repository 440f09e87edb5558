"""`precache web`."""

from pathlib import Path
from typing import Final

import click

from console.cli.configs import CONFIG_PATH, load_or_fail
from console.cli.exits import FATAL, OK, CommandError
from console.cli.invocation import Invocation

_EPILOG: Final = """\b
Examples:
  precache web --config web.yaml
  curl -s 'http://127.0.0.1:9180/?format=json' | jq .totals

\b
Exit codes:
  0  stopped by SIGTERM or SIGINT, cleanly
  1  fatal error: the address can't be listened on
  2  bad configuration, or the extra [web] is not installed
"""


@click.command(epilog=_EPILOG)
@click.option("--config", "path", metavar="FILE", type=CONFIG_PATH, required=True, help="The page's file.")
@click.pass_obj
def web(invocation: Invocation, /, *, path: Path) -> int:
    """Serve pages that show all clouds: what runs, what failed, what expires. Read only.

    Nobody is asked for a password: it listens on localhost unless `listen` says otherwise. docs/web.md has how to put
    it behind a proxy.
    """
    from precache.runtime.shutdown import Stop

    # Before the rest is imported, which takes its time: a stop in that time is a clean one, too.
    stop = Stop().on_signals()
    from console.web import service
    from console.web.config import WebConfig
    from precache.runtime.http import ListenError

    invocation.configure_logs()
    try:
        service.run(load_or_fail(path, WebConfig), stop)
    except ListenError as error:
        raise CommandError(str(error), FATAL) from error
    return OK
