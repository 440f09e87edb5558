"""Completion by the shell: click's own, and the variable by which a shell's script asks for it."""

import os
from typing import Final

import click
from click.shell_completion import get_completion_class, shell_complete

SHELLS: Final = ("bash", "zsh", "fish")
_PROGRAM: Final = "precache"
_VARIABLE: Final = "_PRECACHE_COMPLETE"


def is_asked_for() -> bool:
    """Return whether a shell asks what may follow, as its script does at each press of Tab."""
    return _VARIABLE in os.environ


def answer(cli: click.Command) -> int:
    """Print what may follow; returns the exit code."""
    return shell_complete(cli, {}, _PROGRAM, _VARIABLE, os.environ[_VARIABLE])


def script(cli: click.Command, shell: str) -> str:
    """Return the script that a shell has to source."""
    kind = get_completion_class(shell)
    if kind is None:
        raise ValueError(f"click completes nothing for {shell}")
    return kind(cli, {}, _PROGRAM, _VARIABLE).source()
