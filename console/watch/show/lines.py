"""The watcher's texts: what goes to stdout, word for word as the contract has it, and the warnings for stderr."""

import shlex
from collections.abc import Iterable
from typing import Final

from console.cli.output.texts import printable
from precache.contract.identity import natural
from precache.contract.operation import Operation
from precache.contract.progress import Progress

# Hosts download with the token of whoever asked.
EXPIRED: Final = (
    "note: from one host on every host failed, and none before. It looks as if the token of the request had expired on "
    "the way. Ask again; [service_user] in nova.conf lets hosts use a token of Nova's"
)

_MINUTE_S: Final = 60
_HOUR_S: Final = 3_600


def started(operation: Operation) -> str:
    """Return ``Image cache started on 95 hosts``."""
    return f"Image cache started on {operation.hosts_total} hosts"


def progressed(progress: Progress) -> str:
    """Return ``Aggregate 'foo' host 95: 100% complete (8 errors)``."""
    return (
        f"Aggregate '{printable(progress.aggregate_name)}' host {progress.hosts_done}: "
        f"{progress.percent:.0f}% complete ({progress.errors} errors)"
    )


def finished(operation: Operation) -> list[str]:
    """Return the summary: the count, then hosts with errors, hosts without an answer, images that failed, if any."""
    took = duration(operation.duration_s)
    lines = [f"Completed {operation.hosts_done} hosts, {operation.errors} errors in {took}"]
    if operation.failed_hosts:
        lines += ["Errors from hosts:", *_hosts(operation.failed_hosts)]
    if operation.silent_hosts:
        lines += ["No answer from hosts:", *_hosts(operation.silent_hosts)]
    lines += [
        f"Image {printable(image)} failed {counts.hosts_failed} times"
        for image, counts in sorted(operation.image_counts.items())
        if counts.hosts_failed
    ]
    return lines


def opened(operation: Operation) -> str:
    """Return who is followed: id, cloud and aggregate."""
    name, uuid = printable(operation.aggregate_name), printable(operation.aggregate_uuid)
    return (
        f"operation {printable(operation.operation)} in cloud {printable(operation.cloud)}, aggregate '{name}' ({uuid})"
    )


def images(names: Iterable[str]) -> str:
    """Return what is cached."""
    return f"images: {', '.join(map(printable, sorted(names)))}"


def twin(operation: Operation) -> str:
    """Return the warning for a second operation with one global request id."""
    return f"warning: {printable(operation.operation)} has the same global request id, and is not followed"


def stalled(operation: Operation) -> str:
    """Return the warning for a stall."""
    return (
        f"warning: stalled at {_so_far(operation)}: nothing was heard for longer than operations.stall_after; "
        "look at nova-conductor's log and at `precache doctor`; still watching"
    )


def resumed(operation: Operation) -> str:
    """Return the line for a stalled operation that goes on."""
    return f"goes on after a stall, at {_so_far(operation)}"


def ended_badly(operation: Operation) -> str:
    """Return the warning for an end that is none of Nova's: abandoned, or stalled where that ends the watch."""
    if operation.status == "stalled":
        return f"warning: stalled at {_so_far(operation)}, and --fail-on-stall was given; Nova may still go on"
    return (
        f"warning: abandoned at {_so_far(operation)}: nothing was heard for longer than operations.abandon_after; "
        "look at nova-conductor's log, and pre-cache again"
    )


def lists_cut(operation: Operation) -> str:
    """Return the note for lists that had to be cut: the record was too large for Kafka."""
    failed, silent = operation.hosts_failed, operation.hosts_silent
    return f"note: the lists of hosts were too long and are cut: in all, {failed} with errors, {silent} without answer"


def nothing_began(timeout_s: float) -> str:
    """Return the text for a timeout before anything began."""
    return (
        f"nothing began within {duration(timeout_s)}. If an image cache was asked for: check --cloud and --aggregate, "
        "then that bridge and processor run (`precache doctor --config FILE`)"
    )


def still_running(operation: Operation, hosts_done: int, timeout_s: float, resume: str) -> str:
    """Return the text for a timeout while the operation runs, with the way to take the watch up again.

    Args:
        operation: its last record.
        hosts_done: how many of its hosts reported.
        timeout_s: after how long, in seconds.
        resume: the command that follows an operation, less its id.
    """
    return (
        f"still running after {duration(timeout_s)}: {hosts_done} of {operation.hosts_total} hosts. "
        f"Go on with: {go_on(resume, operation.operation)}"
    )


def go_on(resume: str, operation: str) -> str:
    """Return the command that follows an operation, by its id or its global request id."""
    return f"{resume} --operation {shlex.quote(printable(operation))}"


def interrupted(resume: str, operation: str) -> str:
    """Return what to say at Ctrl-C."""
    return f"Nova goes on. Follow it again with: {go_on(resume, operation)}"


def duration(seconds: float) -> str:
    """Return a duration as ``3s``, ``2m31s`` or ``1h02m``, to the nearest second."""
    whole = int(seconds + 0.5)
    if whole < _MINUTE_S:
        return f"{whole}s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S}m{whole % _MINUTE_S:02d}s"
    return f"{whole // _HOUR_S}h{whole % _HOUR_S // _MINUTE_S:02d}m"


def _hosts(names: Iterable[str]) -> list[str]:
    return [printable(name) for name in sorted(names, key=natural)]


def _so_far(operation: Operation) -> str:
    return f"{operation.hosts_done} of {operation.hosts_total} hosts"
