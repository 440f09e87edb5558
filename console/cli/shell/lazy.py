"""A click group that imports a command only when it is run: `precache --help` answers at once."""

from collections.abc import Mapping
from importlib import import_module
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem

from console.cli.shell.groups import Group, with_verbose


class CommandEntry(NamedTuple):
    """Where a command lives, and the line that the list of commands says of it."""

    module: str
    attribute: str
    summary: str


class LazyGroup(Group):
    """A group whose commands are named in a table, with their summaries, and imported on use.

    Args:
        lazy: the table, by command name, in the order in which help lists them.
    """

    def __init__(self, *args: object, lazy: Mapping[str, CommandEntry], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names, in the table's order."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import and return a command; None when there is none of that name."""
        entry = self._lazy.get(cmd_name)
        if entry is None:
            return None
        command = getattr(import_module(entry.module), entry.attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.module}:{entry.attribute} is no command")
        return with_verbose(command)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return what may follow, commands by the table alone; click's own would import each of them."""
        commands = [CompletionItem(name, help=entry.summary) for name, entry in self._lazy.items()]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*(each for each in commands if each.value.startswith(incomplete)), *options]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the list of commands from the table alone; click's own would import each of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self._lazy.items()])
