"""Residency as columns and rows: each image of an aggregate with its counts, or each host. Pure."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, NamedTuple

from msgspec import structs

from console.cli.output.formats import Column
from console.cli.output.moments import at, short
from precache.query.residency import STATES, HostImage, Residency, State, counts


class StateCounts(NamedTuple):
    """One image of an aggregate: how many of its hosts are in which state.

    Attributes:
        expires: the first time at which Nova may purge it from a host that has it; nanoseconds, 0: from none.
    """

    aggregate: Residency
    image: str
    states: dict[State, int]
    expires: int


class HostRow(NamedTuple):
    """One image on one host."""

    aggregate: Residency
    pair: HostImage


def _count(state: State) -> Callable[[StateCounts], int]:
    return lambda row: row.states[state]


IMAGES: Final[tuple[Column[StateCounts], ...]] = (
    Column("cloud", lambda row: row.aggregate.cloud),
    Column("aggregate_name", lambda row: row.aggregate.aggregate_name, "aggregate"),
    Column("image", lambda row: row.image),
    Column("hosts", lambda row: len(row.aggregate.hosts)),
    *(Column(state, _count(state)) for state in STATES),
    Column("expires_at", lambda row: at(row.expires), "first expires", short),
    Column("as_of", lambda row: at(row.aggregate.as_of), "hosts as of", short, is_wide=True),
    Column("aggregate_uuid", lambda row: row.aggregate.aggregate_uuid, is_wide=True),
)

HOSTS: Final[tuple[Column[HostRow], ...]] = (
    Column("cloud", lambda row: row.aggregate.cloud),
    Column("aggregate_name", lambda row: row.aggregate.aggregate_name, "aggregate"),
    Column("host", lambda row: row.pair.host),
    Column("image", lambda row: row.pair.image),
    Column("state", lambda row: row.pair.state),
    Column("touched_at", lambda row: at(row.pair.touched), "touched", short),
    Column("expires_at", lambda row: at(row.pair.expires), "expires", short),
    Column("operation", lambda row: row.pair.operation, is_wide=True),
    Column("as_of", lambda row: at(row.aggregate.as_of), "hosts as of", short, is_wide=True),
    Column("aggregate_uuid", lambda row: row.aggregate.aggregate_uuid, is_wide=True),
)


def by_image(found: Sequence[Residency]) -> Iterator[StateCounts]:
    """Yield each image of each aggregate."""
    for aggregate in found:
        pairs: dict[str, list[HostImage]] = {image: [] for image in aggregate.images}
        for pair in aggregate.pairs:
            pairs[pair.image].append(pair)
        for image, of_image in pairs.items():
            there = [pair.expires for pair in of_image if pair.state in {"resident", "expiring"}]
            yield StateCounts(aggregate, image, dict(counts(of_image)), min(there, default=0))


def by_host(found: Sequence[Residency], host: str, states: Collection[State]) -> Iterator[HostRow]:
    """Yield each host of each image: of this name, in one of these states; nothing given: all of them."""
    for aggregate in found:
        for pair in aggregate.pairs:
            if host in {"", pair.host} and (not states or pair.state in states):
                yield HostRow(aggregate, pair)


def of_images(found: Residency, images: Collection[str]) -> Residency:
    """Return an aggregate's estimate for these images alone."""
    return structs.replace(
        found,
        images=tuple(image for image in found.images if image in images),
        pairs=tuple(pair for pair in found.pairs if pair.image in images),
    )
