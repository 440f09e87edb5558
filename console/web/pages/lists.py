"""The pages that are one table: declared images, and boot times."""

from typing import Any, Final

from msgspec import to_builtins

from console.cli.output.moments import at
from console.web.pages.page import Context, Page, Parameters, View
from precache.contract.times import NS_PER_S
from precache.query.api import BootFilter, Reader, WantedFilter
from precache.query.boots import BootTimes, boot_times
from precache.query.records import WantedImage
from precache.query.residency import Question

_WEEK_NS: Final = 7 * 86_400 * NS_PER_S
# What somebody should look at first.
_ORDER: Final = ("failing", "working", "waiting", "paused", "resident", "removed")


def _ask_wanted(reader: Reader, parameters: Parameters, _context: Context) -> list[WantedImage]:
    return reader.wanted(WantedFilter(cloud=parameters["cloud"]))


def _wanted(found: list[WantedImage], parameters: Parameters, _context: Context) -> View:
    rows: list[dict[str, Any]] = [
        to_builtins(each) | {"time": at(each.time)} for each in found if each.state != "removed"
    ]
    return {"cloud": parameters["cloud"], "wanted": sorted(rows, key=lambda row: _ORDER.index(row["state"]))}


WANTED: Final = Page(
    name="wanted",
    path="/wanted",
    title="Wanted images",
    parameters=("cloud",),
    ask=_ask_wanted,
    view=_wanted,
    fresh_s=10.0,
)


def _ask_boots(reader: Reader, parameters: Parameters, context: Context) -> list[BootTimes]:
    kept_ns = int(context.operators.longest_purge_after_s() * NS_PER_S)
    since_ns = context.now_ns - _WEEK_NS
    cloud = parameters["cloud"]
    boots = reader.boots(BootFilter(cloud=cloud, since_ns=since_ns - kept_ns))
    if not boots:
        return []
    question = Question(now_ns=context.now_ns, purge_after_s=context.operators.purge_after_s)
    return boot_times(boots, reader.evidence(since_ns - kept_ns, cloud), question, since_ns)


def _boots(found: list[BootTimes], parameters: Parameters, _context: Context) -> View:
    return {"cloud": parameters["cloud"], "boots": to_builtins(found)}


BOOTS: Final = Page(
    name="boots",
    path="/boots",
    title="Boots",
    parameters=("cloud",),
    ask=_ask_boots,
    view=_boots,
    fresh_s=60.0,
    usable_s=600.0,
)
