"""One operation with its hosts."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from msgspec import to_builtins

from console.query.operations import header, host_results, where_to_look
from console.web.live import Live
from console.web.pages.curve import curve
from console.web.pages.page import Context, NotFoundError, Page, Parameters, View
from precache.contract.times import parse_ns
from precache.query.api import Reader
from precache.query.records import HostReport, StoredOperation


class FoundOperation(NamedTuple):
    """An operation, the reports of its hosts, and how many others have the same global request id."""

    operation: StoredOperation
    reports: list[HostReport]
    twins: int


def ask(reader: Reader, parameters: Parameters, _context: Context) -> FoundOperation:
    """Ask for the first operation that an id names.

    Raises:
        NotFoundError: there is none.
    """
    found = reader.find(parameters["operation"])
    if not found:
        raise NotFoundError(f"The store has no operation {parameters['operation']}")
    return FoundOperation(found[0], reader.reports(found[0]), len(found) - 1)


def view(found: FoundOperation, _parameters: Parameters, context: Context) -> View:
    """Return all of the operation; while it runs, with rate and time left."""
    operation = found.operation
    running = None if operation.is_final else context.live.one(operation.operation)
    done = operation.hosts_done if running is None else max(operation.hosts_done, running.hosts_done)
    hosts = host_results(operation, found.reports, "all")
    results = Counter(each.result for each in hosts)
    return {
        "operation": header(operation) | {"hosts_done": done},
        "rate_per_min": None if running is None else running.rate_per_min,
        "left_s": None if running is None else running.left_s,
        "results": {
            "cached": results["cached"],
            "failed": results["failed"],
            "silent": results["silent"],
            "waiting": 0 if operation.is_final else max(0, operation.hosts_total - len(hosts)),
        },
        "hosts": to_builtins(hosts),
        "images": image_rows(operation, found.reports),
        "curve": curve([each.time for each in found.reports], operation.hosts_total, *_span(operation))._asdict(),
        "where_to_look": where_to_look(operation),
        "twins": found.twins,
        "is_final": operation.is_final,
        "lists_cut": operation.lists_cut,
    }


def image_rows(operation: StoredOperation, reports: Sequence[HostReport]) -> list[dict[str, Any]]:
    """Return for each image on how many hosts it is, and on how many it failed."""
    cached = Counter(image for each in reports for image in each.images_cached)
    failed = Counter(image for each in reports for image in each.images_failed)
    names = sorted({*operation.images, *cached, *failed})
    return [{"image": name, "hosts_cached": cached[name], "hosts_failed": failed[name]} for name in names]


def _span(operation: StoredOperation) -> tuple[int, int]:
    """Return from when to when the operation went, nanoseconds; 0 for an end that is not known."""
    return operation.time, parse_ns(operation.ended_at) if operation.ended_at else 0


def _token(live: Live, parameters: Parameters) -> object:
    running = live.one(parameters["operation"])
    return None if running is None else running.token


PAGE: Final = Page(
    name="operation",
    path="/operation/{operation:path}",
    title="Operation",
    parameters=("operation",),
    ask=ask,
    view=view,
    fresh_s=10.0,
    token=_token,
)
