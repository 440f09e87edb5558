"""`precache demo`."""

import sys
from importlib import import_module
from pathlib import Path

import click

from console.cli.exits import USAGE, CommandError
from console.cli.invocation import Invocation

_EPILOG = """\b
Examples:
  precache demo
  precache demo --web
  precache demo --fast --store /tmp/demo.sqlite

\b
Exit codes:
  0  the store has what the clouds sent
  1  it has not (each difference is named), or a part of the path failed
  2  wrong usage, or the extra [bridge] is not installed
"""


@click.command(epilog=_EPILOG)
@click.option("--fast", is_flag=True, help="Hosts answer at once: seconds instead of half a minute.")
@click.option("--store", metavar="FILE", type=click.Path(path_type=Path), help="The SQLite file to leave; must be new.")
@click.option("--web", is_flag=True, help="End with the page of all clouds on this data; Ctrl-C ends it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object an event, one a line.")
@click.pass_obj
def demo(invocation: Invocation, fast: bool, store: Path | None, web: bool, as_json: bool) -> int:  # noqa: FBT001 - click's signature
    """Run the whole path on three simulated clouds: no RabbitMQ, Kafka or InfluxDB is needed.

    Simulated Novas send real notifications over an in-process bus to the real bridge; the real processor writes a
    SQLite file, which is compared with what was sent, and left for you to look at.
    """
    invocation.configure_logs(default_level="error")
    if web:
        # Now, not after half a minute: an extra that is missing ends the command.
        import_module("console.demo.page")
    from console.demo.place import new_file
    from console.demo.run import run
    from console.demo.screens import JsonDemo, PlainDemo, TerminalDemo

    file = store or new_file()
    if file.exists():
        raise CommandError(f"{file} is there already, and the demo overwrites nothing: name a new file", USAGE)
    if not file.parent.is_dir():
        raise CommandError(f"{file.parent} is no folder: make it, or name another file", USAGE)
    screen = JsonDemo() if as_json else TerminalDemo() if sys.stdout.isatty() else PlainDemo()
    code = run(file, screen, fast=fast)
    if web:
        _show_page(file)
    return code


def _show_page(store: Path) -> None:
    from console.demo.page import show
    from precache.runtime.shutdown import Stop

    show(store, Stop().on_signals(), lambda url: click.echo(f"The page of this data: {url} (Ctrl-C ends it)", err=True))
