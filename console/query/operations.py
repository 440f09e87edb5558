"""Operations, and one operation with its hosts, as columns and rows. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

from msgspec import Struct, to_builtins

from console.cli.output.formats import Column
from console.cli.output.moments import at, short
from console.cli.output.texts import counted
from console.watch.show.lines import duration
from precache.contract.identity import natural
from precache.query.records import HostReport, StoredOperation

Result = Literal["cached", "failed", "silent"]


class HostResult(Struct, frozen=True):
    """What became of an operation on one host; ``time`` is RFC 3339, ``""`` for a silent one."""

    host: str
    result: Result
    time: str = ""
    images_cached: tuple[str, ...] = ()
    images_failed: tuple[str, ...] = ()
    conductor: str = ""


OPERATIONS: Final[tuple[Column[StoredOperation], ...]] = (
    Column("started_at", lambda each: each.started_at, "started", short),
    Column("cloud", lambda each: each.cloud),
    Column("aggregate_name", lambda each: each.aggregate_name, "aggregate"),
    Column("status", lambda each: each.status),
    Column("hosts_done", lambda each: each.hosts_done, "done"),
    Column("hosts_total", lambda each: each.hosts_total, "hosts"),
    Column("hosts_failed", lambda each: each.hosts_failed, "failed"),
    Column("hosts_silent", lambda each: each.hosts_silent, "silent"),
    Column("duration_s", lambda each: each.duration_s, "took", duration),
    Column("request_id", lambda each: each.request_id, "request"),
    Column("operation", lambda each: each.operation, is_wide=True),
    Column("aggregate_uuid", lambda each: each.aggregate_uuid, is_wide=True),
    Column("errors", lambda each: each.errors, is_wide=True),
    Column("percent", lambda each: each.percent, "percent", lambda value: f"{value:.1f}", is_wide=True),
    Column("images", lambda each: list(each.images), is_wide=True),
    Column("ended_at", lambda each: each.ended_at, "ended", short, is_wide=True),
    Column("revision", lambda each: each.revision, is_wide=True),
    Column("global_request_id", lambda each: each.global_request_id, is_wide=True),
    Column("project_id", lambda each: each.project_id, is_wide=True),
    Column("user_id", lambda each: each.user_id, is_wide=True),
    Column("conductor", lambda each: each.conductor, is_wide=True),
)

HOSTS: Final[tuple[Column[HostResult], ...]] = (
    Column("host", lambda each: each.host),
    Column("result", lambda each: each.result),
    Column("time", lambda each: each.time, "reported", short),
    Column("images_failed", lambda each: list(each.images_failed), "failed images"),
    Column("images_cached", lambda each: list(each.images_cached), "cached images", is_wide=True),
    Column("conductor", lambda each: each.conductor, is_wide=True),
)


def header(operation: StoredOperation) -> dict[str, Any]:
    """Return all that is known of an operation but for its hosts, as JSON takes it."""
    values: dict[str, Any] = to_builtins(operation) | {"time": at(operation.time)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def lines(operation: StoredOperation) -> Iterator[tuple[str, str]]:
    """Yield the header for people: names and texts."""
    yield "operation", operation.operation
    yield "status", operation.status + (f" (revision {operation.revision})" if operation.revision > 1 else "")
    yield "cloud", operation.cloud
    yield "aggregate", f"{operation.aggregate_name} ({operation.aggregate_uuid})"
    yield "started", short(operation.started_at) + (" (START never came)" if operation.start_missing else "")
    if operation.is_final:
        yield "ended", short(operation.ended_at) + (" (END never came)" if operation.end_missing else "")
    yield "took", duration(operation.duration_s)
    yield "hosts", f"{operation.hosts_done} of {operation.hosts_total} reported ({operation.percent:.1f}%)"
    yield "failed", f"{counted(operation.hosts_failed, 'host')}, {counted(operation.errors, 'error')}"
    if operation.is_final:
        yield "silent", counted(operation.hosts_silent, "host")
    yield "images", ", ".join(operation.images)
    yield "request", operation.request_id
    yield "global request", operation.global_request_id or "none"
    yield "asked by", f"user {operation.user_id or 'unknown'}, project {operation.project_id or 'unknown'}"
    yield "conductor", operation.conductor or "unknown"


def host_results(operation: StoredOperation, reports: Sequence[HostReport], which: str) -> list[HostResult]:
    """Return an operation's hosts in natural order.

    Args:
        operation: names the silent ones.
        reports: of the others.
        which: ``failed``, ``silent``, ``all``; ``""``: those that failed or were silent.
    """
    found = [
        HostResult(
            each.host,
            "failed" if each.images_failed else "cached",
            at(each.time),
            each.images_cached,
            each.images_failed,
            each.conductor,
        )
        for each in reports
    ]
    reported = {each.host for each in found}
    found += [HostResult(host, "silent") for host in operation.silent_hosts if host not in reported]
    wanted = {"failed", "silent"} if not which else {"cached", "failed", "silent"} if which == "all" else {which}
    return sorted((each for each in found if each.result in wanted), key=lambda each: natural(each.host))


def where_to_look(operation: StoredOperation) -> str:
    """Return what to search for in Nova's logs."""
    conductor = f" on {operation.conductor}" if operation.conductor else ""
    hosts = ", and nova-compute on these hosts" if operation.hosts_failed or operation.hosts_silent else ""
    return f"In Nova's logs, search for {operation.request_id}: nova-conductor{conductor}{hosts}"
