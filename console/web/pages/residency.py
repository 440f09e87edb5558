"""Which images are on which hosts: aggregate by image, or one aggregate's hosts by image."""

from typing import Any, Final, NamedTuple

from console.cli.output.moments import at
from console.query.residency import by_image
from console.web.pages.page import Context, Page, Parameters, View
from precache.contract.times import NS_PER_S
from precache.query.api import BootFilter, OperationFilter, Reader
from precache.query.residency import STATES, Question, Residency, estimate

_WEEK_NS: Final = 7 * 86_400 * NS_PER_S
_MOST_CLOUDS_FROM: Final = 5_000
# A table with more cells is of no use to anybody.
_MOST_CELLS: Final = 40_000


class FoundHosts(NamedTuple):
    """The clouds that there are, the one that was chosen, and what is known of its aggregates."""

    clouds: list[str]
    cloud: str
    aggregates: list[Residency]


def ask(reader: Reader, parameters: Parameters, context: Context) -> FoundHosts:
    """Estimate for one cloud; where none is chosen and there are several, only name them."""
    names = {each.name for each in context.operators.clouds} | {each.cloud for each in reader.bridges()}
    if not names:
        wanted = OperationFilter(since_ns=context.now_ns - _WEEK_NS, limit=_MOST_CLOUDS_FROM)
        names = {each.cloud for each in reader.operations(wanted)}
    clouds = sorted(names)
    cloud = parameters["cloud"] or (clouds[0] if len(clouds) == 1 else "")
    if not cloud:
        return FoundHosts(clouds, "", [])
    since_ns = context.now_ns - max(_WEEK_NS, int(context.operators.longest_purge_after_s() * NS_PER_S))
    question = Question(
        now_ns=context.now_ns,
        purge_after_s=context.operators.purge_after_s,
        aggregate=parameters["aggregate"],
    )
    boots = reader.boots(BootFilter(cloud=cloud, since_ns=since_ns))
    return FoundHosts(clouds, cloud, estimate(reader.evidence(since_ns, cloud), question, boots))


def view(found: FoundHosts, parameters: Parameters, _context: Context) -> View:
    """Return counts for each image of each aggregate; of one aggregate, every host, too."""
    rows = [
        {
            "cloud": row.aggregate.cloud,
            "aggregate_uuid": row.aggregate.aggregate_uuid,
            "aggregate_name": row.aggregate.aggregate_name,
            "image": row.image,
            "hosts": len(row.aggregate.hosts),
            "states": row.states,
            "expires_at": at(row.expires),
            "as_of": at(row.aggregate.as_of),
        }
        for row in by_image(found.aggregates)
    ]
    is_one = bool(parameters["aggregate"]) and len(found.aggregates) == 1
    return {
        "clouds": found.clouds,
        "cloud": found.cloud,
        "aggregate": parameters["aggregate"],
        "states": list(STATES),
        "images": rows,
        "grid": _grid(found.aggregates[0]) if is_one else None,
        "lists_cut": any(each.lists_cut for each in found.aggregates),
    }


def _grid(found: Residency) -> dict[str, Any] | None:
    """Return the states host by host, in the order of the images; ``None`` when that would be too much."""
    if len(found.hosts) * len(found.images) > _MOST_CELLS:
        return None
    states = {(pair.host, pair.image): (pair.state, at(pair.expires)) for pair in found.pairs}
    return {
        "images": list(found.images),
        "hosts": [
            {
                "host": host,
                "states": [states.get((host, image), ("", ""))[0] for image in found.images],
                "expires_at": [states.get((host, image), ("", ""))[1] for image in found.images],
            }
            for host in found.hosts
        ],
    }


PAGE: Final = Page(
    name="residency",
    path="/residency",
    title="Residency",
    parameters=("cloud", "aggregate"),
    ask=ask,
    view=view,
    fresh_s=30.0,
    usable_s=300.0,
)
