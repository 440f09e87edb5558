"""How a command ends badly: what is said on stderr, and the exit code."""

import os
import sys
from typing import IO, Any, Final

import click

OK: Final = 0
FATAL: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
TERMINATED: Final = 143


class Terminated(KeyboardInterrupt):
    """SIGTERM came: what is open is closed, and the terminal put right, as after Ctrl-C."""


class CommandError(click.ClickException):
    """Ends the command with a text that says what is wrong and what to do about it.

    Args:
        message: what is wrong, and what to do next; printed on stderr after ``precache: ``.
        exit_code: the command's exit code.
    """

    def __init__(self, message: str, exit_code: int = FATAL) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click itself sets it by instance

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the text on stderr, without colours and without the usage line."""
        click.echo(f"precache: {self.message}", file=file, err=True)


def end_unless(in_time: bool, code: int) -> None:  # noqa: FBT001 - the answer of the service
    """End the process at once if it was asked to end and something in it hangs: an orderly exit would wait for that."""
    if not in_time:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
