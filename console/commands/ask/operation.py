"""`precache operation`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from console.cli.exits import OK, USAGE, CommandError
from console.cli.output.formats import Listing, OutputOptions, output_of, output_options
from console.cli.output.tables import aligned, write
from console.cli.output.texts import printable
from console.cli.store import OpenStore, config_option, emit, open_store

if TYPE_CHECKING:
    from console.query.operations import HostResult
    from precache.query.records import StoredOperation

_EPILOG = """\b
ID is the operation's id, its request id, or the global request id that `precache start` prints.

\b
Examples:
  precache operation req-5f0d8a52-0b5e-4a7e-9d0a-6c1a6a7d0c11
  precache operation --last --cloud paris --aggregate my-application
  precache operation --last --hosts all -o wide
  precache operation --last --hosts failed -o json | jq -r '.hosts[].host'
  precache operation --last --hosts silent -o value -c host

\b
Exit codes:
  0  done
  1  there is no such operation, or the store can't be read
  2  wrong usage or configuration
"""
_WHICH: Final = ("failed", "silent", "all")


@click.command(epilog=_EPILOG)
@click.argument("identity", metavar="[ID]", required=False)
@config_option
@click.option("--last", is_flag=True, help="The one that began last, instead of an ID.")
@click.option("--cloud", default="", help="With --last: of this cloud.")
@click.option("--aggregate", metavar="NAME|UUID", default="", help="With --last: of this aggregate.")
@click.option("--hosts", "which", type=click.Choice(_WHICH), help="Which hosts; default: failed and silent ones.")
@output_options
def operation(
    *,
    identity: str | None,
    path: Path | None,
    last: bool,
    cloud: str,
    aggregate: str,
    which: str | None,
    **format_: Any,
) -> int:
    """Show one operation with its hosts, and what to search for in Nova's logs.

    `-c`, and `-o value`, print the hosts alone.
    """
    from console.query.operations import HOSTS, host_results, where_to_look

    if bool(identity) == last:
        raise CommandError("Choose an operation: its ID, or --last", USAGE)
    output = output_of(**format_)
    output.choose(HOSTS)
    with open_store(path) as store:
        found = _last(store, cloud, aggregate) if last else named(store, identity or "")
        hosts = host_results(found, store.reader.reports(found), which or "")
    _print(output, found, hosts)
    for note in _notes(found):
        emit(note)
    emit(where_to_look(found))
    return OK


def _last(store: OpenStore, cloud: str, aggregate: str) -> "StoredOperation":
    from precache.query.api import OperationFilter

    found = store.reader.operations(OperationFilter(cloud=cloud, aggregate=aggregate, limit=1))
    if not found:
        raise CommandError("no such operation: check --cloud and --aggregate, or see `precache operations`")
    return found[0]


def named(store: OpenStore, identity: str) -> "StoredOperation":
    """Return the operation with this id: its own, Nova's request id, or the global request id.

    Raises:
        CommandError: the store has none.
    """
    found = store.reader.find(identity)
    if not found:
        raise CommandError(
            f"no operation {identity!r} in the store: it may not have begun, or be older than the store keeps; "
            "see `precache operations`"
        )
    for other in found[1:]:
        emit(f"note: {identity} also names {other.operation}, which began later")
    return found[0]


def _print(output: OutputOptions, found: "StoredOperation", hosts: "list[HostResult]") -> None:
    from msgspec import to_builtins

    from console.query.operations import HOSTS, header, lines

    if output.format in {"json", "yaml"} and not output.columns:
        output.print_object(header(found) | {"hosts": [to_builtins(each) for each in hosts]})
        return
    if output.format in {"table", "wide"} and not output.columns:
        write(aligned([(name, printable(text)) for name, text in lines(found)]))
        if hosts:
            write([""])
    output.print(Listing(HOSTS, hosts))


def _notes(found: "StoredOperation") -> list[str]:
    notes = []
    if found.lists_cut:
        notes.append("note: the store names not all hosts, its lists are cut; the topic precache.operations has more")
    waiting = found.hosts_total - found.hosts_done
    if not found.is_final and waiting:
        hosts = "1 host has" if waiting == 1 else f"{waiting} hosts have"
        notes.append(f"note: it is not over: {hosts} not reported; the store names hosts once they report")
    return notes
