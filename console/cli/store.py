"""The store as a command asks it: found by the operator's file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from console.cli.exits import USAGE, CommandError

if TYPE_CHECKING:
    from precache.config.kinds import Kind
    from precache.config.operators import OperatorsBlock
    from precache.query.api import Reader


class OpenStore(NamedTuple):
    """An open store, and what the operator's file says of the clouds."""

    reader: "Reader"
    operators: "OperatorsBlock"


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--config`: the operator's file."""
    return click.option(
        "--config",
        "path",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="The operator's file. Default: PRECACHE_CONFIG, else ./precache.yaml, ~/.config/precache, /etc/precache.",
    )(command)


@contextmanager
def open_store(path: Path | None, *also: "Kind") -> Iterator[OpenStore]:
    """Open the store that the operator's file names, or a file of these kinds.

    Raises:
        CommandError: there is no such file, or it can't be used.
    """
    from precache.config import ConfigError
    from precache.operator.search import NoFileError, find
    from precache.operator.store import load_store_settings
    from precache.query.opening import open_reader

    try:
        settings = load_store_settings(path, also=frozenset(also))
    except NoFileError as error:
        raise CommandError(str(error), USAGE) from error
    except ConfigError as error:
        from console.cli.configs import errors_text

        raise CommandError(errors_text(find(path) or Path(), error), USAGE) from error
    reader = open_reader(settings.store)
    try:
        yield OpenStore(reader, settings.operators)
    finally:
        reader.close()


def emit(text: str) -> None:
    """Say something to a person, on stderr."""
    click.echo(text, err=True)
