"""What all groups of commands share: `-v` after a command's name, too, and a near match for a wrong name."""

import difflib

import click

from console.cli.invocation import Invocation

# How alike two names must be before one is offered for the other.
_ALIKE = 0.6


class Group(click.Group):
    """A group whose commands all take `-v`."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, `-v` among its options; None when there is none of that name."""
        command = super().get_command(ctx, cmd_name)
        return None if command is None else with_verbose(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the first word names; a wrong name is refused with the one that was meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1, cutoff=_ALIKE)
            if not near or self.get_command(ctx, args[0]) is not None:
                raise
            raise click.UsageError(f"No such command {args[0]!r}. Did you mean {near[0]!r}?", ctx) from None


def with_verbose(command: click.Command) -> click.Command:
    """Give a command `-v`, if it does not have it."""
    if all(parameter.name != "verbose" for parameter in command.params):
        command.params.append(
            click.Option(
                ["-v", "--verbose"],
                is_flag=True,
                expose_value=False,
                callback=_be_verbose,
                help="Debug logs, and tracebacks with errors.",
            )
        )
    return command


def _be_verbose(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    invocation = ctx.find_object(Invocation)
    if value and invocation is not None:
        invocation.verbose = True
