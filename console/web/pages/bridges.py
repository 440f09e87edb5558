"""Bridges and their last heartbeats."""

from collections.abc import Iterable
from typing import Any, Final

from console.cli.output.moments import at
from console.web.pages.page import Context, Page, Parameters, View
from precache.contract.times import NS_PER_S
from precache.query.api import Reader
from precache.query.records import BridgeState, names_of

# A bridge sends a heartbeat a minute: two are missing.
QUIET_S: Final = 150.0


def bridge_rows(found: Iterable[BridgeState], now_ns: int) -> list[dict[str, Any]]:
    """Return a row for each bridge and cloud; ``age_s``: seconds since its last heartbeat."""
    rows = []
    for each in found:
        age_s = max(0.0, (now_ns - each.time) / NS_PER_S)
        row = {name: getattr(each, name) for name in names_of(BridgeState)}
        rows.append(row | {"time": at(each.time), "age_s": age_s, "is_quiet": age_s > QUIET_S})
    return rows


def _view(found: list[BridgeState], _parameters: Parameters, context: Context) -> View:
    rows = bridge_rows(found, context.now_ns)
    return {"bridges": rows, "quiet": sum(row["is_quiet"] for row in rows)}


PAGE: Final = Page(
    name="bridges",
    path="/bridges",
    title="Bridges",
    parameters=(),
    ask=lambda reader, _parameters, _context: _bridges(reader),
    view=_view,
    fresh_s=10.0,
)


def _bridges(reader: Reader) -> list[BridgeState]:
    return reader.bridges()
