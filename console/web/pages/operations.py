"""The list of operations."""

from typing import Final, get_args

from console.web.pages.overview import short_of
from console.web.pages.page import Context, Page, Parameters, View
from precache.contract.operation import Status
from precache.query.api import OperationFilter, Reader
from precache.query.records import StoredOperation

_MOST: Final = 200
_STATUSES: Final[tuple[Status, ...]] = get_args(Status)


def ask(reader: Reader, parameters: Parameters, _context: Context) -> list[StoredOperation]:
    """Ask for the newest that match."""
    return reader.operations(
        OperationFilter(
            cloud=parameters["cloud"],
            aggregate=parameters["aggregate"],
            image=parameters["image"],
            statuses=frozenset(each for each in _STATUSES if each == parameters["status"]),
            limit=_MOST,
        )
    )


def view(found: list[StoredOperation], parameters: Parameters, _context: Context) -> View:
    """Return them as rows, and what was asked for."""
    return {
        "asked": dict(parameters),
        "statuses": list(_STATUSES),
        "operations": [short_of(each) for each in found],
        "is_cut": len(found) == _MOST,
    }


PAGE: Final = Page(
    name="operations",
    path="/operations",
    title="Operations",
    parameters=("cloud", "aggregate", "image", "status"),
    ask=ask,
    view=view,
    fresh_s=5.0,
    token=lambda live, _parameters: live.ended,
)
