"""`precache contract`."""

from pathlib import Path

import click

from console.cli.exits import FATAL, OK, CommandError

_EPILOG = """\b
Examples:
  precache contract build/contract
  precache contract && less docs/contract/asyncapi.yaml

\b
Exit codes:
  0  done
  1  the folder can't be written
  2  wrong usage
"""


@click.command(epilog=_EPILOG)
@click.argument(
    "folder", metavar="[DIR]", type=click.Path(path_type=Path, file_okay=False), default=Path("docs/contract")
)
def contract(folder: Path) -> int:
    """Write the published contract into a folder, docs/contract by default: an AsyncAPI document and schemas."""
    from console.contract.files import write

    try:
        count = write(folder)
    except OSError as error:
        raise CommandError(f"{folder} can't be written: {error.strerror}: choose another folder", FATAL) from error
    click.echo(f"{count} files in {folder}", err=True)
    return OK
