"""`precache man`."""

from pathlib import Path

import click

from console.cli.exits import FATAL, OK, CommandError

_EPILOG = """\b
Examples:
  precache man ~/.local/share/man/man1 && man precache-watch
  precache man build/man1

\b
Exit codes:
  0  done
  1  the folder can't be written
  2  wrong usage
"""


@click.command(epilog=_EPILOG)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
def man(folder: Path) -> int:
    """Write the manual pages of all commands into a folder, which is made if need be."""
    from console.cli.main import cli
    from console.cli.shell.manual import pages
    from precache import __version__

    made = dict(pages(cli, __version__))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in made.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{folder} can't be written: {error.strerror}: choose another folder", FATAL) from error
    click.echo(f"{len(made)} pages in {folder}", err=True)
    return OK
