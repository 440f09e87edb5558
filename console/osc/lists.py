"""`openstack precache operation list | operation show | residency list`: what the store knows."""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from osc_lib import exceptions
from osc_lib.command import command

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from console.cli.output.formats import Column
    from console.cli.store import OpenStore

# As long as `precache residency` looks back by default.
_SINCE_S: Final = 7 * 86_400.0

Table = tuple[list[str], list[tuple[Any, ...]]]


def _parser(parser: argparse.ArgumentParser, **options: str) -> argparse.ArgumentParser:
    """Add `--config` and options of one value each, with their help."""
    parser.add_argument("--config", metavar="<file>", type=Path, help="The operator's file, precache.yaml")
    for name, text in options.items():
        parser.add_argument(f"--{name}", metavar=f"<{name}>", default="", help=text)
    return parser


def _open(path: Path | None) -> "AbstractContextManager[OpenStore]":
    from console.cli.store import open_store

    return open_store(path)


def _with_long(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--long", action="store_true", help="List additional columns")
    return parser


def _table(every: "Sequence[Column[Any]]", rows: Iterable[Any], *, long: bool) -> Table:
    """Return names and values as cliff takes them: it has formatters and a choice of columns of its own."""
    columns = [column for column in every if long or not column.is_wide]
    return [column.name for column in columns], [tuple(column.value(row) for column in columns) for row in rows]


class _Reading:
    """Reads the store, and needs no login. Our errors keep their own words."""

    auth_required = False

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        import click

        from precache.query.api import QueryError

        try:
            return self.read(parsed_args)
        except click.ClickException as error:
            raise exceptions.CommandError(error.format_message()) from error
        except QueryError as error:
            raise exceptions.CommandError(str(error)) from error

    def read(self, parsed_args: argparse.Namespace) -> Any:
        """Return what cliff prints."""
        raise NotImplementedError


class OperationList(_Reading, command.Lister):
    """List operations, the newest first."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of its filters."""
        parser = _parser(super().get_parser(prog_name), cloud="Only this cloud's", aggregate="Name or UUID")
        parser.add_argument("--running", action="store_true", help="Only what is not over")
        parser.add_argument("--limit", metavar="<n>", type=int, default=50, help="The newest N (default: 50)")
        return _with_long(parser)

    def read(self, parsed_args: argparse.Namespace) -> Table:
        """Return the operations."""
        from console.query.operations import OPERATIONS
        from precache.query.api import OPEN_STATUSES, OperationFilter

        wanted = OperationFilter(
            cloud=parsed_args.cloud,
            aggregate=parsed_args.aggregate,
            statuses=OPEN_STATUSES if parsed_args.running else frozenset(),
            limit=parsed_args.limit,
        )
        with _open(parsed_args.config) as store:
            return _table(OPERATIONS, store.reader.operations(wanted), long=parsed_args.long)


class OperationShow(_Reading, command.ShowOne):
    """Show one operation."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the id."""
        parser = _parser(super().get_parser(prog_name))
        parser.add_argument("id", metavar="<id>", help="An operation's id, request id, or global request id")
        return parser

    def read(self, parsed_args: argparse.Namespace) -> tuple[list[str], tuple[Any, ...]]:
        """Return the operation: the first one, where several bear the id."""
        from console.query.operations import OPERATIONS

        with _open(parsed_args.config) as store:
            found = store.reader.find(parsed_args.id)
        if not found:
            raise exceptions.CommandError(f"no operation {parsed_args.id} in the store")
        names, [values] = _table(OPERATIONS, found[:1], long=True)
        return names, values


class ResidencyList(_Reading, command.Lister):
    """Estimate which images are on which hosts: one line for each image and host."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of its filters."""
        parser = super().get_parser(prog_name)
        _parser(parser, cloud="Only this cloud's", aggregate="Name or UUID", image="Its ID", host="Its name")
        parser.add_argument("--live", action="store_true", help="Ask Nova which hosts the aggregates have now")
        return _with_long(parser)

    def read(self, parsed_args: argparse.Namespace) -> Table:
        """Return the estimate."""
        from console.commands.ask.residency import ask
        from console.query.residency import HOSTS, by_host

        found = ask(
            parsed_args.config,
            cloud=parsed_args.cloud,
            aggregate=parsed_args.aggregate,
            image=parsed_args.image,
            margin_s=None,
            since_s=_SINCE_S,
            live=parsed_args.live,
        )
        return _table(HOSTS, by_host(found, parsed_args.host, ()), long=parsed_args.long)
