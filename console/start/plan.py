"""What speaks against a request before it is made: pure, from what the cloud and Kafka have."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from console.cli.output.texts import counted, printable
from console.watch.board import BoardEntry
from console.watch.show import lines
from precache.contract.identity import natural
from precache.openstack.api import Aggregate, ComputeHost, Image

_ACTIVE: Final = "active"
# Names in one sentence; the rest is a number.
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One request to be made.

    Attributes:
        cloud: its name in `bridge.yaml`; ``""`` when it was not given.
        aggregate: where.
        images: what; no image twice.
    """

    cloud: str
    aggregate: Aggregate
    images: tuple[Image, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found.

    Attributes:
        refusals: reasons not to ask, unless `--force` is given.
        warnings: what a person should know.
    """

    refusals: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check(
    wish: PlannedRequest,
    hosts: Sequence[ComputeHost] | None,
    running: Sequence[BoardEntry] | None,
    resume: str = "precache watch",
) -> Findings:
    """Return what speaks against a request.

    Args:
        wish: the request.
        hosts: the cloud's compute hosts; None when they are not known.
        running: the operations that are open on all clouds; None when that can't be known.
        resume: the command that follows an operation, less its id.
    """
    found = Findings()
    _check_images(wish.images, found)
    _check_hosts(wish.aggregate, hosts, found)
    if running is None:
        found.warnings.append("what runs on this cloud already is not known: that takes Kafka (--config or --kafka)")
    else:
        _check_running(wish, running, resume, found)
    return found


def asking(wish: PlannedRequest) -> str:
    """Return what is about to be asked for."""
    cloud = f"cloud {printable(wish.cloud)}, " if wish.cloud else ""
    name, count = printable(wish.aggregate.name), len(wish.aggregate.hosts)
    hosts = counted(count, "host")
    images = ", ".join(map(_image, wish.images))
    return f"asking Nova to cache {images} on aggregate {name!r} ({wish.aggregate.uuid}), {cloud}{hosts}"


def separate(wish: PlannedRequest) -> list[PlannedRequest]:
    """Return a request for each image."""
    return [PlannedRequest(wish.cloud, wish.aggregate, (image,)) for image in wish.images]


def some(names: Iterable[str]) -> str:
    """Return names for a sentence: the first few in natural order, and how many more there are."""
    ordered = [printable(name) for name in sorted(names, key=natural)]
    more = len(ordered) - _SHOWN
    return ", ".join(ordered[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _check_images(images: Iterable[Image], found: Findings) -> None:
    found.refusals.extend(
        f"image {_image(image)} is {image.status}, not active: it would fail on every host"
        for image in images
        if image.status != _ACTIVE
    )


def _check_hosts(aggregate: Aggregate, hosts: Sequence[ComputeHost] | None, found: Findings) -> None:
    name = printable(aggregate.name)
    if not aggregate.hosts:
        found.refusals.append(f"aggregate {name!r} has no hosts: there is nothing to cache on")
    if hosts is None:
        return
    up = {host.name for host in hosts if host.up}
    down = [host for host in aggregate.hosts if host not in up]
    if down:
        count = "1 host is" if len(down) == 1 else f"{len(down)} of {len(aggregate.hosts)} hosts are"
        found.warnings.append(f"{count} down and will fail at once: {some(down)}")


def _check_running(wish: PlannedRequest, running: Sequence[BoardEntry], resume: str, found: Findings) -> None:
    wanted = {image.id for image in wish.images}
    others = []
    for entry in running:
        # By its uuid alone: a cloud may be named otherwise here than by its bridge.
        same_place = entry.operation.aggregate_uuid == wish.aggregate.uuid
        if same_place and not entry.images:
            found.refusals.append(
                f"{_name(entry)} runs on this aggregate, and no host has reported its images yet: "
                f"it may be for the same ones. Follow it with: {lines.go_on(resume, entry.operation.operation)}"
            )
        elif same_place and wanted & entry.images:
            found.refusals.append(
                f"{_name(entry)} already caches {some(wanted & entry.images)} on this aggregate "
                f"({_so_far(entry)}). Follow it with: {lines.go_on(resume, entry.operation.operation)}"
            )
        elif same_place or entry.operation.cloud == wish.cloud:
            others.append(entry)
    if others:
        listed = ", ".join(f"{_name(entry)} ({_so_far(entry)})" for entry in others[:_SHOWN])
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        found.warnings.append(f"may be waiting behind what runs on this cloud: {listed}{more}")


def _image(image: Image) -> str:
    return f"{printable(image.name)!r} ({image.id})" if image.name else image.id


def _name(entry: BoardEntry) -> str:
    return printable(entry.operation.operation)


def _so_far(entry: BoardEntry) -> str:
    return f"{entry.hosts_done} of {entry.operation.hosts_total} hosts"
