"""`precache completion`."""

import click

from console.cli.exits import OK
from console.cli.shell.completion import SHELLS, script

_EPILOG = """\b
Examples:
  source <(precache completion bash)                                            # in ~/.bashrc
  source <(precache completion zsh)                                             # in ~/.zshrc
  precache completion fish > ~/.config/fish/completions/precache.fish

\b
Exit codes:
  0  done
  2  wrong usage
"""


@click.command(epilog=_EPILOG)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> int:
    """Print the script that makes a shell complete commands, options and their values."""
    from console.cli.main import cli

    click.echo(script(cli, shell))
    return OK
