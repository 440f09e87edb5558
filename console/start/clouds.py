"""Asks each cloud what there is of what a person named: aggregate, images, hosts. In parallel, each within a minute."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from console.cli.tasks import Task, all_over
from console.start.plan import PlannedRequest
from precache.openstack.api import Cloud, ComputeHost, OpenStackError, RefusedError


class CloudAccess(NamedTuple):
    """How to reach one cloud.

    Attributes:
        name: in `bridge.yaml`; ``""`` when it was not given.
        os_cloud: its entry in `clouds.yaml`; None for the environment.
        region: where the entry has several.
    """

    name: str
    os_cloud: str | None = None
    region: str | None = None

    @property
    def label(self) -> str:
        """What a person calls it."""
        return self.name or self.os_cloud or "the cloud"


@dataclass(slots=True)
class ResolvedNames:
    """What a cloud has of what was named.

    Attributes:
        place: the cloud.
        cloud: to be asked. Its calls take turns, by the lock.
        wish: with ids instead of names.
        hosts: None when this user may not list them.
    """

    place: CloudAccess
    cloud: Cloud
    wish: PlannedRequest
    hosts: list[ComputeHost] | None
    lock: threading.Lock


Outcome = ResolvedNames | OpenStackError
Connect = Callable[[CloudAccess], Cloud]


def look_up(places: Sequence[CloudAccess], aggregate: str, images: Sequence[str], connect: Connect) -> list[Outcome]:
    """Return what each cloud has, or why that can't be known, in the order of the places."""
    tasks = [Task(lambda place=place: _look_up(place, aggregate, images, connect)) for place in places]  # type: ignore[misc]
    return [_outcome(task) for task in all_over(tasks)]


def connect_to(place: CloudAccess) -> Cloud:
    """Log in to a cloud.

    Raises:
        OpenStackError: that is not possible.
    """
    from precache.openstack.client import connect

    return connect(place.os_cloud, place.region, place=place.label)


def _look_up(place: CloudAccess, aggregate: str, images: Sequence[str], connect: Connect) -> ResolvedNames:
    cloud = connect(place)
    where = cloud.aggregate(aggregate)
    # An image that is named twice, by its name and by its id, is one: Nova refuses duplicates.
    what = {image.id: image for image in map(cloud.image, images)}
    return ResolvedNames(
        place, cloud, PlannedRequest(place.name, where, tuple(what.values())), _hosts(cloud), threading.Lock()
    )


def _hosts(cloud: Cloud) -> list[ComputeHost] | None:
    try:
        return cloud.compute_hosts()
    except RefusedError:
        return None


def _outcome(task: Task[ResolvedNames]) -> Outcome:
    try:
        return task.result()
    except OpenStackError as error:
        return error
